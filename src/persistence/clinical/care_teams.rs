//! `patient_doctors`: who cares for a patient besides the primary doctor.

use serde::{Deserialize, Serialize};
use sqlx::FromRow;
use utoipa::ToSchema;

use super::row::taken;
use crate::domain::id::{DoctorId, PatientId};
use crate::domain::time::Timestamp;
use crate::error::{Kind, Result};
use crate::persistence::{Store, Tx};

/// What a doctor is to a patient.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, sqlx::Type, ToSchema)]
#[serde(rename_all = "lowercase")]
#[sqlx(type_name = "text", rename_all = "lowercase")]
pub enum Part {
    Primary,
    Specialist,
    Nurse,
    Other,
}

/// A doctor of a team.
#[derive(Debug, Clone, FromRow)]
pub struct Member {
    pub doctor_id: DoctorId,
    pub role: Part,
    pub since: Timestamp,
}

/// The team of a patient, the longest member first.
pub async fn of(store: &Store, patient: PatientId) -> Result<Vec<Member>> {
    const SQL: &str = "
        select doctor_id, role, since from patient_doctors
        where patient_id = $1 order by since, doctor_id";
    Ok(on!(store, |conn| sqlx::query_as(SQL).bind(patient).fetch_all(conn).await)?)
}

/// Fails with [`Kind::Conflict`] when the doctor is of the team.
pub async fn add(
    tx: &mut Tx,
    patient: PatientId,
    doctor: DoctorId,
    role: Part,
    now: Timestamp,
) -> Result<()> {
    const SQL: &str = "
        insert into patient_doctors (patient_id, doctor_id, role, since) values ($1, $2, $3, $4)";
    on!(tx, |conn| sqlx::query(SQL)
        .bind(patient)
        .bind(doctor)
        .bind(role)
        .bind(now)
        .execute(conn)
        .await
        .map(drop))
    .map_err(taken("doctor_id"))
}

/// Fails with [`Kind::NotFound`] when the doctor is not of the team.
pub async fn remove(tx: &mut Tx, patient: PatientId, doctor: DoctorId) -> Result<()> {
    const SQL: &str = "delete from patient_doctors where patient_id = $1 and doctor_id = $2";
    let removed = on!(tx, |conn| sqlx::query(SQL)
        .bind(patient)
        .bind(doctor)
        .execute(conn)
        .await
        .map(|done| done.rows_affected()))?;
    if removed == 0 { Err(Kind::NotFound("member").into()) } else { Ok(()) }
}
