//! Consultations nobody came to or everybody left, people who did not come back after a restart, and
//! recordings nobody agreed to (contract §7, §9.5).

use std::sync::Arc;
use std::time::Duration;

use crate::actors::Hub;
use crate::actors::hub::MediaServer;
use crate::domain::consultations::recording::RecordingStatus;
use crate::domain::consultations::seat::Seat;
use crate::domain::consultations::status::Move;
use crate::domain::events::signaling::notices::EndReason;
use crate::domain::id::{ConsultationId, NodeId, RecordingId};
use crate::domain::state::State as _;
use crate::domain::time::Timestamp;
use crate::error::Result;
use crate::persistence::Store;
use crate::persistence::clinical::row::hold;
use crate::persistence::consultations::recordings::{self, Outcome, Recording};
use crate::persistence::consultations::{consultations, list, news, participants, progress};

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
    /// How long a seat is kept whose socket is gone.
    pub grace: Duration,
    /// When the node started, until those are written down as gone who were in calls before and did not
    /// come back.
    pub returning_since: Option<Timestamp>,
}

impl Lapsing {
    /// Lets lapse what is past its time, and tells of it. Whoever else does so meanwhile is no matter: each
    /// row is looked at again once it is held.
    pub(super) async fn run(&mut self, now: Timestamp) -> Result<()> {
        if self.returning_since.is_some_and(|since| since.plus(self.grace) <= now) {
            self.give_up_stays(now).await?;
            self.returning_since = None;
        }
        let store = &self.store;
        for id in recordings::unanswered(store, now.minus(ANSWERED_WITHIN), AT_ONCE).await? {
            self.decline(id, now).await?;
        }
        let (created_before, idle_since) = (now.minus(WAITED_FOR), now.minus(self.idle));
        for id in list::never_begun(store, created_before, idle_since, AT_ONCE).await? {
            if self.is_deserted(&id) {
                self.end(&id, Move::Over(EndReason::Cancelled), now).await?;
            }
        }
        for id in list::left_alone(store, idle_since, AT_ONCE).await? {
            if self.is_deserted(&id) {
                self.end(&id, Move::Over(EndReason::Idle), now).await?;
            }
        }
        Ok(())
    }

    /// Whether neither doctor nor patient is in the room of a consultation or waits in its lobby.
    fn is_deserted(&self, id: &ConsultationId) -> bool {
        !self.hub.seats_in(id).iter().any(Seat::is_party)
    }

    /// Writes down as gone who was in a call between browsers before this node started and has no seat now:
    /// only rooms know who is in such a call, and they ended with the node.
    async fn give_up_stays(&self, now: Timestamp) -> Result<()> {
        let Some(since) = self.returning_since else { return Ok(()) };
        for id in list::inhabited_between_browsers(&self.store, since).await? {
            let seats = self.hub.seats_in(&id);
            let is_here =
                |who: &str| seats.iter().any(|it| it.is_inside() && it.pass.identity == who);
            let mut tx = self.store.begin().await?;
            consultations::hold(&mut tx, &id).await?;
            let mut has_changed = false;
            for stay in participants::present(&mut tx, &id).await? {
                if !is_here(&stay.identity) {
                    let who = &stay.identity;
                    has_changed |= participants::leave(&mut tx, &id, who, since, now).await?;
                }
            }
            if has_changed {
                let consultation = consultations::touch(&mut tx, &id, now).await?;
                news::announce(&mut tx, &self.node, &consultation).await?;
            }
            tx.commit().await?;
        }
        self.hub.outbox_ready();
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

    async fn end(&self, id: &ConsultationId, to: Move, now: Timestamp) -> Result<()> {
        let mut tx = self.store.begin().await?;
        let consultation = consultations::hold(&mut tx, id).await?;
        if consultation.status.check_move(to.status()).is_err() {
            return Ok(());
        }
        let moved = progress::advance(&mut tx, &self.node, &consultation, to, None, now).await?;
        tx.commit().await?;
        self.hub.outbox_ready();
        self.carrier.follow(&moved);
        Ok(())
    }
}
