//! The `patients` table. Lists and searches are in [`super::patient_list`].

use serde::Serialize;
use sqlx::FromRow;
use utoipa::ToSchema;

use super::doctors::Doctor;
use super::institutions::Institution;
use super::row::{Row, Stamp, refer, taken_among};
use crate::domain::clinical::patient::{EmergencyContact, PatientDraft, Sex};
use crate::domain::clinical::validation::ValidationStatus;
use crate::domain::date::Date;
use crate::domain::id::{DoctorId, InstitutionId, PatientId, UserId};
use crate::domain::text::searchable;
use crate::domain::time::Timestamp;
use crate::error::Result;
use crate::persistence::{Store, Tx};

/// A patient's own columns.
#[derive(Debug, Clone, FromRow)]
pub struct Patient {
    pub id: PatientId,
    pub user_id: Option<UserId>,
    pub first_name: String,
    pub last_name: String,
    /// Of the account.
    pub email: Option<String>,
    pub date_of_birth: Date,
    pub sex: Sex,
    pub document_number: Option<String>,
    pub doctor_id: Option<DoctorId>,
    pub institution_id: Option<InstitutionId>,
    pub association_status: Association,
    pub validation_status: ValidationStatus,
    pub emergency_contact_name: Option<String>,
    pub emergency_contact_phone: Option<String>,
    pub emergency_contact_relationship: Option<String>,
    pub external_ref: Option<String>,
    #[sqlx(flatten)]
    pub stamp: Stamp,
}

/// Whether a patient has a doctor or an institution. Once associated, a patient stays so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, sqlx::Type, ToSchema)]
#[serde(rename_all = "lowercase")]
#[sqlx(type_name = "text", rename_all = "lowercase")]
pub enum Association {
    Associated,
    Unassociated,
}

impl Row for Patient {
    type Id = PatientId;

    const TABLE: &'static str = "patients";
    const COLUMNS: &'static str = "id, user_id, first_name, last_name,
        (select email from users where users.id = patients.user_id) as email, date_of_birth, sex,
        document_number, doctor_id, institution_id, association_status, validation_status,
        emergency_contact_name, emergency_contact_phone, emergency_contact_relationship, external_ref,
        version, created_at, updated_at, deleted_at";
    const NOUN: &'static str = "patient";

    fn id(&self) -> PatientId {
        self.id
    }

    fn stamp(&self) -> &Stamp {
        &self.stamp
    }
}

impl Patient {
    /// Whom to call, where that is known.
    pub fn emergency_contact(&self) -> Option<EmergencyContact> {
        Some(EmergencyContact {
            name: self.emergency_contact_name.clone()?,
            phone: self.emergency_contact_phone.clone()?,
            relationship: self.emergency_contact_relationship.clone(),
        })
    }
}

/// The patient of an account.
pub async fn of_user(store: &Store, user: UserId) -> Result<Option<PatientId>> {
    const SQL: &str = "select id from patients where user_id = $1 and deleted_at is null";
    Ok(on!(store, |conn| sqlx::query_scalar(SQL).bind(user).fetch_optional(conn).await)?)
}

/// Keys of the table, and the fields of a body they stand for.
const KEYS: &[(&str, &str, &str)] = &[
    ("external_ref", "patients.external_ref", "patients_external_ref"),
    ("user_id", "patients.user_id", "patients_user"),
];

/// Writes a new patient, whose account is `user`. Contacts and health are written beside.
pub async fn insert(
    tx: &mut Tx,
    draft: &PatientDraft,
    user: UserId,
    now: Timestamp,
) -> Result<PatientId> {
    const SQL: &str = "
        insert into patients
            (user_id, first_name, last_name, date_of_birth, sex, document_number, doctor_id,
             institution_id, association_status, validation_status, emergency_contact_name,
             emergency_contact_phone, emergency_contact_relationship, external_ref, search, created_at,
             updated_at)
        values ($1, $2, $3, $4, $5, $6, $7, $8, 'associated', 'pending', $9, $10, $11, $12, $13, $14, $14)
        returning id";
    associate(tx, draft, None).await?;
    let contact = draft.emergency_contact();
    on!(tx, |conn| sqlx::query_scalar(SQL)
        .bind(user)
        .bind(&draft.first_name)
        .bind(&draft.last_name)
        .bind(&draft.date_of_birth)
        .bind(draft.sex)
        .bind(&draft.document_number)
        .bind(draft.doctor_id)
        .bind(draft.institution_id)
        .bind(contact.as_ref().map(|contact| &contact.name))
        .bind(contact.as_ref().map(|contact| &contact.phone))
        .bind(contact.as_ref().and_then(|contact| contact.relationship.as_ref()))
        .bind(&draft.external_ref)
        .bind(found_by(draft))
        .bind(now)
        .fetch_one(conn)
        .await)
    .map_err(taken_among(KEYS))
}

/// Writes every field of a patient that the transaction holds, but how far they are validated.
pub async fn update(
    tx: &mut Tx,
    patient: &Patient,
    draft: &PatientDraft,
    now: Timestamp,
) -> Result<()> {
    const SQL: &str = "
        update patients
        set first_name = $2, last_name = $3, date_of_birth = $4, sex = $5, document_number = $6,
            doctor_id = $7, institution_id = $8, association_status = $9, emergency_contact_name = $10,
            emergency_contact_phone = $11, emergency_contact_relationship = $12, external_ref = $13,
            search = $14, updated_at = $15, version = version + 1
        where id = $1";
    associate(tx, draft, Some(patient)).await?;
    let contact = draft.emergency_contact();
    let is_associated = draft.doctor_id.is_some() || draft.institution_id.is_some();
    let association =
        if is_associated { Association::Associated } else { patient.association_status };
    on!(tx, |conn| sqlx::query(SQL)
        .bind(patient.id)
        .bind(&draft.first_name)
        .bind(&draft.last_name)
        .bind(&draft.date_of_birth)
        .bind(draft.sex)
        .bind(&draft.document_number)
        .bind(draft.doctor_id)
        .bind(draft.institution_id)
        .bind(association)
        .bind(contact.as_ref().map(|contact| &contact.name))
        .bind(contact.as_ref().map(|contact| &contact.phone))
        .bind(contact.as_ref().and_then(|contact| contact.relationship.as_ref()))
        .bind(&draft.external_ref)
        .bind(found_by(draft))
        .bind(now)
        .execute(conn)
        .await
        .map(drop))
    .map_err(taken_among(KEYS))
}

/// Holds the doctor and the institution a patient is about to belong to.
async fn associate(tx: &mut Tx, draft: &PatientDraft, current: Option<&Patient>) -> Result<()> {
    let is_new = |same: bool| current.is_none() || !same;
    let (had_doctor, had_institution) = (
        current.and_then(|patient| patient.doctor_id),
        current.and_then(|patient| patient.institution_id),
    );
    if let Some(doctor) = draft.doctor_id.filter(|id| is_new(had_doctor == Some(*id))) {
        refer::<Doctor>(tx, doctor, "/doctor_id").await?;
    }
    if let Some(institution) =
        draft.institution_id.filter(|id| is_new(had_institution == Some(*id)))
    {
        refer::<Institution>(tx, institution, "/institution_id").await?;
    }
    Ok(())
}

/// Notes that something a patient is shown with has changed.
pub async fn touch(tx: &mut Tx, id: PatientId, now: Timestamp) -> Result<()> {
    const SQL: &str = "update patients set updated_at = $2, version = version + 1 where id = $1";
    Ok(on!(tx, |conn| sqlx::query(SQL).bind(id).bind(now).execute(conn).await.map(drop))?)
}

/// Moves a patient that the transaction holds on, and keeps who did it.
pub async fn validate(
    tx: &mut Tx,
    patient: &Patient,
    to: ValidationStatus,
    by: Option<UserId>,
    note: Option<&str>,
    now: Timestamp,
) -> Result<()> {
    const SQL: &str = "
        update patients set validation_status = $2, updated_at = $3, version = version + 1 where id = $1";
    const KEEP: &str = "
        insert into validation_history (patient_id, from_status, to_status, by_user_id, note, created_at)
        values ($1, $2, $3, $4, $5, $6)";
    on!(tx, |conn| sqlx::query(SQL)
        .bind(patient.id)
        .bind(to)
        .bind(now)
        .execute(conn)
        .await
        .map(drop))?;
    Ok(on!(tx, |conn| sqlx::query(KEEP)
        .bind(patient.id)
        .bind(patient.validation_status)
        .bind(to)
        .bind(by)
        .bind(note)
        .bind(now)
        .execute(conn)
        .await
        .map(drop))?)
}

/// Has the patient of an account be found by the account's new e-mail.
pub(super) async fn follow(tx: &mut Tx, user: UserId, email: &str, now: Timestamp) -> Result<()> {
    const FIND: &str = "
        select id, first_name, last_name, document_number from patients
        where user_id = $1 and deleted_at is null";
    const SQL: &str = "
        update patients set search = $2, updated_at = $3, version = version + 1 where id = $1";
    type Found = (PatientId, String, String, Option<String>);
    let found: Option<Found> =
        on!(tx, |conn| sqlx::query_as(FIND).bind(user).fetch_optional(conn).await)?;
    let Some((id, first, last, document)) = found else { return Ok(()) };
    let search = searchable([&first, &last, email, document.as_deref().unwrap_or_default()]);
    Ok(on!(tx, |conn| sqlx::query(SQL)
        .bind(id)
        .bind(search)
        .bind(now)
        .execute(conn)
        .await
        .map(drop))?)
}

fn found_by(draft: &PatientDraft) -> String {
    let document = draft.document_number.as_deref().unwrap_or_default();
    searchable([&draft.first_name, &draft.last_name, &draft.email, document])
}
