//! What every table of the catalogue can do.

use std::fmt;

use serde::Serialize;
use serde::de::DeserializeOwned;
use sqlx::postgres::PgRow;
use sqlx::sqlite::SqliteRow;
use sqlx::{FromRow, QueryBuilder};
use utoipa::ToSchema;

use crate::domain::time::Timestamp;
use crate::error::{Error, FieldCode, Kind, Result};
use crate::persistence::store::is_unique_violation;
use crate::persistence::{Store, Tx};

/// When a row was written, and how often.
#[derive(Debug, Clone, Copy, Serialize, FromRow, ToSchema)]
pub struct Stamp {
    /// Counts the writes; the entity tag is made of it.
    pub version: i64,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    /// Present on removed rows, which only an administrator sees.
    pub deleted_at: Option<Timestamp>,
}

/// What the filters of a list mean for one table: SQL conditions on its columns, with one `?` for
/// each use of the value.
#[derive(Debug, Clone, Copy)]
pub struct Search {
    /// `q`, already a lower-case `like` pattern.
    pub text: &'static str,
    pub category: &'static str,
    pub location: &'static str,
    pub active: &'static str,
}

/// A row of the catalogue.
pub trait Entry:
    Sized
    + Send
    + Sync
    + Unpin
    + Serialize
    + for<'r> FromRow<'r, SqliteRow>
    + for<'r> FromRow<'r, PgRow>
    + 'static
{
    type Id: Copy + fmt::Display + Into<i64> + From<i64> + Send + Sync + 'static;
    /// What a caller writes.
    type Draft: Serialize + DeserializeOwned + Send + Sync + 'static;

    const TABLE: &'static str;
    const COLUMNS: &'static str;
    /// What is missing when there is no such row.
    const NOUN: &'static str;
    const SEARCH: Search;

    fn id(&self) -> Self::Id;
    fn stamp(&self) -> &Stamp;
    /// What people call it; prices have no name.
    fn name(&self) -> Option<&str>;
    /// The row as its author would write it.
    fn draft(&self) -> Self::Draft;

    fn insert(
        tx: &mut Tx,
        draft: &Self::Draft,
        now: Timestamp,
    ) -> impl Future<Output = Result<Self>> + Send;

    /// Writes every field of a row that the transaction holds.
    fn update(
        &self,
        tx: &mut Tx,
        draft: &Self::Draft,
        now: Timestamp,
    ) -> impl Future<Output = Result<Self>> + Send;
}

/// The row, unless it was removed.
pub async fn find<E: Entry>(store: &Store, id: E::Id) -> Result<E> {
    let found: Option<E> = on!(store, |conn| {
        let mut sql = QueryBuilder::new("select ");
        sql.push(E::COLUMNS).push(" from ").push(E::TABLE).push(" where id = ");
        sql.push_bind(id.into()).push(" and deleted_at is null");
        sql.build_query_as().fetch_optional(conn).await
    })?;
    found.ok_or_else(|| Kind::NotFound(E::NOUN).into())
}

/// The row, unless it was removed; until the transaction ends nobody else can change it.
pub async fn hold<E: Entry>(tx: &mut Tx, id: E::Id) -> Result<E> {
    hold_where(tx, id, "deleted_at is null").await
}

/// The row, if it was removed; until the transaction ends nobody else can change it.
pub async fn hold_removed<E: Entry>(tx: &mut Tx, id: E::Id) -> Result<E> {
    hold_where(tx, id, "deleted_at is not null").await
}

async fn hold_where<E: Entry>(tx: &mut Tx, id: E::Id, condition: &'static str) -> Result<E> {
    let held: Option<E> = on!(tx, |conn| {
        let mut sql = QueryBuilder::new("update ");
        // A write that changes nothing takes the row lock on both engines.
        sql.push(E::TABLE).push(" set version = version where id = ").push_bind(id.into());
        sql.push(" and ").push(condition).push(" returning ").push(E::COLUMNS);
        sql.build_query_as().fetch_optional(conn).await
    })?;
    held.ok_or_else(|| Kind::NotFound(E::NOUN).into())
}

/// Holds a row that another one is about to refer to by the field at `pointer`.
pub(super) async fn refer<E: Entry>(tx: &mut Tx, id: E::Id, pointer: &str) -> Result<()> {
    match hold::<E>(tx, id).await {
        Ok(_) => Ok(()),
        Err(error) if matches!(error.kind(), Kind::NotFound(_)) => {
            let detail = format!("there is no such {}", E::NOUN);
            Err(Error::field(pointer, FieldCode::Reference, detail))
        }
        Err(error) => Err(error),
    }
}

/// Hides the row from lists and reads; what refers to it keeps doing so.
pub async fn remove<E: Entry>(tx: &mut Tx, id: E::Id, now: Timestamp) -> Result<()> {
    on!(tx, |conn| {
        let mut sql = QueryBuilder::new("update ");
        sql.push(E::TABLE).push(" set deleted_at = ").push_bind(now);
        sql.push(", updated_at = ").push_bind(now);
        sql.push(", version = version + 1 where id = ").push_bind(id.into());
        sql.build().execute(conn).await.map(drop)
    })?;
    Ok(())
}

/// Brings a removed row back to lists and reads. Fails with [`Kind::Conflict`] when `unique` was
/// taken meanwhile.
pub async fn restore<E: Entry>(
    tx: &mut Tx,
    id: E::Id,
    unique: &'static str,
    now: Timestamp,
) -> Result<E> {
    on!(tx, |conn| {
        let mut sql = QueryBuilder::new("update ");
        sql.push(E::TABLE).push(" set deleted_at = null, updated_at = ").push_bind(now);
        sql.push(", version = version + 1 where id = ").push_bind(id.into());
        sql.push(" returning ").push(E::COLUMNS);
        sql.build_query_as().fetch_one(conn).await
    })
    .map_err(taken(unique))
}

/// A refused write: `field` is taken, or something unforeseen.
pub(super) fn taken(field: &'static str) -> impl Fn(sqlx::Error) -> Error {
    move |error| {
        if is_unique_violation(&error) { Kind::Conflict { field }.into() } else { error.into() }
    }
}
