//! Whom references mean, and which accounts a consultation concerns.

use sqlx::FromRow;

use super::Consultation;
use crate::domain::clinical::doctor::DoctorStatus;
use crate::domain::consultations::reference::Reference;
use crate::domain::id::{DoctorId, InstitutionId, PatientId, UserId};
use crate::error::Result;
use crate::persistence::{Store, Tx};

/// The doctor a reference means.
#[derive(Debug, Clone, Copy, FromRow)]
pub struct Doctor {
    pub id: DoctorId,
    pub status: DoctorStatus,
    pub institution_id: Option<InstitutionId>,
}

/// The patient a reference means. An id comes before what another system calls somebody.
pub async fn patient(store: &Store, reference: &Reference) -> Result<Option<PatientId>> {
    const SQL: &str = "
        select id from patients
        where (id = $1 or external_ref = $2) and deleted_at is null
        order by case when id = $1 then 0 else 1 end limit 1";
    Ok(on!(store, |conn| sqlx::query_scalar(SQL)
        .bind(reference.id())
        .bind(reference)
        .fetch_optional(conn)
        .await)?)
}

/// The doctor a reference means. An id comes before what another system calls somebody.
pub async fn doctor(store: &Store, reference: &Reference) -> Result<Option<Doctor>> {
    const SQL: &str = "
        select id, status, institution_id from doctors
        where (id = $1 or external_ref = $2) and deleted_at is null
        order by case when id = $1 then 0 else 1 end limit 1";
    Ok(on!(store, |conn| sqlx::query_as(SQL)
        .bind(reference.id())
        .bind(reference)
        .fetch_optional(conn)
        .await)?)
}

/// The accounts of patient and doctor.
pub async fn accounts(tx: &mut Tx, consultation: &Consultation) -> Result<Vec<UserId>> {
    const SQL: &str = "
        select user_id from patients where id = $1 and user_id is not null
        union select user_id from doctors where id = $2 and user_id is not null";
    Ok(on!(tx, |conn| sqlx::query_scalar(SQL)
        .bind(consultation.patient_id)
        .bind(consultation.doctor_id)
        .fetch_all(conn)
        .await)?)
}
