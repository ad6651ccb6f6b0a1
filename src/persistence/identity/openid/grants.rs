//! The `oidc_grants` table: sessions that clients were given, and the browser's session behind each.

use sqlx::FromRow;

use crate::domain::id::SessionId;
use crate::domain::identity::Revocation;
use crate::domain::time::Timestamp;
use crate::error::Result;
use crate::persistence::{Store, Tx};

/// The part of a client's session that other sessions do not have.
#[derive(Debug, Clone, FromRow)]
pub struct Grant {
    pub session_id: SessionId,
    /// The browser's session; this one ends with it.
    pub parent_id: SessionId,
    pub client_id: String,
    pub scope: String,
    /// When the user showed the password.
    pub auth_time: Timestamp,
}

pub async fn insert(tx: &mut Tx, grant: &Grant, now: Timestamp) -> Result<()> {
    const SQL: &str = "
        insert into oidc_grants (session_id, parent_id, client_id, scope, auth_time, created_at)
        values ($1, $2, $3, $4, $5, $6)";
    Ok(on!(tx, |conn| sqlx::query(SQL)
        .bind(&grant.session_id)
        .bind(&grant.parent_id)
        .bind(&grant.client_id)
        .bind(&grant.scope)
        .bind(grant.auth_time)
        .bind(now)
        .execute(conn)
        .await
        .map(drop))?)
}

/// What a client was given with this session, also after its end; absent for any other session.
pub async fn of(store: &Store, session: &SessionId) -> Result<Option<Grant>> {
    const SQL: &str = "
        select session_id, parent_id, client_id, scope, auth_time from oidc_grants
        where session_id = $1";
    Ok(on!(store, |conn| sqlx::query_as(SQL).bind(session).fetch_optional(conn).await)?)
}

/// Notes what the latest access token of a client's session is good for; what was granted stays.
pub async fn narrow(tx: &mut Tx, session: &SessionId, scope: &str) -> Result<()> {
    const SQL: &str = "update oidc_grants set token_scope = $2 where session_id = $1";
    Ok(on!(tx, |conn| sqlx::query(SQL).bind(session).bind(scope).execute(conn).await.map(drop))?)
}

/// What the latest access token of a client's session is good for.
pub async fn token_scope(store: &Store, session: &SessionId) -> Result<Option<String>> {
    const SQL: &str = "
        select coalesce(token_scope, scope) from oidc_grants where session_id = $1";
    Ok(on!(store, |conn| sqlx::query_scalar(SQL).bind(session).fetch_optional(conn).await)?)
}

/// Ends what clients were given through sessions that ended at `now`, and tells which.
///
/// `ended` is any of those sessions; the account is known by it.
pub async fn revoke_with(
    tx: &mut Tx,
    ended: &SessionId,
    keep: Option<&SessionId>,
    reason: Revocation,
    now: Timestamp,
) -> Result<Vec<SessionId>> {
    const SQL: &str = "
        update sessions set revoked_at = $2, revoke_reason = $3
        where revoked_at is null and id <> $4
            and id in (select session_id from oidc_grants
                       join sessions as parents on parents.id = parent_id
                       where parents.revoked_at = $2
                           and parents.user_id = (select user_id from sessions where id = $1))
        returning id";
    Ok(on!(tx, |conn| sqlx::query_scalar(SQL)
        .bind(ended)
        .bind(now)
        .bind(reason.name())
        .bind(keep.map_or("", SessionId::as_str))
        .fetch_all(conn)
        .await)?)
}
