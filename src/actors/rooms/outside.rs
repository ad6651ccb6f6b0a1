//! What reaches rooms from outside their sockets: other nodes and handlers, by the relay or by the hub.

use std::sync::Arc;

use serde::de::DeserializeOwned;

use super::room::Message;
use super::table::RoomTable;
use crate::actors::ack::Refusal;
use crate::actors::hub::Hub;
use crate::auth::rooms::nobody;
use crate::domain::consultations::carrying::ModeChange;
use crate::domain::consultations::grant::{self, Admission, Pass};
use crate::domain::consultations::recording::RecordingStatus;
use crate::domain::consultations::seat::Seat;
use crate::domain::consultations::status::ConsultationStatus;
use crate::domain::events::ServerEvent;
use crate::domain::events::consultation::ConsultationUpdate;
use crate::domain::events::signaling::MediaKind;
use crate::domain::events::signaling::notices::{
    EndReason, HandOver, RecordingChanged, RecordingRequest, RoomEnded,
};
use crate::domain::id::{ConsultationId, InviteId};
use crate::domain::identity::{Principal, Revocation};
use crate::domain::state::State as _;
use crate::domain::time::Timestamp;
use crate::error::Error;
use crate::persistence::consultations::holders::{self, Named};
use crate::persistence::outbox;

impl RoomTable {
    /// Follows what an event of the outbox says of a consultation, whoever brought it about. What one node
    /// does for all of them is done where the event is `ours`.
    pub(in crate::actors) fn heed(&self, row: &outbox::Dispatched, is_ours: bool) {
        let is_news = is_ours && row.event == RecordingChanged::NAME;
        if self.is_empty() && !is_news {
            return;
        }
        match row.event.as_str() {
            ConsultationUpdate::NAME => {
                if let Some(update) = read::<ConsultationUpdate>(row) {
                    self.follow(&update);
                }
            }
            RoomEnded::NAME => {
                if let Some(ended) = read::<RoomEnded>(row) {
                    let id = ConsultationId::from(ended.room_id.as_str());
                    self.cast(&id, Message::End(ended.reason));
                }
            }
            RecordingChanged::NAME => {
                if let Some(changed) = read::<RecordingChanged>(row) {
                    let id = ConsultationId::from(changed.room_id.as_str());
                    let runs = |status: &RecordingStatus| status.name() == changed.status;
                    let runs = RecordingStatus::RUNNING.iter().any(runs);
                    if is_ours && !self.holds(&id) {
                        // Nobody has a socket here; whoever is filmed is to know it.
                        self.announce(&id, changed.event_to(Vec::new()), Vec::new());
                    }
                    self.cast(&id, Message::Recording { changed, runs, is_ours });
                }
            }
            HandOver::NAME => {
                if let Some(HandOver { room_id, mode: to, reason, version, .. }) = read(row)
                    && let Some(version) = version
                {
                    let id = ConsultationId::from(room_id.as_str());
                    self.cast(&id, Message::HandOver(ModeChange { to, reason, version }));
                }
            }
            RecordingRequest::NAME => {
                if let Some(request) = read::<RecordingRequest>(row) {
                    let id = ConsultationId::from(request.room_id.as_str());
                    self.cast(&id, Message::AskForConsent(request));
                }
            }
            _ => {}
        }
    }

    fn follow(&self, update: &ConsultationUpdate) {
        let is = |status: ConsultationStatus| update.status == status.name();
        let id = ConsultationId::from(update.consultation_id.as_str());
        if is(ConsultationStatus::Ended) {
            return self.cast(&id, Message::End(EndReason::Ended));
        }
        if is(ConsultationStatus::Cancelled) {
            return self.cast(&id, Message::End(EndReason::Cancelled));
        }
        if is(ConsultationStatus::Live) {
            self.cast(&id, Message::Reached(ConsultationStatus::Live));
        }
    }
}

impl Hub {
    /// Somebody who presents a token for a room; none when it is no such token. Fails as
    /// [`holders::find`] does when whoever it was handed to may be there no more.
    pub async fn participant(&self, token: &str) -> Option<Result<Principal, Error>> {
        let principal = self.rooms().entrance().tokens.participant(token)?;
        Some(self.stand_behind(principal).await)
    }

    /// The bearer of a room token, as whoever stands behind it is now.
    pub(in crate::actors) async fn stand_behind(
        &self,
        principal: Principal,
    ) -> Result<Principal, Error> {
        let Some(admission) = &principal.admission else { return Ok(principal) };
        let Pass { consultation, identity, role, session, .. } = &admission.pass;
        let (role, session) = (*role, session.as_ref());
        let named = Named { consultation, identity, role, session };
        let holder = holders::find(self.store(), named, Timestamp::now()).await?;
        let admission = Admission { holder: holder.account, ..Admission::clone(admission) };
        Ok(Principal { session: holder.session, admission: Some(Arc::new(admission)), ..principal })
    }

    /// Closes the sockets of a guest whose invitation was taken back.
    pub fn dismiss_guest(&self, id: &ConsultationId, invite: InviteId) {
        let inner = self.inner();
        for socket in inner.registry.of_user(nobody(id, &grant::guest(invite))) {
            inner.channels.dismiss(&socket, Revocation::Admin);
        }
    }

    /// Tells a room that its call is carried otherwise, before the relay does.
    pub fn hand_over(&self, id: &ConsultationId, moved: ModeChange) {
        self.rooms().cast(id, Message::HandOver(moved));
    }

    /// The calls of this node that the media server carries.
    pub fn carried_by_server(&self) -> Vec<ConsultationId> {
        self.rooms().carried_by_server()
    }

    /// Who sits in the room of a consultation or waits in its lobby.
    pub fn seats_in(&self, id: &ConsultationId) -> Vec<Seat> {
        self.rooms().seats(id)
    }

    /// How many are inside the room of a consultation.
    pub fn peers_in(&self, id: &ConsultationId) -> usize {
        self.rooms().peers(id)
    }

    /// Puts somebody out of a room. False when nobody of that identity is there.
    pub async fn send_away(
        &self,
        id: &ConsultationId,
        identity: &str,
        reason: Option<String>,
    ) -> bool {
        let identity = identity.to_owned();
        let message = |reply| Message::SendAway { identity, reason, reply };
        self.rooms().ask(id.as_str(), message).await.is_ok()
    }

    /// Silences somebody in a room, or asks them to be silent.
    pub async fn silence(
        &self,
        id: &ConsultationId,
        identity: &str,
        by: String,
        kind: MediaKind,
    ) -> Result<(), Refusal> {
        let identity = identity.to_owned();
        let message = |reply| Message::Silence { identity, by, kind, muted: true, reply };
        self.rooms().ask(id.as_str(), message).await
    }
}

fn read<E: DeserializeOwned>(row: &outbox::Dispatched) -> Option<E> {
    serde_json::from_str(row.payload.0.get()).ok()
}
