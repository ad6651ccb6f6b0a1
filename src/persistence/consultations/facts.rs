//! What a room has to know of its consultation.

use sqlx::FromRow;

use crate::domain::clinical::doctor::DoctorStatus;
use crate::domain::consultations::facts::{Doctor, Facts, Party};
use crate::domain::consultations::reference::Reference;
use crate::domain::consultations::status::ConsultationStatus;
use crate::domain::events::signaling::notices::RecordingRequest;
use crate::domain::events::values::MediaMode;
use crate::domain::id::{ConsultationId, RecordingId, UserId};
use crate::error::Result;
use crate::persistence::Store;

#[derive(FromRow)]
struct Row {
    id: ConsultationId,
    room_name: String,
    status: ConsultationStatus,
    mode: MediaMode,
    version: i64,
    max_participants: i64,
    waiting_room: bool,
    is_recorded: bool,
    e2ee: bool,
    asked_about: Option<RecordingId>,
    asked_by: Option<UserId>,
    patient_ref: Reference,
    doctor_ref: Reference,
    doctor_user: Option<UserId>,
    doctor_status: Option<DoctorStatus>,
    doctor_name: Option<String>,
    patient_user: Option<UserId>,
    patient_name: Option<String>,
}

const SQL: &str = "
    select c.id, c.room_name, c.status, c.mode, c.version, c.max_participants, c.waiting_room, c.e2ee,
        exists (select 1 from recordings where consultation_id = c.id
            and status in ('starting', 'recording', 'stopping', 'mock')) as is_recorded,
        r.id as asked_about, r.started_by as asked_by, c.patient_ref, c.doctor_ref,
        d.user_id as doctor_user, d.status as doctor_status,
        d.first_name || ' ' || d.last_name as doctor_name,
        p.user_id as patient_user, p.first_name || ' ' || p.last_name as patient_name
    from consultations c
        left join doctors d on d.id = c.doctor_id and d.deleted_at is null
        left join recordings r on r.consultation_id = c.id and r.status = 'requested'
            and r.deleted_at is null
        left join patients p on p.id = c.patient_id and p.deleted_at is null
    where (c.id = $1 or c.room_name = $1) and c.deleted_at is null
    order by case when c.id = $1 then 0 else 1 end limit 1";

/// A consultation by its id or the name of its room.
pub async fn find(store: &Store, id_or_room: &str) -> Result<Option<Facts>> {
    let row: Option<Row> =
        on!(store, |conn| sqlx::query_as(SQL).bind(id_or_room).fetch_optional(conn).await)?;
    Ok(row.map(Facts::from))
}

impl From<Row> for Facts {
    fn from(row: Row) -> Self {
        let doctor = row.doctor_user.zip(row.doctor_status).map(|(user, status)| {
            let name = row.doctor_name.unwrap_or_default();
            Doctor { party: Party { user, reference: row.doctor_ref, name }, status }
        });
        let patient = row.patient_user.map(|user| {
            let name = row.patient_name.unwrap_or_default();
            Party { user, reference: row.patient_ref, name }
        });
        let asked = row
            .asked_about
            .map(|recording| RecordingRequest::new(&row.id, recording, row.asked_by));
        Self {
            asked,
            id: row.id,
            room_name: row.room_name,
            status: row.status,
            mode: row.mode,
            version: row.version,
            max_participants: usize::try_from(row.max_participants).unwrap_or_default(),
            has_lobby: row.waiting_room,
            is_recorded: row.is_recorded,
            is_encrypted: row.e2ee,
            takes_anybody: false,
            doctor,
            patient,
        }
    }
}
