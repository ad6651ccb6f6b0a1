//! Pages of accounts, newest first.

use sqlx::QueryBuilder;

use super::accounts::{User, columns};
use crate::domain::identity::Role;
use crate::domain::time::Timestamp;
use crate::error::Result;
use crate::persistence::Store;
use crate::persistence::search::push_found_by;

/// Which accounts a list shows. The default shows all that were not removed.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Words that stand in e-mails and names, whatever their case and accents.
    pub text: Option<String>,
    pub primary_role: Option<Role>,
    pub is_active: Option<bool>,
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
        if let Some(role) = $filter.primary_role {
            $sql.push(" and primary_role = ").push_bind(role.user_type());
        }
        if let Some(is_active) = $filter.is_active {
            $sql.push(" and is_active = ").push_bind(is_active);
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

/// At most `limit` accounts with ids below `before`.
pub async fn page(
    store: &Store,
    filter: &Filter,
    before: Option<i64>,
    limit: i64,
) -> Result<Vec<User>> {
    const SQL: &str = concat!("select ", columns!(), " from users where id < ");
    Ok(on!(store, |conn| {
        let mut sql = QueryBuilder::new(SQL);
        sql.push_bind(before.unwrap_or(i64::MAX));
        narrow!(sql, filter);
        sql.push(" order by id desc limit ").push_bind(limit);
        sql.build_query_as().fetch_all(conn).await
    })?)
}

/// How many accounts the filter shows on all pages together.
pub async fn count(store: &Store, filter: &Filter) -> Result<i64> {
    Ok(on!(store, |conn| {
        let mut sql = QueryBuilder::new("select count(*) from users where 1 = 1");
        narrow!(sql, filter);
        sql.build_query_scalar().fetch_one(conn).await
    })?)
}
