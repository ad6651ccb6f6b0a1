//! Answers kept for callers that repeat a request under the same key.
//!
//! What a keyed request changes commits together with a mark on its key, so that a node that dies
//! before the answer is kept leaves a key that nobody runs a second time.

use std::collections::BTreeMap;

use sqlx::FromRow;
use sqlx::types::Json;

use super::{Store, Tx};
use crate::domain::time::Timestamp;
use crate::error::Result;

/// Headers of a kept answer, by lower-case name.
pub type Headers = BTreeMap<String, String>;

/// What became of claiming a key.
#[derive(Debug)]
pub enum Claim {
    /// Nobody used the key; it is ours until [`finish`] or [`abandon`].
    Ours,
    /// The key is taken, by a request still running or by one that was answered.
    Taken(Kept),
}

/// A key in use. The answer is absent while its request runs, and for good when it was lost.
#[derive(Debug, FromRow)]
pub struct Kept {
    /// The mark of the request.
    pub request_hash: String,
    /// Whether the request has changed something, or was answered.
    pub is_done: bool,
    pub status: Option<i64>,
    /// Sealed.
    pub body: Option<String>,
    pub headers: Json<Headers>,
    pub created_at: Timestamp,
}

tokio::task_local! {
    static UNDER_WAY: (String, String);
}

/// Does the work of the request that claimed `key`: whatever it commits marks the key.
pub async fn within<F: Future>(scope: &str, key: &str, work: F) -> F::Output {
    UNDER_WAY.scope((scope.to_owned(), key.to_owned()), work).await
}

/// Marks the key of the request under way, if it has one, in a transaction of its work.
pub(super) async fn mark(tx: &mut Tx) -> Result<()> {
    const SQL: &str = "
        update idempotency_keys set state = 'done'
        where scope = $1 and key = $2 and state = 'running'";
    let Ok((scope, key)) = UNDER_WAY.try_with(Clone::clone) else { return Ok(()) };
    Ok(on!(tx, |conn| sqlx::query(SQL).bind(scope).bind(key).execute(conn).await.map(drop))?)
}

/// Claims `key` for the request with `request_hash`, or tells who has it.
///
/// A claim older than `stale_before` belongs to a node that died; an answer older than
/// `expired_before` is forgotten. Both are taken over.
pub async fn claim(
    store: &Store,
    scope: &str,
    key: &str,
    request_hash: &str,
    now: Timestamp,
    stale_before: Timestamp,
    expired_before: Timestamp,
) -> Result<Claim> {
    const CLAIM: &str = "
        insert into idempotency_keys (scope, key, request_hash, state, created_at)
        values ($1, $2, $3, 'running', $4)
        on conflict (scope, key) do update
        set request_hash = excluded.request_hash, state = 'running', status = null, body = null,
            created_at = excluded.created_at
        where (idempotency_keys.state = 'running' and idempotency_keys.created_at < $5)
           or idempotency_keys.created_at < $6";
    const KEPT: &str = "
        select request_hash, state = 'done' as is_done, status, body, headers, created_at
        from idempotency_keys where scope = $1 and key = $2";
    let mut tx = store.begin().await?;
    let claimed = on!(tx, |conn| sqlx::query(CLAIM)
        .bind(scope)
        .bind(key)
        .bind(request_hash)
        .bind(now)
        .bind(stale_before)
        .bind(expired_before)
        .execute(conn)
        .await
        .map(|done| done.rows_affected()))?;
    let claim = if claimed == 1 {
        Claim::Ours
    } else {
        Claim::Taken(on!(tx, |conn| sqlx::query_as(KEPT)
            .bind(scope)
            .bind(key)
            .fetch_one(conn)
            .await)?)
    };
    tx.commit().await?;
    Ok(claim)
}

/// Keeps the final answer of a claimed request.
pub async fn finish(
    store: &Store,
    scope: &str,
    key: &str,
    status: u16,
    headers: &Headers,
    body: &str,
) -> Result<()> {
    const SQL: &str = "
        update idempotency_keys set state = 'done', status = $3, headers = $4, body = $5
        where scope = $1 and key = $2";
    let mut tx = store.begin().await?;
    on!(tx, |conn| sqlx::query(SQL)
        .bind(scope)
        .bind(key)
        .bind(i64::from(status))
        .bind(Json(headers))
        .bind(body)
        .execute(conn)
        .await
        .map(drop))?;
    tx.commit().await
}

/// Gives a claimed key back, so that the request may be tried again, unless it changed something.
pub async fn abandon(store: &Store, scope: &str, key: &str) -> Result<()> {
    const SQL: &str =
        "delete from idempotency_keys where scope = $1 and key = $2 and state = 'running'";
    delete(store, scope, key, SQL).await
}

/// Gives the key of a refused request back, whatever the refusal wrote down.
pub async fn retract(store: &Store, scope: &str, key: &str) -> Result<()> {
    const SQL: &str =
        "delete from idempotency_keys where scope = $1 and key = $2 and status is null";
    delete(store, scope, key, SQL).await
}

async fn delete(store: &Store, scope: &str, key: &str, sql: &'static str) -> Result<()> {
    let mut tx = store.begin().await?;
    on!(tx, |conn| sqlx::query(sql).bind(scope).bind(key).execute(conn).await.map(drop))?;
    tx.commit().await
}

/// Forgets keys older than `before`.
pub async fn purge(tx: &mut Tx, before: Timestamp) -> Result<u64> {
    const SQL: &str = "delete from idempotency_keys where created_at < $1";
    Ok(on!(tx, |conn| sqlx::query(SQL)
        .bind(before)
        .execute(conn)
        .await
        .map(|done| done.rows_affected()))?)
}
