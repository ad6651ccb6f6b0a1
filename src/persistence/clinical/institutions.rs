//! The `medical_institutions` table.

use serde::Serialize;
use sqlx::{FromRow, QueryBuilder};
use utoipa::ToSchema;

use super::row::{Row, Stamp, taken, taken_among};
use crate::domain::clinical::institution::{
    InstitutionDraft, InstitutionKind, InstitutionStatus, Verification,
};
use crate::domain::date::Date;
use crate::domain::id::{InstitutionId, UserId};
use crate::domain::text::searchable;
use crate::domain::time::Timestamp;
use crate::error::Result;
use crate::persistence::search::push_found_by;
use crate::persistence::{Store, Tx};

/// An institution's own columns.
#[derive(Debug, Clone, FromRow)]
pub struct Institution {
    pub id: InstitutionId,
    pub user_id: Option<UserId>,
    pub name: String,
    #[sqlx(rename = "type")]
    pub kind: InstitutionKind,
    pub contact_email: String,
    pub license_number: String,
    pub region: String,
    pub country: String,
    pub city: Option<String>,
    pub website: Option<String>,
    pub status: InstitutionStatus,
    pub verification_status: Verification,
    pub accreditation: Option<String>,
    pub accredited_until: Option<Date>,
    #[sqlx(flatten)]
    pub stamp: Stamp,
}

/// The columns of an [`Institution`], in a statement about `medical_institutions`.
macro_rules! columns {
    () => {
        "id, user_id, name, type, contact_email, license_number, region, country, city, website, status,
         verification_status, accreditation, accredited_until, version, created_at, updated_at, deleted_at"
    };
}

impl Row for Institution {
    type Id = InstitutionId;

    const TABLE: &'static str = "medical_institutions";
    const COLUMNS: &'static str = columns!();
    const NOUN: &'static str = "institution";

    fn id(&self) -> InstitutionId {
        self.id
    }

    fn stamp(&self) -> &Stamp {
        &self.stamp
    }
}

/// Which institutions a list shows. The default shows every one that was not removed.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Looked for in names.
    pub text: Option<String>,
    pub kind: Option<InstitutionKind>,
    pub region: Option<String>,
    pub country: Option<String>,
    pub verification_status: Option<Verification>,
    pub status: Option<InstitutionStatus>,
    pub created_from: Option<Timestamp>,
    pub created_to: Option<Timestamp>,
    pub include_deleted: bool,
}

/// Adds the conditions of a filter to a statement. A macro, because the statement has a type per
/// engine.
macro_rules! narrow {
    ($sql:ident, $filter:ident) => {
        if let Some(text) = &$filter.text {
            push_found_by!($sql, text);
        }
        if let Some(kind) = $filter.kind {
            $sql.push(" and type = ").push_bind(kind);
        }
        if let Some(region) = &$filter.region {
            $sql.push(" and region = ").push_bind(region.clone());
        }
        if let Some(country) = &$filter.country {
            $sql.push(" and country = ").push_bind(country.clone());
        }
        if let Some(status) = $filter.verification_status {
            $sql.push(" and verification_status = ").push_bind(status);
        }
        if let Some(status) = $filter.status {
            $sql.push(" and status = ").push_bind(status);
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

/// At most `limit` institutions with ids below `before`.
pub async fn page(
    store: &Store,
    filter: &Filter,
    before: Option<i64>,
    limit: i64,
) -> Result<Vec<Institution>> {
    const SQL: &str = concat!("select ", columns!(), " from medical_institutions where id < ");
    Ok(on!(store, |conn| {
        let mut sql = QueryBuilder::new(SQL);
        sql.push_bind(before.unwrap_or(i64::MAX));
        narrow!(sql, filter);
        sql.push(" order by id desc limit ").push_bind(limit);
        sql.build_query_as().fetch_all(conn).await
    })?)
}

/// How many institutions the filter shows on all pages together.
pub async fn count(store: &Store, filter: &Filter) -> Result<i64> {
    Ok(on!(store, |conn| {
        let mut sql = QueryBuilder::new("select count(*) from medical_institutions where 1 = 1");
        narrow!(sql, filter);
        sql.build_query_scalar().fetch_one(conn).await
    })?)
}

/// The institution of an account.
pub async fn of_user(store: &Store, user: UserId) -> Result<Option<InstitutionId>> {
    const SQL: &str =
        "select id from medical_institutions where user_id = $1 and deleted_at is null";
    Ok(on!(store, |conn| sqlx::query_scalar(SQL).bind(user).fetch_optional(conn).await)?)
}

/// Keys of the table, and the fields of a body they stand for.
const KEYS: &[(&str, &str, &str)] = &[
    ("contact_email", "medical_institutions.contact_email", "medical_institutions_contact_email"),
    ("license_number", "medical_institutions.license_number", "medical_institutions_license"),
    ("user_id", "medical_institutions.user_id", "medical_institutions_user"),
];

/// Writes a new institution, whose account is `user`. Contacts are written beside.
pub async fn insert(
    tx: &mut Tx,
    draft: &InstitutionDraft,
    user: UserId,
    now: Timestamp,
) -> Result<InstitutionId> {
    const SQL: &str = "
        insert into medical_institutions
            (user_id, name, type, contact_email, license_number, region, country, city, website, status,
             accreditation, search, created_at, updated_at)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $13)
        returning id";
    on!(tx, |conn| sqlx::query_scalar(SQL)
        .bind(user)
        .bind(&draft.name)
        .bind(draft.kind)
        .bind(draft.contact_email.to_lowercase())
        .bind(&draft.license_number)
        .bind(&draft.region)
        .bind(&draft.country)
        .bind(&draft.city)
        .bind(&draft.website)
        .bind(draft.status.unwrap_or(InstitutionStatus::Active))
        .bind(&draft.accreditation)
        .bind(searchable([draft.name.as_str()]))
        .bind(now)
        .fetch_one(conn)
        .await)
    .map_err(taken_among(KEYS))
}

/// Writes every field of an institution that the transaction holds; contacts beside.
pub async fn update(
    tx: &mut Tx,
    institution: &Institution,
    draft: &InstitutionDraft,
    now: Timestamp,
) -> Result<()> {
    const SQL: &str = "
        update medical_institutions
        set name = $2, type = $3, contact_email = $4, license_number = $5, region = $6, country = $7,
            city = $8, website = $9, status = $10, accreditation = $11, search = $12, updated_at = $13,
            version = version + 1
        where id = $1";
    on!(tx, |conn| sqlx::query(SQL)
        .bind(institution.id)
        .bind(&draft.name)
        .bind(draft.kind)
        .bind(draft.contact_email.to_lowercase())
        .bind(&draft.license_number)
        .bind(&draft.region)
        .bind(&draft.country)
        .bind(&draft.city)
        .bind(&draft.website)
        .bind(draft.status.unwrap_or(institution.status))
        .bind(&draft.accreditation)
        .bind(searchable([draft.name.as_str()]))
        .bind(now)
        .execute(conn)
        .await
        .map(drop))
    .map_err(taken_among(KEYS))
}

/// Has the institution of an account, removed or not, be written to at the account's new e-mail, unless
/// it is already.
pub(super) async fn follow(tx: &mut Tx, user: UserId, email: &str, now: Timestamp) -> Result<()> {
    const SQL: &str = "
        update medical_institutions
        set contact_email = $2, updated_at = $3, version = version + 1
        where user_id = $1 and contact_email <> $2";
    on!(tx, |conn| sqlx::query(SQL).bind(user).bind(email).bind(now).execute(conn).await.map(drop))
        .map_err(taken("email"))
}

/// What was found of an institution's papers.
#[derive(Debug, Clone)]
pub struct Finding {
    pub status: Verification,
    pub accreditation: Option<String>,
    pub accredited_until: Option<Date>,
}

/// Writes what was found.
pub async fn verify(
    tx: &mut Tx,
    id: InstitutionId,
    finding: &Finding,
    now: Timestamp,
) -> Result<()> {
    const SQL: &str = "
        update medical_institutions
        set verification_status = $2, accreditation = $3, accredited_until = $4, updated_at = $5,
            version = version + 1
        where id = $1";
    Ok(on!(tx, |conn| sqlx::query(SQL)
        .bind(id)
        .bind(finding.status)
        .bind(&finding.accreditation)
        .bind(&finding.accredited_until)
        .bind(now)
        .execute(conn)
        .await
        .map(drop))?)
}

/// A part of a country, and who works there.
#[derive(Debug, Clone, Serialize, FromRow, ToSchema)]
pub struct Region {
    pub region: String,
    pub country: String,
    pub institutions: i64,
    pub verified: i64,
    pub doctors: i64,
    pub patients: i64,
}

/// Every region, of one country or of all, by country and name.
pub async fn regions(store: &Store, country: Option<&str>) -> Result<Vec<Region>> {
    const SQL: &str = "
        select i.region, i.country, count(*) as institutions,
            sum(case when i.verification_status = 'verified' then 1 else 0 end) as verified,
            cast(coalesce(sum(d.n), 0) as bigint) as doctors,
            cast(coalesce(sum(p.n), 0) as bigint) as patients
        from medical_institutions i
        left join (
            select institution_id, count(*) as n from doctors
            where deleted_at is null and institution_id is not null group by institution_id
        ) d on d.institution_id = i.id
        left join (
            select institution_id, count(*) as n from patients
            where deleted_at is null and institution_id is not null group by institution_id
        ) p on p.institution_id = i.id
        where i.deleted_at is null and ($1 is null or i.country = $1)
        group by i.region, i.country
        order by i.country, i.region";
    Ok(on!(store, |conn| sqlx::query_as(SQL).bind(country).fetch_all(conn).await)?)
}

/// How many institutions of each kind each region has: region, country, kind, number.
pub async fn kinds_by_region(
    store: &Store,
    country: Option<&str>,
) -> Result<Vec<(String, String, String, i64)>> {
    const SQL: &str = "
        select region, country, type, count(*) from medical_institutions
        where deleted_at is null and ($1 is null or country = $1)
        group by region, country, type";
    Ok(on!(store, |conn| sqlx::query_as(SQL).bind(country).fetch_all(conn).await)?)
}
