//! What sessions share: a *sign-on* is a sign-in and the sessions that tickets opened from it.
//!
//! The shared state lies in the row of the session that began the sign-on, also when that session
//! has ended; apps are noted at the session they use. A transaction holds one of these rows at a
//! time, so two of them never wait for each other.

use sqlx::FromRow;
use sqlx::types::Json;

use crate::domain::events::values::Fields;
use crate::domain::id::{SessionId, UserId};
use crate::domain::identity::session_sync::SharedState;
use crate::domain::identity::{Portal, Revocation};
use crate::domain::time::Timestamp;
use crate::error::Result;
use crate::persistence::{Store, Tx};

/// A sign-on as it stands.
#[derive(Debug, Clone)]
pub struct SignOn {
    pub user: UserId,
    pub state: SharedState,
    /// Its live sessions, the oldest first.
    pub members: Vec<Member>,
}

/// A live session of a sign-on.
#[derive(Debug, Clone)]
pub struct Member {
    pub session: SessionId,
    /// Apps that use it, in the order they came.
    pub apps: Vec<Portal>,
    pub expires_at: Timestamp,
}

/// A session that may be used, held against those who would end it meanwhile.
#[derive(Debug, Clone, FromRow)]
pub struct Held {
    pub user_id: UserId,
    /// The session that began the sign-on.
    pub first: SessionId,
    pub apps: Json<Vec<Portal>>,
    /// Of its current refresh token.
    pub refresh_hash: String,
    pub expires_at: Timestamp,
    /// When the password was last shown.
    pub authenticated_at: Timestamp,
}

/// One member beside what all of them share.
#[derive(FromRow)]
struct Row {
    user_id: UserId,
    data: Json<Fields>,
    revision: i64,
    id: SessionId,
    apps: Json<Vec<Portal>>,
    expires_at: Timestamp,
}

const SIGN_ON: &str = "
    select first.user_id, first.data, first.revision, member.id, member.apps, member.expires_at
    from sessions own
        join sessions first on first.id = coalesce(own.sign_on, own.id)
        join sessions member on member.id = first.id or member.sign_on = first.id
    where own.id = $1 and own.revoked_at is null and own.expires_at > $2
        and member.revoked_at is null and member.expires_at > $2
    order by member.created_at, member.id";

impl SignOn {
    /// The apps of every member, each once.
    pub fn apps(&self) -> Vec<Portal> {
        let mut apps = Vec::new();
        for app in self.members.iter().flat_map(|member| &member.apps) {
            if !apps.contains(app) {
                apps.push(*app);
            }
        }
        apps
    }

    pub fn member(&self, session: &SessionId) -> Option<&Member> {
        self.members.iter().find(|member| member.session == *session)
    }

    fn of(rows: Vec<Row>) -> Option<Self> {
        let first = rows.first()?;
        let state = SharedState { data: first.data.0.clone(), revision: first.revision };
        let user = first.user_id;
        let members = rows.into_iter().map(|row| Member {
            session: row.id,
            apps: row.apps.0,
            expires_at: row.expires_at,
        });
        Some(Self { user, state, members: members.collect() })
    }
}

/// The sign-on of a session that may be used at `now`.
pub async fn read(store: &Store, session: &SessionId, now: Timestamp) -> Result<Option<SignOn>> {
    let rows =
        on!(store, |conn| sqlx::query_as(SIGN_ON).bind(session).bind(now).fetch_all(conn).await)?;
    Ok(SignOn::of(rows))
}

/// The sign-on as the transaction sees it.
pub async fn within(tx: &mut Tx, session: &SessionId, now: Timestamp) -> Result<Option<SignOn>> {
    let rows =
        on!(tx, |conn| sqlx::query_as(SIGN_ON).bind(session).bind(now).fetch_all(conn).await)?;
    Ok(SignOn::of(rows))
}

/// [`within`], with the shared state kept from others until the transaction ends.
pub async fn held(tx: &mut Tx, session: &SessionId, now: Timestamp) -> Result<Option<SignOn>> {
    // Writing first takes the row's lock on PostgreSQL; SQLite holds the writer's already.
    const SQL: &str = "
        update sessions set revision = revision
        where id = (select coalesce(sign_on, id) from sessions where id = $1)";
    on!(tx, |conn| sqlx::query(SQL).bind(session).execute(conn).await.map(drop))?;
    within(tx, session, now).await
}

/// Stores the shared state of a session's sign-on.
pub async fn share(tx: &mut Tx, session: &SessionId, state: &SharedState) -> Result<()> {
    const SQL: &str = "
        update sessions set data = $2, revision = $3
        where id = (select coalesce(sign_on, id) from sessions where id = $1)";
    Ok(on!(tx, |conn| sqlx::query(SQL)
        .bind(session)
        .bind(Json(&state.data))
        .bind(state.revision)
        .execute(conn)
        .await
        .map(drop))?)
}

/// Notes a use of a session and holds its row until the transaction ends. None when it has ended.
pub async fn hold(tx: &mut Tx, session: &SessionId, now: Timestamp) -> Result<Option<Held>> {
    const SQL: &str = "
        update sessions set last_seen_at = $2
        where id = $1 and revoked_at is null and expires_at > $2
        returning user_id, coalesce(sign_on, id) as first, apps, refresh_hash, expires_at,
            coalesce(authenticated_at, created_at) as authenticated_at";
    Ok(on!(tx, |conn| sqlx::query_as(SQL).bind(session).bind(now).fetch_optional(conn).await)?)
}

/// Notes which apps use a session, and when it ends.
pub async fn note(
    tx: &mut Tx,
    session: &SessionId,
    apps: &[Portal],
    expires_at: Timestamp,
) -> Result<()> {
    const SQL: &str = "update sessions set apps = $2, expires_at = $3 where id = $1";
    Ok(on!(tx, |conn| sqlx::query(SQL)
        .bind(session)
        .bind(Json(apps))
        .bind(expires_at)
        .execute(conn)
        .await
        .map(drop))?)
}

/// Makes a new session a member of the sign-on it was opened from, to end when that one would. No
/// password was shown for it since it was for that one.
pub async fn tie(tx: &mut Tx, session: &SessionId, from: &Held) -> Result<()> {
    const SQL: &str = "
        update sessions set sign_on = $2, expires_at = $3, authenticated_at = $4 where id = $1";
    Ok(on!(tx, |conn| sqlx::query(SQL)
        .bind(session)
        .bind(&from.first)
        .bind(from.expires_at)
        .bind(from.authenticated_at)
        .execute(conn)
        .await
        .map(drop))?)
}

/// Whether a sign-on began with this session: no ticket opened it.
pub async fn began(tx: &mut Tx, session: &SessionId) -> Result<bool> {
    const SQL: &str = "
        select exists (select 1 from sessions where id = $1 and sign_on is null)";
    Ok(on!(tx, |conn| sqlx::query_scalar(SQL).bind(session).fetch_one(conn).await)?)
}

/// Ends every session of a session's sign-on, and tells which.
pub async fn revoke(
    tx: &mut Tx,
    session: &SessionId,
    reason: Revocation,
    now: Timestamp,
) -> Result<Vec<SessionId>> {
    const SQL: &str = "
        update sessions set revoked_at = $2, revoke_reason = $3
        where (id = (select coalesce(sign_on, id) from sessions where id = $1)
               or sign_on = (select coalesce(sign_on, id) from sessions where id = $1))
            and revoked_at is null
        returning id";
    let mut ended = Vec::new();
    loop {
        let found: Vec<SessionId> = on!(tx, |conn| sqlx::query_scalar(SQL)
            .bind(session)
            .bind(now)
            .bind(reason.name())
            .fetch_all(conn)
            .await)?;
        if found.is_empty() {
            return Ok(ended);
        }
        // A session opened from one of these while we waited for it was not to be seen yet.
        ended.extend(found);
    }
}
