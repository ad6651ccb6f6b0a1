//! How sessions end as rows: what OpenID clients were given through them ends with them, and the
//! clients are owed the news; the media server is looked at for who came by them. Whoever ends a session
//! ends it here.

use super::openid::{grants, logouts};
use super::{session_sync, sessions};
use crate::domain::id::{SessionId, UserId};
use crate::domain::identity::Revocation;
use crate::domain::time::Timestamp;
use crate::error::Result;
use crate::persistence::Tx;
use crate::persistence::consultations::removals;

/// Ends one session, and tells every session that ended with it; none when it had ended already.
pub async fn one(
    tx: &mut Tx,
    session: &SessionId,
    reason: Revocation,
    now: Timestamp,
) -> Result<Vec<SessionId>> {
    let ended = sessions::revoke(tx, session, reason, now).await?;
    let sessions = ended.then(|| session.clone()).into_iter().collect();
    with_grants(tx, sessions, None, reason, now).await
}

/// Ends a session and those that belong to the same sign-on, in every app and on every domain.
pub async fn sign_on(
    tx: &mut Tx,
    session: &SessionId,
    reason: Revocation,
    now: Timestamp,
) -> Result<Vec<SessionId>> {
    let sessions = session_sync::revoke(tx, session, reason, now).await?;
    with_grants(tx, sessions, None, reason, now).await
}

/// Ends every session of an account but the one to keep.
pub async fn others(
    tx: &mut Tx,
    user: UserId,
    keep: Option<&SessionId>,
    reason: Revocation,
    now: Timestamp,
) -> Result<Vec<SessionId>> {
    let sessions = sessions::revoke_all(tx, user, keep, reason, now).await?;
    with_grants(tx, sessions, keep, reason, now).await
}

async fn with_grants(
    tx: &mut Tx,
    mut sessions: Vec<SessionId>,
    keep: Option<&SessionId>,
    reason: Revocation,
    now: Timestamp,
) -> Result<Vec<SessionId>> {
    if let Some(any) = sessions.first().cloned() {
        sessions.extend(grants::revoke_with(tx, &any, keep, reason, now).await?);
        logouts::owe(tx, &any, now).await?;
        if let Some(user) = sessions::holder(tx, &any).await? {
            removals::review_account(tx, user, now).await?;
        }
    }
    Ok(sessions)
}
