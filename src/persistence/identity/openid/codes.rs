//! The `oidc_codes` table: authorization codes, kept as hashes, each good for one redemption.

use sqlx::FromRow;

use crate::domain::id::{SessionId, UserId};
use crate::domain::time::Timestamp;
use crate::error::Result;
use crate::persistence::Tx;

/// A code about to be sent to a client.
#[derive(Debug, Clone, Copy)]
pub struct NewCode<'a> {
    /// Hex SHA-256 of the code.
    pub hash: &'a str,
    pub client: &'a str,
    pub redirect_uri: &'a str,
    pub challenge: &'a str,
    pub nonce: Option<&'a str>,
    pub scope: &'a str,
    pub user: UserId,
    /// The browser's session.
    pub parent: &'a SessionId,
    /// When the user showed the password.
    pub auth_time: Timestamp,
    pub expires_at: Timestamp,
}

/// What a code was bound to.
#[derive(Debug, Clone, FromRow)]
pub struct Code {
    pub redirect_uri: String,
    #[sqlx(rename = "code_challenge")]
    pub challenge: String,
    pub nonce: Option<String>,
    pub scope: String,
    pub user_id: UserId,
    pub parent_id: SessionId,
    pub auth_time: Timestamp,
    pub expires_at: Timestamp,
}

pub async fn insert(tx: &mut Tx, new: NewCode<'_>, now: Timestamp) -> Result<()> {
    const SQL: &str = "
        insert into oidc_codes
            (hash, client_id, redirect_uri, code_challenge, nonce, scope, user_id, parent_id, auth_time,
             created_at, expires_at)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)";
    Ok(on!(tx, |conn| sqlx::query(SQL)
        .bind(new.hash)
        .bind(new.client)
        .bind(new.redirect_uri)
        .bind(new.challenge)
        .bind(new.nonce)
        .bind(new.scope)
        .bind(new.user)
        .bind(new.parent)
        .bind(new.auth_time)
        .bind(now)
        .bind(new.expires_at)
        .execute(conn)
        .await
        .map(drop))?)
}

/// Spends a client's code and answers what it was bound to, expired or not. Of two racing callers
/// one gets it.
pub async fn spend(tx: &mut Tx, hash: &str, client: &str, now: Timestamp) -> Result<Option<Code>> {
    const SQL: &str = "
        update oidc_codes set used_at = $3
        where hash = $1 and client_id = $2 and used_at is null
        returning redirect_uri, code_challenge, nonce, scope, user_id, parent_id, auth_time, expires_at";
    Ok(on!(tx, |conn| sqlx::query_as(SQL)
        .bind(hash)
        .bind(client)
        .bind(now)
        .fetch_optional(conn)
        .await)?)
}

/// Notes the session that a spent code opened.
pub async fn note_session(tx: &mut Tx, hash: &str, session: &SessionId) -> Result<()> {
    const SQL: &str = "update oidc_codes set session_id = $2 where hash = $1";
    Ok(on!(tx, |conn| sqlx::query(SQL).bind(hash).bind(session).execute(conn).await.map(drop))?)
}

/// The session that a client's code opened when it was spent, and whose it is.
pub async fn given(tx: &mut Tx, hash: &str, client: &str) -> Result<Option<(SessionId, UserId)>> {
    const SQL: &str = "
        select session_id, user_id from oidc_codes
        where hash = $1 and client_id = $2 and session_id is not null";
    Ok(on!(tx, |conn| sqlx::query_as(SQL).bind(hash).bind(client).fetch_optional(conn).await)?)
}

/// Forgets codes that expired before `before`; until then their reuse is noticed.
pub async fn purge(tx: &mut Tx, before: Timestamp) -> Result<()> {
    const SQL: &str = "delete from oidc_codes where expires_at < $1";
    Ok(on!(tx, |conn| sqlx::query(SQL).bind(before).execute(conn).await.map(drop))?)
}
