//! The chart of a patient: what doctors write about one, as lists. Notes, prescriptions and diagnoses
//! are listed alike, newest first.

use sqlx::QueryBuilder;

use super::row::Row;
use crate::domain::id::PatientId;
use crate::domain::time::Timestamp;
use crate::error::Result;
use crate::persistence::Store;

/// A row that is written about a patient.
pub trait Entry: Row {
    /// The condition under which the patient may read one.
    const RELEASED: &'static str;

    fn patient(&self) -> PatientId;
    fn is_released(&self) -> bool;
}

/// Which rows of a chart a list shows.
#[derive(Debug, Clone, Copy)]
pub struct Filter {
    pub patient: PatientId,
    /// Only what the patient may read.
    pub released_only: bool,
    pub created_from: Option<Timestamp>,
    pub created_to: Option<Timestamp>,
    pub include_deleted: bool,
}

impl Filter {
    /// Everything there is about a patient, or what that patient may read of it.
    pub fn all(patient: PatientId, released_only: bool) -> Self {
        Self {
            patient,
            released_only,
            created_from: None,
            created_to: None,
            include_deleted: false,
        }
    }
}

/// Adds the conditions of a filter to a statement. A macro, because the statement has a type per
/// engine.
macro_rules! narrow {
    ($sql:ident, $filter:ident, $entry:ident) => {
        $sql.push(" where patient_id = ").push_bind($filter.patient);
        if $filter.released_only {
            $sql.push(" and ").push($entry::RELEASED);
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

/// At most `limit` rows with ids below `before`.
pub async fn page<E: Entry>(
    store: &Store,
    filter: &Filter,
    before: Option<i64>,
    limit: i64,
) -> Result<Vec<E>> {
    Ok(on!(store, |conn| {
        let mut sql = QueryBuilder::new("select ");
        sql.push(E::COLUMNS).push(" from ").push(E::TABLE);
        narrow!(sql, filter, E);
        sql.push(" and id < ").push_bind(before.unwrap_or(i64::MAX));
        sql.push(" order by id desc limit ").push_bind(limit);
        sql.build_query_as().fetch_all(conn).await
    })?)
}

/// How many rows the filter shows on all pages together.
pub async fn count<E: Entry>(store: &Store, filter: &Filter) -> Result<i64> {
    Ok(on!(store, |conn| {
        let mut sql = QueryBuilder::new("select count(*) from ");
        sql.push(E::TABLE);
        narrow!(sql, filter, E);
        sql.build_query_scalar().fetch_one(conn).await
    })?)
}
