//! Consultations nobody came to or everybody left, and recordings nobody agreed to (contract §7, §9.5).

use std::sync::Arc;
use std::time::Duration;

use crate::actors::Hub;
use crate::actors::hub::MediaServer;
use crate::domain::consultations::recording::RecordingStatus;
use crate::domain::consultations::status::ConsultationStatus;
use crate::domain::id::{ConsultationId, NodeId, RecordingId};
use crate::domain::state::State as _;
use crate::domain::time::Timestamp;
use crate::error::Result;
use crate::persistence::Store;
use crate::persistence::clinical::row::hold;
use crate::persistence::consultations::recordings::{self, Outcome, Recording};
use crate::persistence::consultations::{consultations, list, news, progress};

/// How long after its creation a consultation is waited for.
const WAITED_FOR: Duration = Duration::from_hours(24);
/// How long a patient has to agree to a recording.
const ANSWERED_WITHIN: Duration = Duration::from_mins(1);
/// Rows of a kind that lapse in one round.
const AT_ONCE: i64 = 100;

/// What lapses, and who has to know.
pub(super) struct Lapsing {
    pub store: Store,
    pub node: NodeId,
    pub hub: Hub,
    pub carrier: Arc<dyn MediaServer>,
    /// How long a call stays open with nobody in it.
    pub idle: Duration,
}

impl Lapsing {
    /// Lets lapse what is past its time, and tells of it. Whoever else does so meanwhile is no matter: each
    /// row is looked at again once it is held.
    pub(super) async fn run(&self, now: Timestamp) -> Result<()> {
        let store = &self.store;
        for id in recordings::unanswered(store, now.minus(ANSWERED_WITHIN), AT_ONCE).await? {
            self.decline(id, now).await?;
        }
        for id in list::never_begun(store, now.minus(WAITED_FOR), AT_ONCE).await? {
            self.end(&id, ConsultationStatus::Created, ConsultationStatus::Cancelled, now).await?;
        }
        for id in list::left_alone(store, now.minus(self.idle), AT_ONCE).await? {
            if self.hub.peers_in(&id) == 0 {
                self.end(&id, ConsultationStatus::Live, ConsultationStatus::Ended, now).await?;
            }
        }
        Ok(())
    }

    async fn decline(&self, id: RecordingId, now: Timestamp) -> Result<()> {
        let mut tx = self.store.begin().await?;
        let recording: Recording = hold(&mut tx, id).await?;
        let to = RecordingStatus::Declined;
        if recording.status.check_move(to).is_err() {
            return Ok(());
        }
        let outcome = Outcome::default();
        let recording = recordings::set_status(&mut tx, id, to, &outcome, now).await?;
        news::announce_recording(&mut tx, &self.node, &recording, None, now).await?;
        tx.commit().await?;
        self.hub.outbox_ready();
        Ok(())
    }

    async fn end(
        &self,
        id: &ConsultationId,
        from: ConsultationStatus,
        to: ConsultationStatus,
        now: Timestamp,
    ) -> Result<()> {
        let mut tx = self.store.begin().await?;
        let consultation = consultations::hold(&mut tx, id).await?;
        if consultation.status != from {
            return Ok(());
        }
        let moved = progress::advance(&mut tx, &self.node, &consultation, to, None, now).await?;
        tx.commit().await?;
        self.hub.outbox_ready();
        self.carrier.follow(&moved);
        Ok(())
    }
}
