//! Pages of the catalogue, newest first.

use sqlx::QueryBuilder;

use super::Entry;
use crate::domain::time::Timestamp;
use crate::error::Result;
use crate::persistence::Store;
use crate::persistence::search::pattern;

/// Which rows a list shows. The default shows all that were not removed.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Looked for in names and codes, whatever its case and accents.
    pub text: Option<String>,
    pub category: Option<i64>,
    pub location: Option<i64>,
    pub active: Option<bool>,
    pub created_from: Option<Timestamp>,
    pub created_to: Option<Timestamp>,
    pub include_deleted: bool,
}

/// Adds the conditions of a filter to a statement. A macro, because the statement has a type per
/// engine.
macro_rules! narrow {
    ($sql:ident, $search:expr, $filter:ident) => {
        narrow!($sql, $search.text, $filter.text.as_deref().map(pattern));
        narrow!($sql, $search.category, $filter.category);
        narrow!($sql, $search.location, $filter.location);
        narrow!($sql, $search.active, $filter.active);
        narrow!($sql, "created_at >= ?", $filter.created_from);
        narrow!($sql, "created_at <= ?", $filter.created_to);
        if !$filter.include_deleted {
            $sql.push(" and deleted_at is null");
        }
    };
    ($sql:ident, $condition:expr, $value:expr) => {
        if let Some(value) = $value {
            let mut parts = $condition.split('?');
            $sql.push(" and (").push(parts.next().unwrap_or_default());
            for part in parts {
                $sql.push_bind(value.clone()).push(part);
            }
            $sql.push(")");
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
        sql.push(E::COLUMNS).push(" from ").push(E::TABLE).push(" where id < ");
        sql.push_bind(before.unwrap_or(i64::MAX));
        narrow!(sql, E::SEARCH, filter);
        sql.push(" order by id desc limit ").push_bind(limit);
        sql.build_query_as().fetch_all(conn).await
    })?)
}

/// How many rows the filter shows on all pages together.
pub async fn count<E: Entry>(store: &Store, filter: &Filter) -> Result<i64> {
    Ok(on!(store, |conn| {
        let mut sql = QueryBuilder::new("select count(*) from ");
        sql.push(E::TABLE).push(" where 1 = 1");
        narrow!(sql, E::SEARCH, filter);
        sql.build_query_scalar().fetch_one(conn).await
    })?)
}
