//! The `oidc_logouts` table: ends of sessions that a client has yet to hear of.

use std::time::Duration;

use sqlx::FromRow;

use crate::domain::id::{SessionId, UserId};
use crate::domain::time::Timestamp;
use crate::error::Result;
use crate::persistence::{Store, Tx};

/// A client to be told that a session of its user ended.
#[derive(Debug, Clone, FromRow)]
pub struct Owed {
    pub session_id: SessionId,
    pub client_id: String,
    pub user_id: UserId,
    /// How often it was tried.
    pub attempts: i64,
}

/// Owes clients the sessions of theirs that ended at `now`.
///
/// `ended` is any session that ended then; the account is known by it.
pub async fn owe(tx: &mut Tx, ended: &SessionId, now: Timestamp) -> Result<()> {
    const SQL: &str = "
        insert into oidc_logouts (session_id, client_id, user_id, due_at, created_at)
        select oidc_grants.session_id, oidc_grants.client_id, sessions.user_id, $2, $2
        from sessions join oidc_grants on oidc_grants.session_id = sessions.id
        where sessions.revoked_at = $2
            and sessions.user_id = (select user_id from sessions where id = $1)
        on conflict (session_id) do nothing";
    Ok(on!(tx, |conn| sqlx::query(SQL).bind(ended).bind(now).execute(conn).await.map(drop))?)
}

/// Those to be told by now, the longest due first.
pub async fn due(store: &Store, now: Timestamp, limit: i64) -> Result<Vec<Owed>> {
    const SQL: &str = "
        select session_id, client_id, user_id, attempts from oidc_logouts
        where due_at <= $1 order by due_at limit $2";
    Ok(on!(store, |conn| sqlx::query_as(SQL).bind(now).bind(limit).fetch_all(conn).await)?)
}

/// Takes the next attempt and puts off the one after it. False when another node took it.
pub async fn attempt(tx: &mut Tx, owed: &Owed, wait: Duration, now: Timestamp) -> Result<bool> {
    const SQL: &str = "
        update oidc_logouts set attempts = attempts + 1, due_at = $3
        where session_id = $1 and attempts = $2";
    let taken = on!(tx, |conn| sqlx::query(SQL)
        .bind(&owed.session_id)
        .bind(owed.attempts)
        .bind(now.plus(wait))
        .execute(conn)
        .await
        .map(|done| done.rows_affected()))?;
    Ok(taken == 1)
}

/// Nothing is owed any more: the client was told, or cannot be.
pub async fn settle(tx: &mut Tx, session: &SessionId) -> Result<()> {
    const SQL: &str = "delete from oidc_logouts where session_id = $1";
    Ok(on!(tx, |conn| sqlx::query(SQL).bind(session).execute(conn).await.map(drop))?)
}
