//! Which accounts somebody has to do with (contract §4), by the rows of care of both.

use sqlx::types::Json;

use super::{doctors, institutions, patients};
use crate::domain::clinical::doctor::DoctorStatus;
use crate::domain::id::UserId;
use crate::domain::identity::{Principal, Role};
use crate::domain::time::Timestamp;
use crate::error::Result;
use crate::persistence::Store;

/// The accounts among `$2`, as each engine reads them.
macro_rules! sqlite {
    () => {
        "in (select value from json_each($2))"
    };
}
macro_rules! postgres {
    () => {
        "in (select value::bigint from jsonb_array_elements_text($2))"
    };
}

/// Patients of a doctor, and the doctor's institution. `$3` is from when on visits count.
macro_rules! of_doctor {
    ($among:expr) => {
        concat!(
            "select p.user_id from patients p
             where p.user_id ",
            $among,
            " and p.deleted_at is null and (
                p.doctor_id = $1
                or exists (
                    select 1 from patient_doctors where patient_id = p.id and doctor_id = $1)
                or exists (
                    select 1 from appointments
                    where patient_id = p.id and doctor_id = $1 and starts_at >= $3
                        and status <> 'cancelled' and deleted_at is null)
                or exists (
                    select 1 from consultations
                    where patient_id = p.id and doctor_id = $1 and created_at >= $3
                        and status <> 'cancelled'))
             union
             select i.user_id from medical_institutions i
             where i.user_id ",
            $among,
            " and i.deleted_at is null
                and i.id = (select institution_id from doctors where id = $1)"
        )
    };
}

/// Doctors of an institution, and patients of either.
macro_rules! of_institution {
    ($among:expr) => {
        concat!(
            "select d.user_id from doctors d
             where d.user_id ",
            $among,
            " and d.deleted_at is null and d.institution_id = $1
             union
             select p.user_id from patients p
             where p.user_id ",
            $among,
            " and p.deleted_at is null and (
                p.institution_id = $1
                or exists (
                    select 1 from doctors d
                    where d.institution_id = $1 and d.deleted_at is null and (
                        d.id = p.doctor_id
                        or d.id in (select doctor_id from patient_doctors where patient_id = p.id)
                        or d.id in (
                            select doctor_id from appointments
                            where patient_id = p.id and starts_at >= $3 and status <> 'cancelled'
                                and deleted_at is null)
                        or d.id in (
                            select doctor_id from consultations
                            where patient_id = p.id and created_at >= $3
                                and status <> 'cancelled'))))"
        )
    };
}

/// Doctors of a patient, and the institutions of either.
macro_rules! of_patient {
    ($among:expr) => {
        concat!(
            "with own as (
                select doctor_id as id from patients where id = $1 and doctor_id is not null
                union select doctor_id from patient_doctors where patient_id = $1
                union select doctor_id from appointments
                    where patient_id = $1 and starts_at >= $3 and status <> 'cancelled'
                        and deleted_at is null and doctor_id is not null
                union select doctor_id from consultations
                    where patient_id = $1 and created_at >= $3 and status <> 'cancelled'
                        and doctor_id is not null)
             select d.user_id from doctors d
             where d.user_id ",
            $among,
            " and d.deleted_at is null and d.id in (select id from own)
             union
             select i.user_id from medical_institutions i
             where i.user_id ",
            $among,
            " and i.deleted_at is null and (
                i.id = (select institution_id from patients where id = $1)
                or i.id in (
                    select d.institution_id from doctors d join own on own.id = d.id
                    where d.deleted_at is null))"
        )
    };
}

/// Those of `users` that a caller has to do with, by whichever role; visits count from `since` on. A
/// doctor who does not practise has to do with nobody.
pub async fn among(
    store: &Store,
    caller: &Principal,
    users: &[UserId],
    since: Timestamp,
) -> Result<Vec<UserId>> {
    let mut related = Vec::new();
    if caller.has(Role::Doctor)
        && let Some((doctor, DoctorStatus::Active)) = doctors::of_user(store, caller.user).await?
    {
        let sql = store.text(of_doctor!(sqlite!()), of_doctor!(postgres!()));
        related.extend(found(store, sql, doctor.0, users, since).await?);
    }
    if caller.has(Role::Institution)
        && let Some(institution) = institutions::of_user(store, caller.user).await?
    {
        let sql = store.text(of_institution!(sqlite!()), of_institution!(postgres!()));
        related.extend(found(store, sql, institution.0, users, since).await?);
    }
    if caller.has(Role::Patient)
        && let Some(patient) = patients::of_user(store, caller.user).await?
    {
        let sql = store.text(of_patient!(sqlite!()), of_patient!(postgres!()));
        related.extend(found(store, sql, patient.0, users, since).await?);
    }
    related.sort_unstable();
    related.dedup();
    Ok(related)
}

async fn found(
    store: &Store,
    sql: &'static str,
    whose: i64,
    users: &[UserId],
    since: Timestamp,
) -> Result<Vec<UserId>> {
    Ok(on!(store, |conn| sqlx::query_scalar(sql)
        .bind(whose)
        .bind(Json(users))
        .bind(since)
        .fetch_all(conn)
        .await)?)
}
