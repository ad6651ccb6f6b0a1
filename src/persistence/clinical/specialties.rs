//! What doctors are trained in: `doctor_specialties`, and which doctor in which.

use std::collections::HashMap;

use serde::Serialize;
use sqlx::types::Json;
use sqlx::{FromRow, QueryBuilder};
use utoipa::ToSchema;

use super::row::{Row, Stamp, refer, taken};
use crate::domain::id::{DoctorId, SpecialtyId};
use crate::domain::time::Timestamp;
use crate::error::Result;
use crate::persistence::search::{folded_sql, pattern};
use crate::persistence::{Source, Store, Tx};

/// A field of medicine.
#[derive(Debug, Clone, Serialize, FromRow, ToSchema)]
#[schema(example = json!({"id": 3, "name": "Cardiología", "category": "clínica", "version": 1,
    "created_at": "2025-10-13T04:58:18.128Z", "updated_at": "2025-10-13T04:58:18.128Z",
    "deleted_at": null}))]
pub struct Specialty {
    pub id: SpecialtyId,
    pub name: String,
    pub category: Option<String>,
    #[serde(flatten)]
    #[sqlx(flatten)]
    pub stamp: Stamp,
}

/// A specialty as a doctor shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, FromRow, ToSchema)]
pub struct Named {
    pub id: SpecialtyId,
    pub name: String,
}

impl Row for Specialty {
    type Id = SpecialtyId;

    const TABLE: &'static str = "doctor_specialties";
    const COLUMNS: &'static str = "id, name, category, version, created_at, updated_at, deleted_at";
    const NOUN: &'static str = "specialty";

    fn id(&self) -> SpecialtyId {
        self.id
    }

    fn stamp(&self) -> &Stamp {
        &self.stamp
    }
}

/// Which specialties a list shows. The default shows every one that was not removed.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    pub text: Option<String>,
    pub category: Option<String>,
    pub created_from: Option<Timestamp>,
    pub created_to: Option<Timestamp>,
    pub include_deleted: bool,
}

/// Adds the conditions of a filter to a statement. A macro, because the statement has a type per
/// engine.
macro_rules! narrow {
    ($sql:ident, $filter:ident) => {
        if let Some(text) = &$filter.text {
            $sql.push(" and ").push(folded_sql!("name"));
            $sql.push(" like ").push_bind(pattern(text)).push(r" escape '\'");
        }
        if let Some(category) = &$filter.category {
            $sql.push(" and category = ").push_bind(category.clone());
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

/// At most `limit` specialties with ids below `before`.
pub async fn page(
    store: &Store,
    filter: &Filter,
    before: Option<i64>,
    limit: i64,
) -> Result<Vec<Specialty>> {
    Ok(on!(store, |conn| {
        let mut sql = QueryBuilder::new("select ");
        sql.push(Specialty::COLUMNS).push(" from doctor_specialties where id < ");
        sql.push_bind(before.unwrap_or(i64::MAX));
        narrow!(sql, filter);
        sql.push(" order by id desc limit ").push_bind(limit);
        sql.build_query_as().fetch_all(conn).await
    })?)
}

/// How many specialties the filter shows on all pages together.
pub async fn count(store: &Store, filter: &Filter) -> Result<i64> {
    Ok(on!(store, |conn| {
        let mut sql = QueryBuilder::new("select count(*) from doctor_specialties where 1 = 1");
        narrow!(sql, filter);
        sql.build_query_scalar().fetch_one(conn).await
    })?)
}

/// Fails with [`Kind::Conflict`](crate::error::Kind::Conflict) when the name is taken.
pub async fn insert(
    tx: &mut Tx,
    name: &str,
    category: Option<&str>,
    now: Timestamp,
) -> Result<Specialty> {
    const SQL: &str = "
        insert into doctor_specialties (name, category, created_at, updated_at) values ($1, $2, $3, $3)
        returning id, name, category, version, created_at, updated_at, deleted_at";
    on!(tx, |conn| sqlx::query_as(SQL).bind(name).bind(category).bind(now).fetch_one(conn).await)
        .map_err(taken("name"))
}

/// Fails with [`Kind::Conflict`](crate::error::Kind::Conflict) when the name is taken.
pub async fn update(
    tx: &mut Tx,
    id: SpecialtyId,
    name: &str,
    category: Option<&str>,
    now: Timestamp,
) -> Result<Specialty> {
    const SQL: &str = "
        update doctor_specialties
        set name = $2, category = $3, updated_at = $4, version = version + 1
        where id = $1
        returning id, name, category, version, created_at, updated_at, deleted_at";
    on!(tx, |conn| sqlx::query_as(SQL)
        .bind(id)
        .bind(name)
        .bind(category)
        .bind(now)
        .fetch_one(conn)
        .await)
    .map_err(taken("name"))
}

/// Has the doctors who have it shown anew.
pub async fn touch_doctors(tx: &mut Tx, id: SpecialtyId, now: Timestamp) -> Result<()> {
    const SQL: &str = "
        update doctors set updated_at = $2, version = version + 1
        where deleted_at is null
            and id in (select doctor_id from doctor_specialty_links where specialty_id = $1)";
    Ok(on!(tx, |conn| sqlx::query(SQL).bind(id).bind(now).execute(conn).await.map(drop))?)
}

/// Whether a doctor who was not removed has it.
pub async fn is_used(tx: &mut Tx, id: SpecialtyId) -> Result<bool> {
    const SQL: &str = "
        select exists (
            select 1 from doctor_specialty_links join doctors on doctors.id = doctor_id
            where specialty_id = $1 and doctors.deleted_at is null)";
    Ok(on!(tx, |conn| sqlx::query_scalar(SQL).bind(id).fetch_one(conn).await)?)
}

/// Holds the specialties that a doctor who has `had` is to have besides, before a row points to them.
/// One that is not there is refused as a reference.
pub async fn hold_new(tx: &mut Tx, wanted: &[SpecialtyId], had: &[SpecialtyId]) -> Result<()> {
    let mut added: Vec<(usize, SpecialtyId)> =
        wanted.iter().copied().enumerate().filter(|(_, id)| !had.contains(id)).collect();
    // Rows are held in one order everywhere, or two writers would wait for each other.
    added.sort_unstable_by_key(|(_, id)| *id);
    for (position, id) in added {
        refer::<Specialty>(tx, id, &format!("/specialty_ids/{position}")).await?;
    }
    Ok(())
}

/// Makes `wanted` the specialties of a doctor, the main one first.
pub async fn fill(tx: &mut Tx, doctor: DoctorId, wanted: &[SpecialtyId]) -> Result<()> {
    const TAKE: &str = "delete from doctor_specialty_links where doctor_id = $1";
    const ADD: &str = "
        insert into doctor_specialty_links (doctor_id, specialty_id, position) values ($1, $2, $3)";
    on!(tx, |conn| sqlx::query(TAKE).bind(doctor).execute(conn).await.map(drop))?;
    for (position, id) in (0_i64..).zip(wanted) {
        on!(tx, |conn| sqlx::query(ADD)
            .bind(doctor)
            .bind(id)
            .bind(position)
            .execute(conn)
            .await
            .map(drop))?;
    }
    Ok(())
}

/// The specialties of each of `doctors`, the main one first.
pub async fn of(
    source: impl Into<Source<'_>>,
    doctors: &[DoctorId],
) -> Result<HashMap<DoctorId, Vec<Named>>> {
    const SQLITE: &str = "
        select doctor_id, id, name
        from doctor_specialty_links join doctor_specialties on id = specialty_id
        where doctor_id in (select value from json_each($1))
        order by doctor_id, position";
    const POSTGRES: &str = "
        select doctor_id, id, name
        from doctor_specialty_links join doctor_specialties on id = specialty_id
        where doctor_id in (select value::bigint from jsonb_array_elements_text($1))
        order by doctor_id, position";
    let mut source = source.into();
    let sql = source.text(SQLITE, POSTGRES);
    let rows: Vec<(DoctorId, SpecialtyId, String)> =
        on_source!(source, |conn| sqlx::query_as(sql).bind(Json(doctors)).fetch_all(conn).await)?;
    let mut found: HashMap<DoctorId, Vec<Named>> = HashMap::new();
    for (doctor, id, name) in rows {
        found.entry(doctor).or_default().push(Named { id, name });
    }
    Ok(found)
}
