//! The `sessions` table: one row for each sign-in on one device.

use sqlx::FromRow;
use sqlx::types::Json;

use crate::domain::id::{SessionId, UserId};
use crate::domain::identity::{Family, Revocation};
use crate::domain::time::Timestamp;
use crate::error::Result;
use crate::persistence::{Store, Tx};

/// A session that is neither revoked nor expired.
#[derive(Debug, Clone, FromRow)]
pub struct Session {
    pub id: SessionId,
    pub user_id: UserId,
    pub cookie_hash: String,
    pub fingerprint: String,
    pub platform: Option<String>,
    pub browser: Option<String>,
    pub ip_prefix: Option<String>,
    pub apps: Json<Vec<String>>,
    pub created_at: Timestamp,
    pub last_seen_at: Timestamp,
    pub expires_at: Timestamp,
    /// When the password was last shown.
    pub authenticated_at: Timestamp,
}

/// A session about to be. Hashes are hex SHA-256.
#[derive(Debug, Clone, Copy)]
pub struct NewSession<'a> {
    pub id: &'a SessionId,
    pub user_id: UserId,
    pub cookie_hash: &'a str,
    pub refresh_hash: &'a str,
    pub fingerprint: &'a str,
    pub user_agent: Option<&'a str>,
    pub platform: &'a str,
    pub browser: &'a str,
    pub ip_prefix: &'a str,
    pub expires_at: Timestamp,
}

/// A usable session held by a transaction: whose it is, on which device, and its refresh tokens.
#[derive(Debug, Clone)]
pub struct Held {
    pub user_id: UserId,
    pub fingerprint: String,
    pub family: Family,
    /// Whether an OpenID client was given it.
    pub is_granted: bool,
}

/// A session that ended, and why.
#[derive(Debug, Clone, FromRow)]
pub struct Ended {
    pub id: SessionId,
    #[sqlx(try_from = "String", rename = "revoke_reason")]
    pub reason: Revocation,
}

pub async fn insert(tx: &mut Tx, new: NewSession<'_>, now: Timestamp) -> Result<()> {
    const SQL: &str = "
        insert into sessions
            (id, user_id, cookie_hash, refresh_hash, refreshed_at, fingerprint, user_agent, platform,
             browser, ip_prefix, created_at, last_seen_at, expires_at)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $5, $5, $11)";
    Ok(on!(tx, |conn| sqlx::query(SQL)
        .bind(new.id)
        .bind(new.user_id)
        .bind(new.cookie_hash)
        .bind(new.refresh_hash)
        .bind(now)
        .bind(new.fingerprint)
        .bind(new.user_agent)
        .bind(new.platform)
        .bind(new.browser)
        .bind(new.ip_prefix)
        .bind(new.expires_at)
        .execute(conn)
        .await
        .map(drop))?)
}

/// A session that may be used at `now`.
pub async fn live(store: &Store, id: &SessionId, now: Timestamp) -> Result<Option<Session>> {
    const SQL: &str = "
        select id, user_id, cookie_hash, fingerprint, platform, browser, ip_prefix, apps, created_at,
               last_seen_at, expires_at, coalesce(authenticated_at, created_at) as authenticated_at
        from sessions where id = $1 and revoked_at is null and expires_at > $2";
    Ok(on!(store, |conn| sqlx::query_as(SQL).bind(id).bind(now).fetch_optional(conn).await)?)
}

/// Sessions of an account that may be used at `now`, the newest first, older than the one at
/// `before`.
pub async fn of_user(
    store: &Store,
    user: UserId,
    before: Option<(Timestamp, SessionId)>,
    limit: i64,
    now: Timestamp,
) -> Result<Vec<Session>> {
    const SQL: &str = "
        select id, user_id, cookie_hash, fingerprint, platform, browser, ip_prefix, apps, created_at,
               last_seen_at, expires_at, coalesce(authenticated_at, created_at) as authenticated_at
        from sessions
        where user_id = $1 and revoked_at is null and expires_at > $2
            and ($3 is null or created_at < $3 or (created_at = $3 and id < $4))
        order by created_at desc, id desc limit $5";
    let (created_at, id) = before.unzip();
    Ok(on!(store, |conn| sqlx::query_as(SQL)
        .bind(user)
        .bind(now)
        .bind(created_at)
        .bind(id)
        .bind(limit)
        .fetch_all(conn)
        .await)?)
}

/// The sessions of an account that may be used at `now`, in no order.
pub async fn ids(store: &Store, user: UserId, now: Timestamp) -> Result<Vec<SessionId>> {
    const SQL: &str = "
        select id from sessions where user_id = $1 and revoked_at is null and expires_at > $2";
    Ok(on!(store, |conn| sqlx::query_scalar(SQL).bind(user).bind(now).fetch_all(conn).await)?)
}

/// How many sessions of an account may be used at `now`.
pub async fn count(store: &Store, user: UserId, now: Timestamp) -> Result<i64> {
    const SQL: &str = "
        select count(*) from sessions where user_id = $1 and revoked_at is null and expires_at > $2";
    Ok(on!(store, |conn| sqlx::query_scalar(SQL).bind(user).bind(now).fetch_one(conn).await)?)
}

/// A session that may be used at `now`, kept from others until the transaction ends.
pub async fn hold(tx: &mut Tx, id: &SessionId, now: Timestamp) -> Result<Option<Held>> {
    // Writing first takes the row's lock on PostgreSQL; SQLite holds the writer's already.
    const SQL: &str = "
        update sessions set refresh_generation = refresh_generation
        where id = $1 and revoked_at is null and expires_at > $2
        returning user_id, fingerprint, refresh_generation, refresh_hash, prev_refresh_hash, refreshed_at,
            exists (select 1 from oidc_grants where session_id = sessions.id)";
    type Row = (UserId, String, i64, String, Option<String>, Timestamp, bool);
    let row: Option<Row> =
        on!(tx, |conn| sqlx::query_as(SQL).bind(id).bind(now).fetch_optional(conn).await)?;
    Ok(row.map(|(user_id, fingerprint, generation, leaf, parent, replaced_at, is_granted)| {
        let family = Family { generation, leaf, parent, replaced_at };
        Held { user_id, fingerprint, family, is_granted }
    }))
}

/// Whose a session is or was.
pub async fn holder(tx: &mut Tx, id: &SessionId) -> Result<Option<UserId>> {
    const SQL: &str = "select user_id from sessions where id = $1";
    Ok(on!(tx, |conn| sqlx::query_scalar(SQL).bind(id).fetch_optional(conn).await)?)
}

/// Whether a session of that id was ever opened here.
pub async fn exists(store: &Store, id: &SessionId) -> Result<bool> {
    const SQL: &str = "select exists (select 1 from sessions where id = $1)";
    Ok(on!(store, |conn| sqlx::query_scalar(SQL).bind(id).fetch_one(conn).await)?)
}

/// Whether a session ended because its account was deactivated, and would be usable at `now` if it
/// had not been; while the account stays so.
pub async fn is_deactivated(store: &Store, id: &SessionId, now: Timestamp) -> Result<bool> {
    const SQL: &str = "
        select exists (
            select 1 from sessions join users on users.id = sessions.user_id
            where sessions.id = $1 and sessions.revoke_reason = 'deactivated'
                and sessions.expires_at > $2 and not users.is_active and users.deleted_at is null)";
    Ok(on!(store, |conn| sqlx::query_scalar(SQL).bind(id).bind(now).fetch_one(conn).await)?)
}

/// Puts the next refresh token in the place of the current one, and lets the session live on.
pub async fn replace_leaf(
    tx: &mut Tx,
    id: &SessionId,
    next: &str,
    expires_at: Timestamp,
    now: Timestamp,
) -> Result<()> {
    const SQL: &str = "
        update sessions
        set prev_refresh_hash = refresh_hash, refresh_hash = $2, expires_at = $3, refreshed_at = $4,
            last_seen_at = $4, refresh_generation = refresh_generation + 1
        where id = $1";
    Ok(on!(tx, |conn| sqlx::query(SQL)
        .bind(id)
        .bind(next)
        .bind(expires_at)
        .bind(now)
        .execute(conn)
        .await
        .map(drop))?)
}

/// Notes that the password was shown again in a session.
pub async fn note_password(tx: &mut Tx, id: &SessionId, now: Timestamp) -> Result<()> {
    const SQL: &str = "update sessions set authenticated_at = $2 where id = $1";
    Ok(on!(tx, |conn| sqlx::query(SQL).bind(id).bind(now).execute(conn).await.map(drop))?)
}

/// Lets a session live on until `expires_at`.
pub async fn extend(
    tx: &mut Tx,
    id: &SessionId,
    expires_at: Timestamp,
    now: Timestamp,
) -> Result<()> {
    const SQL: &str = "
        update sessions set expires_at = $2, last_seen_at = $3 where id = $1 and revoked_at is null";
    Ok(on!(tx, |conn| sqlx::query(SQL)
        .bind(id)
        .bind(expires_at)
        .bind(now)
        .execute(conn)
        .await
        .map(drop))?)
}

/// Ends a session. False when it had ended already.
pub async fn revoke(
    tx: &mut Tx,
    id: &SessionId,
    reason: Revocation,
    now: Timestamp,
) -> Result<bool> {
    const SQL: &str = "
        update sessions set revoked_at = $2, revoke_reason = $3
        where id = $1 and revoked_at is null";
    let revoked = on!(tx, |conn| sqlx::query(SQL)
        .bind(id)
        .bind(now)
        .bind(reason.name())
        .execute(conn)
        .await
        .map(|done| done.rows_affected()))?;
    Ok(revoked == 1)
}

/// Ends every session of an account but the one to keep, and tells which.
pub async fn revoke_all(
    tx: &mut Tx,
    user: UserId,
    keep: Option<&SessionId>,
    reason: Revocation,
    now: Timestamp,
) -> Result<Vec<SessionId>> {
    const SQL: &str = "
        update sessions set revoked_at = $2, revoke_reason = $3
        where user_id = $1 and revoked_at is null and id <> $4
        returning id";
    let mut ended = Vec::new();
    loop {
        let found: Vec<SessionId> = on!(tx, |conn| sqlx::query_scalar(SQL)
            .bind(user)
            .bind(now)
            .bind(reason.name())
            .bind(keep.map_or("", SessionId::as_str))
            .fetch_all(conn)
            .await)?;
        if found.is_empty() {
            return Ok(ended);
        }
        // A session opened from one of these while we waited for it was not to be seen yet.
        ended.extend(found);
    }
}

/// The usable sessions of an account besides the one it is asked from.
pub async fn others(
    tx: &mut Tx,
    user: UserId,
    own: &SessionId,
    now: Timestamp,
) -> Result<Vec<SessionId>> {
    const SQL: &str = "
        select id from sessions
        where user_id = $1 and id <> $2 and revoked_at is null and expires_at > $3";
    Ok(on!(tx, |conn| sqlx::query_scalar(SQL)
        .bind(user)
        .bind(own)
        .bind(now)
        .fetch_all(conn)
        .await)?)
}

/// Sessions that ended at `since` or later, on any node.
pub async fn revoked_since(store: &Store, since: Timestamp) -> Result<Vec<Ended>> {
    const SQL: &str = "select id, revoke_reason from sessions where revoked_at >= $1";
    Ok(on!(store, |conn| sqlx::query_as(SQL).bind(since).fetch_all(conn).await)?)
}

/// Sessions whose time ran out after `since` and by `now`.
pub async fn expired_between(
    store: &Store,
    since: Timestamp,
    now: Timestamp,
) -> Result<Vec<SessionId>> {
    const SQL: &str = "
        select id from sessions where expires_at > $1 and expires_at <= $2 and revoked_at is null";
    Ok(on!(store, |conn| sqlx::query_scalar(SQL).bind(since).bind(now).fetch_all(conn).await)?)
}

/// Writes down when sessions were last used.
pub async fn touch(tx: &mut Tx, seen: &[(SessionId, Timestamp)]) -> Result<()> {
    const SQL: &str = "update sessions set last_seen_at = $2 where id = $1 and last_seen_at < $2";
    for (id, at) in seen {
        on!(tx, |conn| sqlx::query(SQL).bind(id).bind(at).execute(conn).await.map(drop))?;
    }
    Ok(())
}
