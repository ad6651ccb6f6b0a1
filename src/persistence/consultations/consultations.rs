//! The `consultations` table.

use std::time::Duration;

use sqlx::{FromRow, QueryBuilder};

use crate::domain::consultations::reference::Reference;
use crate::domain::consultations::status::ConsultationStatus;
use crate::domain::events::consultation::RecordingMark;
use crate::domain::events::signaling::SeatRole;
use crate::domain::events::values::MediaMode;
use crate::domain::id::{
    AppointmentId, ConsultationId, DoctorId, InstitutionId, PatientId, UserId,
};
use crate::domain::time::Timestamp;
use crate::error::{Kind, Result};
use crate::persistence::clinical::relations::{OF_DOCTOR, OF_INSTITUTION, push_related};
use crate::persistence::clinical::row::Stamp;
use crate::persistence::{Store, Tx};

const NOUN: &str = "consultation";

/// A consultation.
#[derive(Debug, Clone, FromRow)]
pub struct Consultation {
    pub id: ConsultationId,
    pub appointment_id: Option<AppointmentId>,
    pub patient_ref: Reference,
    pub doctor_ref: Reference,
    /// Absent when the reference means nobody here.
    pub patient_id: Option<PatientId>,
    /// Absent when the reference means nobody here.
    pub doctor_id: Option<DoctorId>,
    pub room_name: String,
    pub room_sid: Option<String>,
    pub mode: MediaMode,
    pub e2ee: bool,
    pub status: ConsultationStatus,
    pub max_participants: i64,
    /// Whether it is recorded from the moment on that it is live.
    pub record: bool,
    pub waiting_room: bool,
    pub summary: Option<String>,
    pub started_at: Option<Timestamp>,
    pub ended_at: Option<Timestamp>,
    /// Whether it is being recorded.
    pub recording: RecordingMark,
    #[sqlx(flatten)]
    pub stamp: Stamp,
}

/// The columns of a [`Consultation`], in a statement about `consultations`.
macro_rules! columns {
    () => {
        "id, appointment_id, patient_ref, doctor_ref, patient_id, doctor_id, room_name, room_sid, mode,
         e2ee, status, max_participants, record, waiting_room, summary, started_at, ended_at,
         coalesce((select case when mock then 'mock' else 'active' end from recordings
            where consultation_id = consultations.id
                and status in ('starting', 'recording', 'stopping', 'mock')), 'none') as recording,
         version, created_at, updated_at, deleted_at"
    };
}
pub(super) use columns;

impl Consultation {
    /// What somebody is called in it.
    pub fn reference(&self, role: SeatRole) -> Option<&Reference> {
        match role {
            SeatRole::Patient => Some(&self.patient_ref),
            SeatRole::Doctor => Some(&self.doctor_ref),
            SeatRole::Observer => None,
        }
    }

    /// Fails with [`Kind::Gone`] when nobody can join any more.
    pub fn must_be_open(&self) -> Result<()> {
        if self.status.is_over() { Err(Kind::Gone(NOUN).into()) } else { Ok(()) }
    }

    /// Its place in a list.
    pub fn place(&self) -> String {
        format!("{}:{}", self.stamp.created_at.0, self.id)
    }
}

/// A consultation to be written.
#[derive(Debug)]
pub struct New<'a> {
    pub id: &'a ConsultationId,
    pub appointment: Option<AppointmentId>,
    pub patient_ref: &'a Reference,
    pub doctor_ref: &'a Reference,
    pub patient: Option<PatientId>,
    pub doctor: Option<DoctorId>,
    pub room_name: &'a str,
    pub room_sid: &'a str,
    pub mode: MediaMode,
    pub e2ee: bool,
    pub max_participants: i64,
    pub record: bool,
    pub waiting_room: bool,
    pub created_by: Option<UserId>,
}

/// Whose consultations may be seen, relations counting from a moment on.
#[derive(Debug, Clone, Copy)]
pub enum Whose {
    Everyones,
    /// Those with a doctor, and those of the doctor's patients.
    Doctors(DoctorId, Timestamp),
    /// Those with a doctor alone.
    DoctorsOwn(DoctorId),
    /// Those with one of an institution's doctors, and those of its patients.
    Institutions(InstitutionId, Timestamp),
    Patients(PatientId),
}

/// How a consultation is named.
#[derive(Debug, Clone, Copy)]
pub enum Name<'a> {
    Id(&'a ConsultationId),
    /// By its room's name, or else by its id.
    Room(&'a str),
}

/// Adds whose consultations to a statement. A macro, because the statement has a type per engine.
macro_rules! restrict {
    ($sql:ident, $whose:expr) => {
        match $whose {
            Whose::Everyones => {}
            Whose::Doctors(doctor, since) => {
                $sql.push(" and (doctor_id = ").push_bind(doctor).push(" or patient_id in ");
                push_related!($sql, OF_DOCTOR, doctor, since);
                $sql.push(")");
            }
            Whose::DoctorsOwn(doctor) => {
                $sql.push(" and doctor_id = ").push_bind(doctor);
            }
            Whose::Institutions(institution, since) => {
                $sql.push(" and (doctor_id in (select id from doctors where institution_id = ");
                $sql.push_bind(institution).push(" and deleted_at is null) or patient_id in ");
                push_related!($sql, OF_INSTITUTION, institution, since);
                $sql.push(")");
            }
            Whose::Patients(patient) => {
                $sql.push(" and patient_id = ").push_bind(patient);
            }
        }
    };
}
pub(super) use restrict;

/// A consultation, if it is one of those.
pub async fn find(store: &Store, name: Name<'_>, whose: Whose) -> Result<Consultation> {
    let found: Option<Consultation> = on!(store, |conn| {
        let mut sql = QueryBuilder::new(concat!("select ", columns!(), " from consultations"));
        sql.push(" where deleted_at is null and ");
        match name {
            Name::Id(id) => {
                sql.push("id = ").push_bind(id.clone());
            }
            Name::Room(name) => {
                sql.push("(room_name = ").push_bind(name.to_owned());
                sql.push(" or id = ").push_bind(name.to_owned());
                sql.push(")");
            }
        }
        restrict!(sql, whose);
        // One may be called as another one's room is.
        if let Name::Room(name) = name {
            sql.push(" order by case when room_name = ").push_bind(name.to_owned());
            sql.push(" then 0 else 1 end limit 1");
        }
        sql.build_query_as().fetch_optional(conn).await
    })?;
    found.ok_or_else(|| Kind::NotFound(NOUN).into())
}

/// A consultation; until the transaction ends nobody else can change it.
pub async fn hold(tx: &mut Tx, id: &ConsultationId) -> Result<Consultation> {
    const SQL: &str = concat!(
        "update consultations set version = version where id = $1 and deleted_at is null returning ",
        columns!()
    );
    let held = on!(tx, |conn| sqlx::query_as(SQL).bind(id).fetch_optional(conn).await)?;
    held.ok_or_else(|| Kind::NotFound(NOUN).into())
}

/// The consultation of a room; until the transaction ends nobody else can change it.
pub async fn hold_room(tx: &mut Tx, room: &str) -> Result<Option<Consultation>> {
    const SQL: &str = concat!(
        "update consultations set version = version
         where room_name = $1 and deleted_at is null returning ",
        columns!()
    );
    Ok(on!(tx, |conn| sqlx::query_as(SQL).bind(room).fetch_optional(conn).await)?)
}

/// Writes a new consultation; none when its id is taken.
pub async fn insert(tx: &mut Tx, new: &New<'_>, now: Timestamp) -> Result<Option<Consultation>> {
    const SQL: &str = concat!(
        "insert into consultations
            (id, appointment_id, patient_ref, doctor_ref, patient_id, doctor_id, room_name, room_sid,
             mode, e2ee, status, max_participants, record, waiting_room, created_by, created_at,
             updated_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 'created', $11, $12, $13, $14, $15, $15)
         on conflict do nothing returning ",
        columns!()
    );
    Ok(on!(tx, |conn| sqlx::query_as(SQL)
        .bind(new.id)
        .bind(new.appointment)
        .bind(new.patient_ref)
        .bind(new.doctor_ref)
        .bind(new.patient)
        .bind(new.doctor)
        .bind(new.room_name)
        .bind(new.room_sid)
        .bind(new.mode)
        .bind(new.e2ee)
        .bind(new.max_participants)
        .bind(new.record)
        .bind(new.waiting_room)
        .bind(new.created_by)
        .bind(now)
        .fetch_optional(conn)
        .await)?)
}

/// Writes how far a consultation is that the transaction holds. A summary stays unless there is another.
pub async fn set_status(
    tx: &mut Tx,
    id: &ConsultationId,
    status: ConsultationStatus,
    summary: Option<&str>,
    now: Timestamp,
) -> Result<Consultation> {
    const SQL: &str = concat!(
        "update consultations
         set status = $2, summary = coalesce($3, summary),
             started_at = case when $4 then coalesce(started_at, $6) else started_at end,
             ended_at = case when $5 then $6 else ended_at end,
             updated_at = $6, version = version + 1
         where id = $1 returning ",
        columns!()
    );
    Ok(on!(tx, |conn| sqlx::query_as(SQL)
        .bind(id)
        .bind(status)
        .bind(summary)
        .bind(status == ConsultationStatus::Live)
        .bind(status.is_over())
        .bind(now)
        .fetch_one(conn)
        .await)?)
}

/// Counts a change of what belongs to a consultation that the transaction holds.
pub async fn touch(tx: &mut Tx, id: &ConsultationId, now: Timestamp) -> Result<Consultation> {
    const SQL: &str = concat!(
        "update consultations set updated_at = $2, version = version + 1 where id = $1 returning ",
        columns!()
    );
    Ok(on!(tx, |conn| sqlx::query_as(SQL).bind(id).bind(now).fetch_one(conn).await)?)
}

/// Writes how the call of a consultation is carried that the transaction holds.
pub async fn set_mode(
    tx: &mut Tx,
    id: &ConsultationId,
    mode: MediaMode,
    room_sid: Option<&str>,
    now: Timestamp,
) -> Result<Consultation> {
    const SQL: &str = concat!(
        "update consultations
         set mode = $2, room_sid = coalesce($3, room_sid), updated_at = $4, version = version + 1
         where id = $1 returning ",
        columns!()
    );
    Ok(on!(tx, |conn| sqlx::query_as(SQL)
        .bind(id)
        .bind(mode)
        .bind(room_sid)
        .bind(now)
        .fetch_one(conn)
        .await)?)
}

/// Adds to the time that somebody spent in the lobby.
pub async fn note_wait(tx: &mut Tx, id: &ConsultationId, waited: Duration) -> Result<()> {
    const SQL: &str = "update consultations set waited_ms = waited_ms + $2 where id = $1";
    let waited = i64::try_from(waited.as_millis()).unwrap_or(i64::MAX);
    Ok(on!(tx, |conn| sqlx::query(SQL).bind(id).bind(waited).execute(conn).await.map(drop))?)
}
