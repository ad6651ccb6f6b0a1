//! The `doctors` table.

use sqlx::types::Json;
use sqlx::{FromRow, QueryBuilder};

use super::institutions::Institution;
use super::row::{Row, Stamp, refer, taken_among};
use crate::domain::clinical::doctor::{DoctorDraft, DoctorStatus};
use crate::domain::clinical::schedule::Timetable;
use crate::domain::date::Date;
use crate::domain::id::{DoctorId, InstitutionId, SpecialtyId, UserId};
use crate::domain::money::{Cents, Currency};
use crate::domain::text::searchable;
use crate::domain::time::Timestamp;
use crate::error::{Kind, Result};
use crate::persistence::search::{folded_sql, pattern, push_found_by};
use crate::persistence::{Store, Tx};

/// A doctor's own columns.
#[derive(Debug, Clone, FromRow)]
pub struct Doctor {
    pub id: DoctorId,
    pub user_id: Option<UserId>,
    pub first_name: String,
    pub last_name: String,
    /// Of the account.
    pub email: Option<String>,
    pub medical_license: String,
    pub license_verified: bool,
    pub license_valid_until: Option<Date>,
    pub status: DoctorStatus,
    pub main_specialty_id: Option<SpecialtyId>,
    pub institution_id: Option<InstitutionId>,
    pub years_experience: i64,
    pub consultation_fee_cents: Cents,
    pub currency: Currency,
    pub bio: Option<String>,
    pub languages: Json<Vec<String>>,
    pub schedule: Json<Timetable>,
    pub time_zone: String,
    pub rating_avg: Option<f64>,
    pub rating_count: i64,
    pub external_ref: Option<String>,
    #[sqlx(flatten)]
    pub stamp: Stamp,
}

/// The columns of a [`Doctor`], in a statement about `doctors`.
macro_rules! columns {
    () => {
        "id, user_id, first_name, last_name,
         (select email from users where users.id = doctors.user_id) as email, medical_license,
         license_verified, license_valid_until, status, main_specialty_id, institution_id,
         years_experience, consultation_fee_cents, currency, bio, languages, schedule, time_zone,
         rating_avg, rating_count, external_ref, version, created_at, updated_at, deleted_at"
    };
}

impl Row for Doctor {
    type Id = DoctorId;

    const TABLE: &'static str = "doctors";
    const COLUMNS: &'static str = columns!();
    const NOUN: &'static str = "doctor";

    fn id(&self) -> DoctorId {
        self.id
    }

    fn stamp(&self) -> &Stamp {
        &self.stamp
    }
}

/// Doctors whose licences a caller knows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Licenses {
    #[default]
    Nobodys,
    Of(InstitutionId),
    Everyones,
}

/// Which doctors a list shows. The default shows every one that was not removed.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Looked for in names.
    pub text: Option<String>,
    /// In whose licences `text` is looked for too.
    pub by_license: Licenses,
    pub specialty: Option<SpecialtyId>,
    pub institution: Option<InstitutionId>,
    pub status: Option<DoctorStatus>,
    /// Those who do not practise only where they belong to this institution, or to none at all when
    /// it is `Some(None)`.
    pub practising_or_of: Option<Option<InstitutionId>>,
    pub min_experience: Option<i64>,
    pub max_fee: Option<Cents>,
    pub city: Option<String>,
    pub validated: Option<bool>,
    pub created_from: Option<Timestamp>,
    pub created_to: Option<Timestamp>,
    pub include_deleted: bool,
}

/// Adds the conditions of a filter to a statement. A macro, because the statement has a type per
/// engine.
macro_rules! narrow {
    ($sql:ident, $filter:ident) => {
        if let Some(text) = &$filter.text {
            $sql.push(" and ((true");
            push_found_by!($sql, text);
            $sql.push(")");
            if $filter.by_license != Licenses::Nobodys {
                $sql.push(" or (").push(folded_sql!("medical_license"));
                $sql.push(" like ").push_bind(pattern(text));
                $sql.push(r" escape '\'");
                if let Licenses::Of(institution) = $filter.by_license {
                    $sql.push(" and institution_id = ").push_bind(institution);
                }
                $sql.push(")");
            }
            $sql.push(")");
        }
        if let Some(specialty) = $filter.specialty {
            $sql.push(
                " and id in (select doctor_id from doctor_specialty_links where specialty_id = ",
            );
            $sql.push_bind(specialty).push(")");
        }
        if let Some(institution) = $filter.institution {
            $sql.push(" and institution_id = ").push_bind(institution);
        }
        if let Some(status) = $filter.status {
            $sql.push(" and status = ").push_bind(status);
        }
        match $filter.practising_or_of {
            None => {}
            Some(None) => {
                $sql.push(" and status = 'active'");
            }
            Some(Some(institution)) => {
                $sql.push(" and (status = 'active' or institution_id = ").push_bind(institution);
                $sql.push(")");
            }
        }
        if let Some(years) = $filter.min_experience {
            $sql.push(" and years_experience >= ").push_bind(years);
        }
        if let Some(fee) = $filter.max_fee {
            $sql.push(" and consultation_fee_cents <= ").push_bind(fee);
        }
        if let Some(city) = &$filter.city {
            $sql.push(" and id in (select entity_id from addresses where entity_type = 'doctor'");
            $sql.push(" and city = ").push_bind(city.clone()).push(" and deleted_at is null)");
        }
        if let Some(validated) = $filter.validated {
            $sql.push(" and license_verified = ").push_bind(validated);
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

/// At most `limit` doctors with ids below `before`.
pub async fn page(
    store: &Store,
    filter: &Filter,
    before: Option<i64>,
    limit: i64,
) -> Result<Vec<Doctor>> {
    const SQL: &str = concat!("select ", columns!(), " from doctors where id < ");
    Ok(on!(store, |conn| {
        let mut sql = QueryBuilder::new(SQL);
        sql.push_bind(before.unwrap_or(i64::MAX));
        narrow!(sql, filter);
        sql.push(" order by id desc limit ").push_bind(limit);
        sql.build_query_as().fetch_all(conn).await
    })?)
}

/// How many doctors the filter shows on all pages together.
pub async fn count(store: &Store, filter: &Filter) -> Result<i64> {
    Ok(on!(store, |conn| {
        let mut sql = QueryBuilder::new("select count(*) from doctors where 1 = 1");
        narrow!(sql, filter);
        sql.build_query_scalar().fetch_one(conn).await
    })?)
}

/// The doctor of an account.
pub async fn of_user(store: &Store, user: UserId) -> Result<Option<(DoctorId, DoctorStatus)>> {
    const SQL: &str = "select id, status from doctors where user_id = $1 and deleted_at is null";
    Ok(on!(store, |conn| sqlx::query_as(SQL).bind(user).fetch_optional(conn).await)?)
}

/// Whether a doctor belongs to an institution.
pub async fn is_of(store: &Store, id: DoctorId, institution: InstitutionId) -> Result<bool> {
    const SQL: &str = "
        select exists (
            select 1 from doctors where id = $1 and institution_id = $2 and deleted_at is null)";
    Ok(on!(store, |conn| sqlx::query_scalar(SQL).bind(id).bind(institution).fetch_one(conn).await)?)
}

/// The account of a doctor.
pub async fn account(tx: &mut Tx, id: DoctorId) -> Result<Option<UserId>> {
    const SQL: &str = "select user_id from doctors where id = $1";
    let found: Option<Option<UserId>> =
        on!(tx, |conn| sqlx::query_scalar(SQL).bind(id).fetch_optional(conn).await)?;
    Ok(found.flatten())
}

/// Some doctors by their ids, those that were not removed.
pub async fn some(store: &Store, ids: &[DoctorId]) -> Result<Vec<Doctor>> {
    const SQLITE: &str = concat!(
        "select ",
        columns!(),
        " from doctors where deleted_at is null and id in (select value from json_each($1))"
    );
    const POSTGRES: &str = concat!(
        "select ",
        columns!(),
        " from doctors
          where deleted_at is null
            and id in (select value::bigint from jsonb_array_elements_text($1))"
    );
    let sql = store.text(SQLITE, POSTGRES);
    Ok(on!(store, |conn| sqlx::query_as(sql).bind(Json(ids)).fetch_all(conn).await)?)
}

/// Keys of the table, and the fields of a body they stand for.
const KEYS: &[(&str, &str, &str)] = &[
    ("medical_license", "doctors.medical_license", "doctors_license"),
    ("external_ref", "doctors.external_ref", "doctors_external_ref"),
    ("user_id", "doctors.user_id", "doctors_user"),
];

/// Writes a new doctor, whose account is `user`. Specialties and contacts are written beside.
pub async fn insert(
    tx: &mut Tx,
    draft: &DoctorDraft,
    user: UserId,
    currency: &Currency,
    now: Timestamp,
) -> Result<DoctorId> {
    const SQL: &str = "
        insert into doctors
            (user_id, first_name, last_name, medical_license, status, main_specialty_id, institution_id,
             years_experience, consultation_fee_cents, currency, bio, languages, external_ref, search,
             created_at, updated_at)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $15)
        returning id";
    if let Some(institution) = draft.institution_id {
        refer::<Institution>(tx, institution, "/institution_id").await?;
    }
    on!(tx, |conn| sqlx::query_scalar(SQL)
        .bind(user)
        .bind(&draft.first_name)
        .bind(&draft.last_name)
        .bind(&draft.medical_license)
        .bind(draft.status.unwrap_or(DoctorStatus::Active))
        .bind(draft.specialties().first())
        .bind(draft.institution_id)
        .bind(draft.years_experience)
        .bind(draft.consultation_fee_cents)
        .bind(draft.currency.as_ref().unwrap_or(currency))
        .bind(&draft.bio)
        .bind(Json(&draft.languages))
        .bind(&draft.external_ref)
        .bind(searchable([draft.first_name.as_str(), &draft.last_name]))
        .bind(now)
        .fetch_one(conn)
        .await)
    .map_err(taken_among(KEYS))
}

/// Writes every field of a doctor that the transaction holds; contacts and specialties beside.
pub async fn update(
    tx: &mut Tx,
    doctor: &Doctor,
    draft: &DoctorDraft,
    now: Timestamp,
) -> Result<()> {
    const SQL: &str = "
        update doctors
        set first_name = $2, last_name = $3, medical_license = $4, status = $5, main_specialty_id = $6,
            institution_id = $7, years_experience = $8, consultation_fee_cents = $9, currency = $10,
            bio = $11, languages = $12, external_ref = $13, search = $14, license_verified = $15,
            updated_at = $16, version = version + 1
        where id = $1";
    if let Some(institution) =
        draft.institution_id.filter(|_| draft.institution_id != doctor.institution_id)
    {
        refer::<Institution>(tx, institution, "/institution_id").await?;
    }
    // Whoever looked at the papers looked at the licence they named.
    let is_verified = doctor.license_verified && draft.medical_license == doctor.medical_license;
    on!(tx, |conn| sqlx::query(SQL)
        .bind(doctor.id)
        .bind(&draft.first_name)
        .bind(&draft.last_name)
        .bind(&draft.medical_license)
        .bind(draft.status.unwrap_or(doctor.status))
        .bind(draft.specialties().first())
        .bind(draft.institution_id)
        .bind(draft.years_experience)
        .bind(draft.consultation_fee_cents)
        .bind(draft.currency.as_ref().unwrap_or(&doctor.currency))
        .bind(&draft.bio)
        .bind(Json(&draft.languages))
        .bind(&draft.external_ref)
        .bind(searchable([draft.first_name.as_str(), &draft.last_name]))
        .bind(is_verified)
        .bind(now)
        .execute(conn)
        .await
        .map(drop))
    .map_err(taken_among(KEYS))
}

/// Writes whether a doctor practises.
pub async fn set_status(
    tx: &mut Tx,
    id: DoctorId,
    status: DoctorStatus,
    now: Timestamp,
) -> Result<()> {
    const SQL: &str = "
        update doctors set status = $2, updated_at = $3, version = version + 1 where id = $1";
    Ok(on!(tx, |conn| sqlx::query(SQL)
        .bind(id)
        .bind(status)
        .bind(now)
        .execute(conn)
        .await
        .map(drop))?)
}

/// Writes what was found about a licence.
pub async fn set_license(
    tx: &mut Tx,
    id: DoctorId,
    is_verified: bool,
    valid_until: Option<&Date>,
    now: Timestamp,
) -> Result<()> {
    const SQL: &str = "
        update doctors
        set license_verified = $2, license_valid_until = $3, updated_at = $4, version = version + 1
        where id = $1";
    Ok(on!(tx, |conn| sqlx::query(SQL)
        .bind(id)
        .bind(is_verified)
        .bind(valid_until)
        .bind(now)
        .execute(conn)
        .await
        .map(drop))?)
}

/// A licence that was verified and is over.
#[derive(Debug, Clone, FromRow)]
pub struct ExpiredLicense {
    pub doctor: DoctorId,
    pub user: Option<UserId>,
    /// Its last day.
    pub valid_until: Date,
}

/// Writes down that at most `limit` verified licences whose last day is over are verified no longer, and
/// which.
pub async fn expire_licenses(
    tx: &mut Tx,
    today: &Date,
    now: Timestamp,
    limit: i64,
) -> Result<Vec<ExpiredLicense>> {
    const SQL: &str = "
        update doctors
        set license_verified = false, updated_at = $2, version = version + 1
        where license_verified and license_valid_until < $1 and id in (
            select id from doctors
            where license_verified and license_valid_until < $1 and deleted_at is null
            order by id limit $3)
        returning id as doctor, user_id as \"user\", license_valid_until as valid_until";
    Ok(on!(tx, |conn| sqlx::query_as(SQL).bind(today).bind(now).bind(limit).fetch_all(conn).await)?)
}

/// A doctor as the transaction sees it, removed or not; until it ends nobody else can change it.
pub async fn hold_any(tx: &mut Tx, id: DoctorId) -> Result<Doctor> {
    const SQL: &str =
        concat!("update doctors set version = version where id = $1 returning ", columns!());
    let held: Option<Doctor> =
        on!(tx, |conn| sqlx::query_as(SQL).bind(id).fetch_optional(conn).await)?;
    held.ok_or_else(|| Kind::NotFound(Doctor::NOUN).into())
}
