//! What the apps of a sign-in share: changed here, whichever way the change came, and told to all.

use super::hub::Hub;
use crate::domain::events::ServerEvent as _;
use crate::domain::events::session::{SessionPatch, SessionUpdate};
use crate::domain::id::SessionId;
use crate::domain::identity::{Portal, Principal};
use crate::domain::provenance::Provenance;
use crate::domain::time::Timestamp;
use crate::domain::topic::Topic;
use crate::error::{Kind, Result, Unauthenticated};
use crate::persistence::deed::Deed;
use crate::persistence::identity::session_sync::{self, SignOn};

impl Hub {
    /// Merges into what the sessions of a sign-on share, and tells each of them. Who asks from where
    /// is for the audit trail, and for administrators where one of them does.
    ///
    /// Fails with [`Kind::Stale`] when another change came first: of many made from one revision
    /// one is made, on any node.
    pub async fn patch_session(
        &self,
        session: &SessionId,
        patch: SessionPatch,
        caller: &Principal,
        from: &Provenance,
    ) -> Result<SignOn> {
        let now = Timestamp::now();
        let mut tx = self.store().begin().await?;
        let mut sign_on = session_sync::held(&mut tx, session, now)
            .await?
            .ok_or(Kind::Unauthenticated(Unauthenticated::Revoked))?;
        sign_on.state = sign_on.state.patched(patch.data, patch.revision)?;
        session_sync::share(&mut tx, session, &sign_on.state).await?;
        let mut deed = Deed::of_session(session, "patched");
        deed.data.insert("revision".into(), sign_on.state.revision.into());
        deed.record(&mut tx, &self.settings().node, caller, from).await?;
        tx.commit().await?;

        self.outbox_ready();
        self.announce_sign_on(&sign_on, None, now).await;
        Ok(sign_on)
    }

    /// Tells every session of a sign-on how it stands. When an app joined one of them, every other
    /// socket of the user hears of that one as well.
    ///
    /// Announcements of two changes may pass each other; the higher revision is the newer.
    pub async fn announce_sign_on(
        &self,
        sign_on: &SignOn,
        joined: Option<(&SessionId, Portal)>,
        now: Timestamp,
    ) {
        let apps = sign_on.apps();
        for member in &sign_on.members {
            let joined = joined.filter(|(session, _)| **session == member.session);
            let update = SessionUpdate {
                session_id: member.session.clone(),
                apps: apps.clone(),
                data: sign_on.state.data.clone(),
                revision: sign_on.state.revision,
                app: joined.map(|(_, app)| app),
                timestamp: now,
            };
            let user = joined.map(|_| Topic::User(sign_on.user));
            let topics = update.topics().into_iter().chain(user).collect();
            self.publish(update.event_to(topics)).await;
        }
    }
}
