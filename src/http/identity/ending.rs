//! How sessions end: the rows with the transaction of the cause, the sockets after its commit.

use crate::domain::id::{SessionId, UserId};
use crate::domain::identity::Revocation;
use crate::domain::time::Timestamp;
use crate::error::Result;
use crate::http::App;
use crate::persistence::Tx;
use crate::persistence::identity::endings;

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
        Ok(Self { sessions: endings::one(tx, session, reason, now).await?, reason })
    }

    /// Ends a session and those that belong to the same sign-on, in every app and on every domain.
    pub async fn sign_on(
        tx: &mut Tx,
        session: &SessionId,
        reason: Revocation,
        now: Timestamp,
    ) -> Result<Self> {
        Ok(Self { sessions: endings::sign_on(tx, session, reason, now).await?, reason })
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
        Ok(Self { sessions: endings::others(tx, user, keep, reason, now).await?, reason })
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
