//! How sessions end: the rows with the transaction of the cause, the sockets after its commit.

use crate::domain::id::{SessionId, UserId};
use crate::domain::identity::Revocation;
use crate::domain::time::Timestamp;
use crate::error::Result;
use crate::http::App;
use crate::persistence::Tx;
use crate::persistence::identity::openid::{grants, logouts};
use crate::persistence::identity::{session_sync, sessions};

/// Sessions whose rows say that they ended; [`Ended::announce`] makes it so everywhere else.
#[must_use = "the sessions' sockets stay open until the end is announced"]
pub struct Ended {
    sessions: Vec<SessionId>,
    reason: Revocation,
}

impl Ended {
    /// Ends one session.
    pub async fn one(
        tx: &mut Tx,
        session: &SessionId,
        reason: Revocation,
        now: Timestamp,
    ) -> Result<Self> {
        let ended = sessions::revoke(tx, session, reason, now).await?;
        let sessions = ended.then(|| session.clone()).into_iter().collect();
        Self::with_grants(tx, sessions, None, reason, now).await
    }

    /// Ends a session and those that belong to the same sign-on, in every app and on every domain.
    pub async fn sign_on(
        tx: &mut Tx,
        session: &SessionId,
        reason: Revocation,
        now: Timestamp,
    ) -> Result<Self> {
        let sessions = session_sync::revoke(tx, session, reason, now).await?;
        Self::with_grants(tx, sessions, None, reason, now).await
    }

    /// Ends every session of an account.
    pub async fn all(
        tx: &mut Tx,
        user: UserId,
        reason: Revocation,
        now: Timestamp,
    ) -> Result<Self> {
        Self::others(tx, user, None, reason, now).await
    }

    /// Ends every session of an account but the one to keep.
    pub async fn others(
        tx: &mut Tx,
        user: UserId,
        keep: Option<&SessionId>,
        reason: Revocation,
        now: Timestamp,
    ) -> Result<Self> {
        let sessions = sessions::revoke_all(tx, user, keep, reason, now).await?;
        Self::with_grants(tx, sessions, keep, reason, now).await
    }

    /// Ends what OpenID clients were given through those sessions of one account, and owes the
    /// clients the news.
    async fn with_grants(
        tx: &mut Tx,
        mut sessions: Vec<SessionId>,
        keep: Option<&SessionId>,
        reason: Revocation,
        now: Timestamp,
    ) -> Result<Self> {
        if let Some(any) = sessions.first().cloned() {
            sessions.extend(grants::revoke_with(tx, &any, keep, reason, now).await?);
            logouts::owe(tx, &any, now).await?;
        }
        Ok(Self { sessions, reason })
    }

    /// Called after the commit: this node refuses the sessions at once, sends their sockets away and
    /// begins to tell the OpenID clients among them.
    pub fn announce(self, app: &App) {
        for session in &self.sessions {
            app.hub.revoke(session, self.reason);
        }
        app.openid.tell_clients();
    }
}
