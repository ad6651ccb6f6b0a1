//! Which row stands behind an account's role.

use sqlx::QueryBuilder;

use crate::domain::id::UserId;
use crate::domain::identity::Role;
use crate::domain::time::Timestamp;
use crate::error::{Error, FieldCode, Kind, Result};
use crate::persistence::Tx;

/// The table of a role's rows; administrators and clients have none.
fn table(role: Role) -> Option<&'static str> {
    match role {
        Role::Doctor => Some("doctors"),
        Role::Patient => Some("patients"),
        Role::Institution => Some("medical_institutions"),
        Role::Company => Some("companies"),
        Role::Professional => Some("professionals"),
        Role::Admin | Role::Client | Role::Service => None,
    }
}

/// The account's row of that role, if it has one.
pub async fn of(tx: &mut Tx, role: Role, user: UserId) -> Result<Option<i64>> {
    let Some(table) = table(role) else { return Ok(None) };
    Ok(on!(tx, |conn| {
        let mut sql = QueryBuilder::new("select id from ");
        sql.push(table).push(" where user_id = ").push_bind(user);
        sql.push(" and deleted_at is null");
        sql.build_query_scalar().fetch_optional(conn).await
    })?)
}

/// The version of a row of that role.
pub async fn version(tx: &mut Tx, role: Role, row: i64) -> Result<Option<i64>> {
    let Some(table) = table(role) else { return Ok(None) };
    Ok(on!(tx, |conn| {
        let mut sql = QueryBuilder::new("select version from ");
        sql.push(table).push(" where id = ").push_bind(row).push(" and deleted_at is null");
        sql.build_query_scalar().fetch_optional(conn).await
    })?)
}

/// Gives a row of that role to the account. `pointer` is where the body names the row: one that is
/// not there is refused as a reference, one that belongs to an account as a conflict.
pub async fn link(
    tx: &mut Tx,
    role: Role,
    row: i64,
    user: UserId,
    pointer: &'static str,
    now: Timestamp,
) -> Result<()> {
    let missing = || Error::field(pointer, FieldCode::Reference, "the role has no such row");
    let table = table(role).ok_or_else(missing)?;
    let linked = on!(tx, |conn| {
        let mut sql = QueryBuilder::new("update ");
        sql.push(table).push(" set user_id = ").push_bind(user);
        sql.push(", version = version + 1, updated_at = ").push_bind(now);
        sql.push(" where id = ").push_bind(row);
        sql.push(" and user_id is null and deleted_at is null");
        sql.build().execute(&mut *conn).await.map(|done| done.rows_affected())
    })?;
    if linked == 1 {
        return Ok(());
    }
    let exists: bool = on!(tx, |conn| {
        let mut sql = QueryBuilder::new("select exists (select 1 from ");
        sql.push(table).push(" where id = ").push_bind(row).push(" and deleted_at is null)");
        sql.build_query_scalar().fetch_one(conn).await
    })?;
    Err(if exists { Kind::Conflict { field: "reference_id" }.into() } else { missing() })
}
