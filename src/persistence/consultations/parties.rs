//! Whom references mean, and which accounts a consultation concerns.

use sqlx::FromRow;

use super::Consultation;
use crate::domain::clinical::doctor::DoctorStatus;
use crate::domain::consultations::reference::Reference;
use crate::domain::events::signaling::SeatRole;
use crate::domain::id::{ConsultationId, DoctorId, InstitutionId, PatientId, UserId};
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

/// What an account is called in each open consultation that it is a party of or looks on at.
pub async fn places(tx: &mut Tx, user: UserId) -> Result<Vec<(ConsultationId, String)>> {
    const OF_PARTY: &str = "
        select c.id, 'patient', c.patient_ref
        from patients p join consultations c on c.patient_id = p.id
        where p.user_id = $1 and c.status in ('created', 'waiting', 'live')
        union all
        select c.id, 'doctor', c.doctor_ref
        from doctors d join consultations c on c.doctor_id = d.id
        where d.user_id = $1 and c.status in ('created', 'waiting', 'live')";
    const OF_OBSERVER: &str = "
        select consultation_id from consultation_participants
        where identity = $1 and left_at is null";
    let parties: Vec<(ConsultationId, SeatRole, Reference)> =
        on!(tx, |conn| sqlx::query_as(OF_PARTY).bind(user).fetch_all(&mut *conn).await)?;
    let observer = Reference::from(user.0).identity(SeatRole::Observer);
    let looked_at: Vec<ConsultationId> =
        on!(tx, |conn| sqlx::query_scalar(OF_OBSERVER).bind(&observer).fetch_all(conn).await)?;
    let parties = parties.into_iter().map(|(id, role, reference)| (id, reference.identity(role)));
    Ok(parties.chain(looked_at.into_iter().map(|id| (id, observer.clone()))).collect())
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
