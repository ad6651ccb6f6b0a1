//! What every row of care can do: be read, be held while it changes, be removed and brought back.

use std::fmt;

use serde::Serialize;
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

/// A row of a table with an id of its own and a [`Stamp`].
pub trait Row:
    Sized + Send + Sync + Unpin + for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + 'static
{
    type Id: Copy + fmt::Display + Into<i64> + From<i64> + Send + Sync + 'static;

    const TABLE: &'static str;
    const COLUMNS: &'static str;
    /// What is missing when there is no such row.
    const NOUN: &'static str;

    fn id(&self) -> Self::Id;
    fn stamp(&self) -> &Stamp;
}

/// The row, unless it was removed.
pub async fn find<R: Row>(store: &Store, id: R::Id) -> Result<R> {
    let found: Option<R> = on!(store, |conn| {
        let mut sql = QueryBuilder::new("select ");
        sql.push(R::COLUMNS).push(" from ").push(R::TABLE).push(" where id = ");
        sql.push_bind(id.into()).push(" and deleted_at is null");
        sql.build_query_as().fetch_optional(conn).await
    })?;
    found.ok_or_else(|| Kind::NotFound(R::NOUN).into())
}

/// The row, unless it was removed; until the transaction ends nobody else can change it.
pub async fn hold<R: Row>(tx: &mut Tx, id: R::Id) -> Result<R> {
    hold_where(tx, id, "deleted_at is null").await
}

/// Holds the account a row belongs to until the transaction ends, if there is one. Who is to write both asks
/// for it before the row is held: whoever writes accounts takes them in that order.
pub async fn hold_account<R: Row>(tx: &mut Tx, id: R::Id) -> Result<()> {
    on!(tx, |conn| {
        let mut sql = QueryBuilder::new("update users set failed_logins = failed_logins");
        sql.push(" where id = (select user_id from ").push(R::TABLE).push(" where id = ");
        sql.push_bind(id.into()).push(")");
        sql.build().execute(conn).await.map(drop)
    })?;
    Ok(())
}

/// The row, if it was removed; until the transaction ends nobody else can change it.
pub async fn hold_removed<R: Row>(tx: &mut Tx, id: R::Id) -> Result<R> {
    hold_where(tx, id, "deleted_at is not null").await
}

async fn hold_where<R: Row>(tx: &mut Tx, id: R::Id, condition: &'static str) -> Result<R> {
    let held: Option<R> = on!(tx, |conn| {
        let mut sql = QueryBuilder::new("update ");
        // A write that changes nothing takes the row lock on both engines.
        sql.push(R::TABLE).push(" set version = version where id = ").push_bind(id.into());
        sql.push(" and ").push(condition).push(" returning ").push(R::COLUMNS);
        sql.build_query_as().fetch_optional(conn).await
    })?;
    held.ok_or_else(|| Kind::NotFound(R::NOUN).into())
}

/// Holds a row that another one is about to refer to by the field at `pointer`.
pub async fn refer<R: Row>(tx: &mut Tx, id: R::Id, pointer: &str) -> Result<R> {
    match hold::<R>(tx, id).await {
        Ok(row) => Ok(row),
        Err(error) if matches!(error.kind(), Kind::NotFound(_)) => {
            let detail = format!("there is no such {}", R::NOUN);
            Err(Error::field(pointer, FieldCode::Reference, detail))
        }
        Err(error) => Err(error),
    }
}

/// Hides the row from lists and reads; what refers to it keeps doing so.
pub async fn remove<R: Row>(tx: &mut Tx, id: R::Id, now: Timestamp) -> Result<()> {
    on!(tx, |conn| {
        let mut sql = QueryBuilder::new("update ");
        sql.push(R::TABLE).push(" set deleted_at = ").push_bind(now);
        sql.push(", updated_at = ").push_bind(now);
        sql.push(", version = version + 1 where id = ").push_bind(id.into());
        sql.build().execute(conn).await.map(drop)
    })?;
    Ok(())
}

/// Brings a removed row back to lists and reads. Fails with [`Kind::Conflict`] when `unique` was
/// taken meanwhile.
pub async fn restore<R: Row>(
    tx: &mut Tx,
    id: R::Id,
    unique: &'static str,
    now: Timestamp,
) -> Result<R> {
    on!(tx, |conn| {
        let mut sql = QueryBuilder::new("update ");
        sql.push(R::TABLE).push(" set deleted_at = null, updated_at = ").push_bind(now);
        sql.push(", version = version + 1 where id = ").push_bind(id.into());
        sql.push(" returning ").push(R::COLUMNS);
        sql.build_query_as().fetch_one(conn).await
    })
    .map_err(taken(unique))
}

/// A refused write: `field` is taken, or something unforeseen.
pub fn taken(field: &'static str) -> impl Fn(sqlx::Error) -> Error {
    move |error| {
        if is_unique_violation(&error) { Kind::Conflict { field }.into() } else { error.into() }
    }
}

/// A refused write to a table with several unique keys, each given as the field that is taken, the
/// column as SQLite names it, and the index as PostgreSQL does.
pub fn taken_among(
    keys: &'static [(&'static str, &'static str, &'static str)],
) -> impl Fn(sqlx::Error) -> Error {
    move |error| {
        if !is_unique_violation(&error) {
            return error.into();
        }
        let Some(refusal) = error.as_database_error() else { return error.into() };
        let key = keys.iter().find(|(_, column, index)| {
            refusal.constraint() == Some(*index) || refusal.message().ends_with(*column)
        });
        match key {
            Some((field, ..)) => Kind::Conflict { field }.into(),
            None => Error::internal(error),
        }
    }
}
