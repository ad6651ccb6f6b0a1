//! The `patients` table.

use serde::Serialize;
use sqlx::{FromRow, PgPool, QueryBuilder};
use utoipa::ToSchema;

use super::doctors::Doctor;
use super::institutions::Institution;
use super::relations::{OF_DOCTOR, OF_INSTITUTION, push_related};
use super::row::{Row, Stamp, refer, taken_among};
use crate::domain::clinical::patient::{EmergencyContact, PatientDraft, Sex};
use crate::domain::clinical::validation::ValidationStatus;
use crate::domain::date::Date;
use crate::domain::id::{DoctorId, InstitutionId, PatientId, UserId};
use crate::domain::text::{folded, searchable};
use crate::domain::time::Timestamp;
use crate::error::Result;
use crate::persistence::search::folded_pattern;
use crate::persistence::store::Either;
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

/// The columns of a [`Patient`], in a statement about `patients`.
macro_rules! columns {
    () => {
        "id, user_id, first_name, last_name,
         (select email from users where users.id = patients.user_id) as email, date_of_birth, sex,
         document_number, doctor_id, institution_id, association_status, validation_status,
         emergency_contact_name, emergency_contact_phone, emergency_contact_relationship, external_ref,
         version, created_at, updated_at, deleted_at"
    };
}

impl Row for Patient {
    type Id = PatientId;

    const TABLE: &'static str = "patients";
    const COLUMNS: &'static str = columns!();
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

/// Whose patients a list shows, visits counting from a moment on.
#[derive(Debug, Clone, Copy)]
pub enum Whose {
    Everyones,
    Doctors(DoctorId, Timestamp),
    Institutions(InstitutionId, Timestamp),
    /// One patient's own row.
    Own(PatientId),
}

/// Which patients a list shows.
#[derive(Debug, Clone)]
pub struct Filter {
    pub whose: Whose,
    /// Looked for in names, e-mails and document numbers.
    pub text: Option<String>,
    pub doctor: Option<DoctorId>,
    pub institution: Option<InstitutionId>,
    pub validation_status: Option<ValidationStatus>,
    /// Body mass index from the first value on and below the second.
    pub bmi: Option<(f64, f64)>,
    /// Born after this day.
    pub born_after: Option<Date>,
    /// Born on this day or before.
    pub born_until: Option<Date>,
    pub created_from: Option<Timestamp>,
    pub created_to: Option<Timestamp>,
    pub include_deleted: bool,
}

impl Filter {
    /// Whether an index gives the newest of the narrowed rows, so that looking through a few is cheap.
    fn is_ordered(&self) -> bool {
        let is_ranged = self.bmi.is_some()
            || self.born_after.is_some()
            || self.born_until.is_some()
            || self.created_from.is_some()
            || self.created_to.is_some();
        !is_ranged && !matches!(self.whose, Whose::Institutions(..))
    }
}

/// Letters of a search from which on groups of three letters can answer.
const INDEXED_FROM: usize = 3;

/// How many of the newest rows a search on PostgreSQL looks through before it goes on: to the second
/// number if the first promised enough, else to the index of groups of three letters.
const RECENT: [i64; 2] = [2_000, 20_000];

/// What stands before and behind a doctor's patients, hundreds as they are. PostgreSQL has to look for them
/// one by one: left the choice, it reads the table from its end until a page of them has come by.
const AMONG_SQLITE: (&str, &str) = ("in ", "");
const AMONG_POSTGRES: (&str, &str) = ("= any (array", ")");

/// Adds the conditions of a filter to a statement, but the text. A macro, because the statement has a
/// type per engine.
macro_rules! narrow {
    ($sql:ident, $filter:ident, $among:ident) => {
        match $filter.whose {
            Whose::Everyones => {}
            Whose::Doctors(doctor, since) => {
                $sql.push(" and id ").push($among.0);
                push_related!($sql, OF_DOCTOR, doctor, since);
                $sql.push($among.1);
            }
            Whose::Institutions(institution, since) => {
                $sql.push(" and id in ");
                push_related!($sql, OF_INSTITUTION, institution, since);
            }
            Whose::Own(id) => {
                $sql.push(" and id = ").push_bind(id);
            }
        }
        if let Some(doctor) = $filter.doctor {
            $sql.push(" and doctor_id = ").push_bind(doctor);
        }
        if let Some(institution) = $filter.institution {
            $sql.push(" and institution_id = ").push_bind(institution);
        }
        if let Some(status) = $filter.validation_status {
            $sql.push(" and validation_status = ").push_bind(status);
        }
        if let Some((from, below)) = $filter.bmi {
            $sql.push(" and id in (select patient_id from health_profiles where bmi >= ");
            $sql.push_bind(from).push(" and bmi < ").push_bind(below).push(")");
        }
        if let Some(day) = &$filter.born_after {
            $sql.push(" and date_of_birth > ").push_bind(day.clone());
        }
        if let Some(day) = &$filter.born_until {
            $sql.push(" and date_of_birth <= ").push_bind(day.clone());
        }
        if let Some(from) = $filter.created_from {
            $sql.push(" and created_at >= ").push_bind(from);
        }
        if let Some(to) = $filter.created_to {
            $sql.push(" and created_at <= ").push_bind(to);
        }
        if !$filter.include_deleted {
            $sql.push(" and deleted_at is null");
        }
    };
}

/// Goes on with a statement that says what to select. A macro, because the statement has a type per
/// engine.
macro_rules! page_of {
    ($sql:ident, $filter:ident, $before:ident, $limit:ident, $among:ident) => {
        $sql.push(" from patients where id < ").push_bind($before);
        if let Some(text) = &$filter.text {
            $sql.push(" and search like ").push_bind(folded_pattern(text)).push(r" escape '\'");
        }
        narrow!($sql, $filter, $among);
        $sql.push(" order by id desc limit ").push_bind($limit);
    };
}

/// The same on SQLite, where a text of three letters or more is
/// looked for in a table of its own, which gives what it finds by descending id, so that a page ends
/// early however much is found.
macro_rules! page_on_sqlite {
    ($sql:ident, $filter:ident, $before:ident, $limit:ident) => {
        match $filter.text.as_deref().and_then(phrase) {
            Some(phrase) => {
                $sql.push(
                    " from patients_search cross join patients on id = patients_search.rowid",
                );
                $sql.push(" where patients_search match ").push_bind(phrase);
                $sql.push(" and patients_search.rowid < ").push_bind($before);
                narrow!($sql, $filter, AMONG_SQLITE);
                $sql.push(" order by patients_search.rowid desc limit ").push_bind($limit);
            }
            None => {
                page_of!($sql, $filter, $before, $limit, AMONG_SQLITE);
            }
        }
    };
}

/// A page out of the newest rows alone. The limit inside keeps the planner to them: what it believes of
/// a text decides nothing.
macro_rules! page_of_recent {
    ($sql:ident, $filter:ident, $pattern:ident, $before:ident, $limit:ident, $recent:ident) => {
        $sql.push(" from patients where id in (select id from (select id, search from patients where id < ");
        $sql.push_bind($before);
        narrow!($sql, $filter, AMONG_POSTGRES);
        $sql.push(" order by id desc limit ").push($recent).push(") recent where search like ");
        $sql.push_bind($pattern).push(r" escape '\' order by id desc limit ").push_bind($limit);
        $sql.push(") order by id desc");
    };
}

/// A page of all that the index finds, which is the costlier the more it finds. Where the page begins is
/// asked afterwards: the planner would join half the primary key to the search index.
macro_rules! page_of_found {
    ($sql:ident, $filter:ident, $pattern:ident, $before:ident, $limit:ident) => {
        $sql.push(" from patients where id in (with found as materialized (");
        $sql.push("select id from patients where search like ").push_bind($pattern);
        $sql.push(r" escape '\'");
        narrow!($sql, $filter, AMONG_POSTGRES);
        $sql.push(") select id from found where id < ").push_bind($before);
        $sql.push(" order by id desc limit ").push_bind($limit);
        $sql.push(") order by id desc");
    };
}

/// A text as a phrase for SQLite's table of groups of three letters, if it has as many.
fn phrase(text: &str) -> Option<String> {
    // In double quotes any letter may stand in it.
    is_indexed(text).then(|| format!("\"{}\"", folded(text).replace('"', "\"\"")))
}

/// Whether groups of three letters can answer for a text.
fn is_indexed(text: &str) -> bool {
    folded(text).chars().count() >= INDEXED_FROM
}

/// The columns of a [`Patient`] from somewhere.
const SELECT: &str = concat!("select ", columns!());

/// At most `limit` patients with ids below `before`.
pub async fn page(
    store: &Store,
    filter: &Filter,
    before: Option<i64>,
    limit: i64,
) -> Result<Vec<Patient>> {
    let before = before.unwrap_or(i64::MAX);
    let _timed = store.timed();
    Ok(match store.engine() {
        Either::Sqlite(pool) => {
            let mut sql = QueryBuilder::new(SELECT);
            page_on_sqlite!(sql, filter, before, limit);
            sql.build_query_as().fetch_all(pool).await?
        }
        Either::Postgres(pool) => match filter.text.as_deref() {
            Some(text) if is_indexed(text) && filter.is_ordered() => {
                search(pool, filter, text, before, limit).await?
            }
            _ => {
                let mut sql = QueryBuilder::new(SELECT);
                page_of!(sql, filter, before, limit, AMONG_POSTGRES);
                sql.build_query_as().fetch_all(pool).await?
            }
        },
    })
}

/// A page of a search on PostgreSQL. Its index gives what it finds unordered and all at once, so what is
/// frequent is looked for among the newest rows, where it fills a page, and what is rare in the index.
/// The planner cannot choose between them: it guesses how frequent a text is from a hundred rows.
async fn search(
    pool: &PgPool,
    filter: &Filter,
    text: &str,
    before: i64,
    limit: i64,
) -> Result<Vec<Patient>> {
    let pattern = &folded_pattern(text);
    for (place, recent) in RECENT.into_iter().enumerate() {
        let mut sql = QueryBuilder::new(SELECT);
        page_of_recent!(sql, filter, pattern, before, limit, recent);
        let rows: Vec<Patient> = sql.build_query_as().fetch_all(pool).await?;
        let found = i64::try_from(rows.len()).unwrap_or(i64::MAX);
        if found >= limit {
            return Ok(rows);
        }
        let wider = RECENT.get(place + 1).map_or(0, |wider| found * wider / recent);
        if wider < limit {
            break;
        }
    }
    let mut sql = QueryBuilder::new(SELECT);
    page_of_found!(sql, filter, pattern, before, limit);
    Ok(sql.build_query_as().fetch_all(pool).await?)
}

/// How many patients the filter shows on all pages together.
pub async fn count(store: &Store, filter: &Filter) -> Result<i64> {
    const SQL: &str = "select count(*) from patients where 1 = 1";
    let _timed = store.timed();
    Ok(match store.engine() {
        Either::Sqlite(pool) => {
            let mut sql = QueryBuilder::new(SQL);
            match filter.text.as_deref().map(|text| (text, phrase(text))) {
                None => {}
                Some((_, Some(phrase))) => {
                    sql.push(" and id in (select rowid from patients_search where patients_search match ");
                    sql.push_bind(phrase).push(")");
                }
                Some((text, None)) => {
                    sql.push(" and search like ").push_bind(folded_pattern(text));
                    sql.push(r" escape '\'");
                }
            }
            narrow!(sql, filter, AMONG_SQLITE);
            sql.build_query_scalar().fetch_one(pool).await?
        }
        Either::Postgres(pool) => {
            let mut sql = QueryBuilder::new(SQL);
            if let Some(text) = &filter.text {
                sql.push(" and search like ").push_bind(folded_pattern(text));
                sql.push(r" escape '\'");
            }
            narrow!(sql, filter, AMONG_POSTGRES);
            sql.build_query_scalar().fetch_one(pool).await?
        }
    })
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

#[cfg(test)]
#[path = "patients_tests.rs"]
mod tests;
