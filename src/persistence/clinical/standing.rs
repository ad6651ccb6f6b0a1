//! What a caller is to the records of care, and whose rows that opens (contract §4).

use crate::domain::clinical::doctor::DoctorStatus;
use crate::domain::id::{DoctorId, InstitutionId, PatientId};
use crate::domain::identity::{Principal, Role};
use crate::domain::time::Timestamp;
use crate::error::{Kind, Result};
use crate::persistence::Store;

use super::{doctors, institutions, patients, relations};

/// What a caller is to the records of care: the strongest of the roles held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// An administrator or a service.
    House,
    Doctor(DoctorId),
    Institution(InstitutionId),
    Patient(PatientId),
    Company,
    /// Has no part in care.
    Outsider,
}

impl Standing {
    /// A doctor who does not practise is refused (contract §9.2).
    pub async fn of(store: &Store, caller: &Principal) -> Result<Self> {
        if caller.acts_for_the_house() {
            return Ok(Self::House);
        }
        if caller.has(Role::Doctor)
            && let Some((doctor, status)) = doctors::of_user(store, caller.user).await?
        {
            return match status {
                DoctorStatus::Active => Ok(Self::Doctor(doctor)),
                _ => Err(Kind::AccountInactive { retry_after: None }.into()),
            };
        }
        if caller.has(Role::Institution)
            && let Some(institution) = institutions::of_user(store, caller.user).await?
        {
            return Ok(Self::Institution(institution));
        }
        if caller.has(Role::Patient)
            && let Some(patient) = patients::of_user(store, caller.user).await?
        {
            return Ok(Self::Patient(patient));
        }
        Ok(if caller.has(Role::Company) { Self::Company } else { Self::Outsider })
    }

    /// Whether a patient is the caller, or one of the caller's; visits count from `since` on.
    pub async fn is_related(
        self,
        store: &Store,
        patient: PatientId,
        since: Timestamp,
    ) -> Result<bool> {
        match self {
            Self::House => Ok(true),
            Self::Doctor(doctor) => relations::of_doctor(store, doctor, patient, since).await,
            Self::Institution(institution) => {
                relations::of_institution(store, institution, patient, since).await
            }
            Self::Patient(own) => Ok(own == patient),
            Self::Company | Self::Outsider => Ok(false),
        }
    }

    /// Whether the caller may follow a row of care. Rows that are not there are nobody's.
    pub async fn may_follow(
        self,
        store: &Store,
        entity: &str,
        id: &str,
        since: Timestamp,
    ) -> Result<bool> {
        let number = id.parse::<i64>().ok();
        let patient = match (entity, number) {
            ("patient", Some(id)) => Some(PatientId(id)),
            ("doctor", Some(id)) => return self.may_follow_doctor(store, DoctorId(id)).await,
            ("appointment", Some(id)) => patient_of(store, OF_APPOINTMENT, id).await?,
            ("result", Some(id)) => {
                let is_patient = matches!(self, Self::Patient(_));
                let sql = if is_patient { OF_READY_RESULT } else { OF_RESULT };
                patient_of(store, sql, id).await?
            }
            ("consultation", _) => on!(store, |conn| sqlx::query_scalar(OF_CONSULTATION)
                .bind(id)
                .fetch_optional(conn)
                .await)?,
            _ => None,
        };
        match patient {
            Some(patient) => self.is_related(store, patient, since).await,
            None => Ok(false),
        }
    }

    /// Doctors follow themselves, institutions their own (contract §4.1: related).
    async fn may_follow_doctor(self, store: &Store, id: DoctorId) -> Result<bool> {
        match self {
            Self::House => Ok(true),
            Self::Doctor(own) => Ok(own == id),
            Self::Institution(institution) => {
                const SQL: &str = "
                    select exists (
                        select 1 from doctors
                        where id = $1 and institution_id = $2 and deleted_at is null)";
                Ok(on!(store, |conn| sqlx::query_scalar(SQL)
                    .bind(id)
                    .bind(institution)
                    .fetch_one(conn)
                    .await)?)
            }
            Self::Patient(_) | Self::Company | Self::Outsider => Ok(false),
        }
    }
}

const OF_APPOINTMENT: &str =
    "select patient_id from appointments where id = $1 and deleted_at is null";
const OF_RESULT: &str = "select patient_id from results where id = $1 and deleted_at is null";
const OF_READY_RESULT: &str = "
    select patient_id from results where id = $1 and status <> 'pending' and deleted_at is null";
const OF_CONSULTATION: &str =
    "select patient_id from consultations where id = $1 and patient_id is not null";

async fn patient_of(store: &Store, sql: &'static str, id: i64) -> Result<Option<PatientId>> {
    Ok(on!(store, |conn| sqlx::query_scalar(sql).bind(id).fetch_optional(conn).await)?)
}
