//! Who has to do with whom (contract §4): the rows a doctor or an institution may look at.

use sqlx::FromRow;

use crate::domain::clinical::doctor::DoctorStatus;
use crate::domain::id::{ConsultationId, DoctorId, InstitutionId, PatientId, UserId};
use crate::domain::time::Timestamp;
use crate::error::Result;
use crate::persistence::{Source, Tx};

/// Whose patients, as conditions on a column of patients' ids that follows `in`; a removed patient is
/// nobody's. Each `?` stands for
/// the doctor or institution, each `!` for the moment from which on visits count.
pub(in crate::persistence) const OF_DOCTOR: &str =
    "(select id from patients where deleted_at is null and id in (
    select id from patients where doctor_id = ?
    union select patient_id from patient_doctors where doctor_id = ?
    union select patient_id from appointments
        where doctor_id = ? and starts_at >= ! and status <> 'cancelled' and deleted_at is null
    union select patient_id from consultations
        where doctor_id = ? and created_at >= ! and status <> 'cancelled'))";
pub(in crate::persistence) const OF_INSTITUTION: &str =
    "(select id from patients where deleted_at is null and id in (
    select id from patients where institution_id = ?
    union select p.id from patients p join doctors d on d.id = p.doctor_id
        where d.institution_id = ? and d.deleted_at is null
    union select pd.patient_id from patient_doctors pd join doctors d on d.id = pd.doctor_id
        where d.institution_id = ? and d.deleted_at is null
    union select a.patient_id from appointments a join doctors d on d.id = a.doctor_id
        where d.institution_id = ? and d.deleted_at is null and a.starts_at >= !
            and a.status <> 'cancelled' and a.deleted_at is null
    union select c.patient_id from consultations c join doctors d on d.id = c.doctor_id
        where d.institution_id = ? and d.deleted_at is null and c.created_at >= !
            and c.status <> 'cancelled'))";

/// Adds one of the conditions above to a statement. A macro, because the statement has a type per
/// engine.
macro_rules! push_related {
    ($sql:ident, $condition:expr, $whose:expr, $since:expr) => {
        for (place, part) in $condition.split('?').enumerate() {
            if place > 0 {
                $sql.push_bind($whose);
            }
            for (place, part) in part.split('!').enumerate() {
                if place > 0 {
                    $sql.push_bind($since);
                }
                $sql.push(part);
            }
        }
    };
}
pub(in crate::persistence) use push_related;

/// Whether a patient is the doctor's, `since` being the moment from which on visits count.
pub async fn of_doctor(
    source: impl Into<Source<'_>>,
    doctor: DoctorId,
    patient: PatientId,
    since: Timestamp,
) -> Result<bool> {
    const SQL: &str = "
        select exists (select 1 from patients where id = $2 and deleted_at is null) and (
            exists (select 1 from patients where id = $2 and doctor_id = $1)
            or exists (select 1 from patient_doctors where patient_id = $2 and doctor_id = $1)
            or exists (
                select 1 from appointments
                where patient_id = $2 and doctor_id = $1 and starts_at >= $3
                    and status <> 'cancelled' and deleted_at is null)
            or exists (
                select 1 from consultations
                where patient_id = $2 and doctor_id = $1 and created_at >= $3
                    and status <> 'cancelled'))";
    Ok(on_source!(source.into(), |conn| sqlx::query_scalar(SQL)
        .bind(doctor)
        .bind(patient)
        .bind(since)
        .fetch_one(conn)
        .await)?)
}

/// Whether a patient is the institution's, by itself or through one of its doctors.
pub async fn of_institution(
    source: impl Into<Source<'_>>,
    institution: InstitutionId,
    patient: PatientId,
    since: Timestamp,
) -> Result<bool> {
    const SQL: &str = "
        select exists (select 1 from patients where id = $2 and deleted_at is null) and (
            exists (select 1 from patients where id = $2 and institution_id = $1)
            or exists (
                select 1 from doctors d
                where d.institution_id = $1 and d.deleted_at is null and (
                    d.id = (select doctor_id from patients where id = $2)
                    or d.id in (select doctor_id from patient_doctors where patient_id = $2)
                    or d.id in (
                        select doctor_id from appointments
                        where patient_id = $2 and starts_at >= $3 and status <> 'cancelled'
                            and deleted_at is null)
                    or d.id in (
                        select doctor_id from consultations
                        where patient_id = $2 and created_at >= $3
                            and status <> 'cancelled'))))";
    Ok(on_source!(source.into(), |conn| sqlx::query_scalar(SQL)
        .bind(institution)
        .bind(patient)
        .bind(since)
        .fetch_one(conn)
        .await)?)
}

/// Whether a patient is still theirs who has this account, a doctor's or an institution's; anybody else's is of
/// the house, to whom all are open.
pub async fn of_account(
    tx: &mut Tx,
    account: UserId,
    patient: PatientId,
    since: Timestamp,
) -> Result<bool> {
    const SQL: &str = "
        select (select id from doctors where user_id = $1 and deleted_at is null),
            (select status from doctors where user_id = $1 and deleted_at is null),
            (select id from medical_institutions where user_id = $1 and deleted_at is null)";
    let (doctor, status, institution): (
        Option<DoctorId>,
        Option<DoctorStatus>,
        Option<InstitutionId>,
    ) = on!(tx, |conn| sqlx::query_as(SQL).bind(account).fetch_one(conn).await)?;
    match (doctor, institution) {
        (Some(_), _) if status != Some(DoctorStatus::Active) => Ok(false),
        (Some(doctor), _) => of_doctor(tx, doctor, patient, since).await,
        (_, Some(institution)) => of_institution(tx, institution, patient, since).await,
        (None, None) => Ok(true),
    }
}

/// The accounts of those a row concerns; absent where there is none.
#[derive(Debug, Clone, Copy, Default, FromRow)]
pub struct Accounts {
    pub patient: Option<UserId>,
    pub doctor: Option<UserId>,
    pub institution: Option<UserId>,
}

/// The accounts of a patient, a doctor and an institution.
pub async fn accounts(
    tx: &mut Tx,
    patient: PatientId,
    doctor: Option<DoctorId>,
    institution: Option<InstitutionId>,
) -> Result<Accounts> {
    const SQL: &str = "
        select (select user_id from patients where id = $1) as patient,
            (select user_id from doctors where id = $2) as doctor,
            (select user_id from medical_institutions where id = $3) as institution";
    Ok(on!(tx, |conn| sqlx::query_as(SQL)
        .bind(patient)
        .bind(doctor)
        .bind(institution)
        .fetch_one(conn)
        .await)?)
}

/// The accounts that a doctor or an institution opens patients to: theirs, and that of the
/// institution the doctor works for.
pub async fn carers(
    tx: &mut Tx,
    doctor: Option<DoctorId>,
    institution: Option<InstitutionId>,
) -> Result<Vec<UserId>> {
    const SQL: &str = "
        select user_id from doctors where id = $1 and user_id is not null
        union select i.user_id from medical_institutions i join doctors d on d.institution_id = i.id
            where d.id = $1 and i.user_id is not null
        union select user_id from medical_institutions where id = $2 and user_id is not null";
    Ok(on!(tx, |conn| sqlx::query_scalar(SQL)
        .bind(doctor)
        .bind(institution)
        .fetch_all(conn)
        .await)?)
}

/// The accounts of the doctors a patient is treated by, their own and those of the care team.
pub async fn treating(tx: &mut Tx, patient: PatientId) -> Result<Vec<UserId>> {
    const SQL: &str = "
        select user_id from doctors
        where user_id is not null and deleted_at is null and (
            id = (select doctor_id from patients where id = $1)
            or id in (select doctor_id from patient_doctors where patient_id = $1))
        order by id";
    Ok(on!(tx, |conn| sqlx::query_scalar(SQL).bind(patient).fetch_all(conn).await)?)
}

/// Whether a consultation is about that patient.
pub async fn is_visit_of(
    tx: &mut Tx,
    consultation: &ConsultationId,
    patient: PatientId,
) -> Result<bool> {
    const SQL: &str = "
        select exists (
            select 1 from consultations where id = $1 and patient_id = $2 and deleted_at is null)";
    Ok(on!(tx, |conn| sqlx::query_scalar(SQL)
        .bind(consultation)
        .bind(patient)
        .fetch_one(conn)
        .await)?)
}
