//! The consultations of a patient, as their record lists them.

use serde::Serialize;
use sqlx::FromRow;
use utoipa::ToSchema;

use crate::domain::id::{AppointmentId, ConsultationId, DoctorId, PatientId};
use crate::domain::time::Timestamp;
use crate::error::Result;
use crate::persistence::Store;

/// A consultation of a record.
#[derive(Debug, Clone, Serialize, FromRow, ToSchema)]
#[schema(as = RecordedConsultation)]
pub struct Consultation {
    pub id: ConsultationId,
    pub appointment_id: Option<AppointmentId>,
    pub doctor_id: Option<DoctorId>,
    /// `created`, `waiting`, `live`, `ended` or `cancelled`
    pub status: String,
    /// What the doctor wrote at its end.
    pub summary: Option<String>,
    pub started_at: Option<Timestamp>,
    pub ended_at: Option<Timestamp>,
    pub created_at: Timestamp,
}

/// The newest consultations of a patient.
pub async fn newest(store: &Store, patient: PatientId, limit: i64) -> Result<Vec<Consultation>> {
    const SQL: &str = "
        select id, appointment_id, doctor_id, status, summary, started_at, ended_at, created_at
        from consultations where patient_id = $1 and deleted_at is null
        order by created_at desc, id desc limit $2";
    Ok(on!(store, |conn| sqlx::query_as(SQL).bind(patient).bind(limit).fetch_all(conn).await)?)
}
