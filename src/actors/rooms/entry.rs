//! Who may enter a room: read from the database before the room is asked.

use std::sync::Arc;

use tokio::sync::oneshot;
use tracing::warn;

use super::room::Message;
use super::table::restarting;
use crate::actors::ack::{Code, Refusal};
use crate::actors::desk::Asker;
use crate::actors::hub::Hub;
use crate::actors::pause::pause;
use crate::actors::socket::Socket;
use crate::auth;
use crate::domain::consultations::carrying::ModeChange;
use crate::domain::consultations::facts::Facts;
use crate::domain::consultations::grant::{Admission, Pass};
use crate::domain::consultations::notice::Refused;
use crate::domain::consultations::seat::Arrival;
use crate::domain::events::signaling::notices::{EndReason, HandOverReason};
use crate::domain::events::signaling::requests::{Join, JoinAnswer};
use crate::domain::events::values::MediaMode;
use crate::domain::id::ConsultationId;
use crate::domain::identity::Principal;
use crate::error::{Error, Kind};
use crate::persistence::consultations::{facts, removals};

/// How often a room that closes while somebody comes is opened anew.
const TRIES: usize = 3;

impl Hub {
    /// Gives a socket a seat in a room, or a place in its lobby.
    pub(super) async fn join_room(
        &self,
        socket: &Socket,
        asked: Join,
    ) -> Result<JoinAnswer, Refusal> {
        let mut has_grown = false;
        for _ in 0..TRIES {
            let by = socket.principal();
            let facts = self.consultation_for(socket, &asked.room_id).await?;
            let (id, mode) = (facts.id.clone(), facts.mode);
            if !facts.makes_wait(facts.pass_of(&by)?.role) {
                self.keep_open(&id, mode).await?;
            }
            let pass = self.pass_of(&facts, &by).await?;
            let name = asked.display_name.clone().filter(|name| !name.trim().is_empty());
            let name = name.or_else(|| pass.name.clone());
            let arrival = Box::new(Arrival {
                user: by.user,
                socket: socket.id().clone(),
                display_name: name.unwrap_or_else(|| facts.name_of(pass.role).to_owned()),
                media: asked.media.unwrap_or_default(),
                device: device(&by),
                pass,
                fresh: auth::new_id("p_").into(),
            });
            let (reply, answer) = oneshot::channel();
            let message = Message::Join { arrival, reply: reply.into() };
            let is_new = self.rooms().enter(facts, socket.id(), message);
            match answer.await {
                // It closed since the row was read.
                Err(_) | Ok(Err(Refused::Over)) => {}
                Ok(Err(Refused::Full)) if !has_grown => {
                    self.rooms().left(socket.id(), id.as_str());
                    self.make_place(&id).await?;
                    has_grown = true;
                }
                Ok(Err(refused)) => {
                    self.rooms().left(socket.id(), id.as_str());
                    return Err(refused.into());
                }
                Ok(Ok(answer)) => {
                    if is_new {
                        self.confirm_room(&id).await?;
                    }
                    if !Arc::ptr_eq(&by, &socket.principal()) {
                        self.rooms().review(socket.id());
                    }
                    return Ok(answer);
                }
            }
        }
        Err(restarting())
    }

    /// Has a call that is full between browsers go through the media server, where there is one.
    pub(super) async fn make_place(&self, id: &ConsultationId) -> Result<(), Refusal> {
        let server = self.rooms().media_server().ok_or(Refused::Full)?;
        server.make_place(id).await.map_err(|error| match error.kind() {
            // There is no more to be had.
            Kind::NotConfigured { .. } | Kind::Untenable(_) => Refused::Full.into(),
            _ => error.into(),
        })
    }

    /// Has the media server's room be there before somebody is sent to it, where that carries the call.
    pub(super) async fn keep_open(
        &self,
        id: &ConsultationId,
        mode: MediaMode,
    ) -> Result<(), Refusal> {
        match self.rooms().media_server() {
            Some(server) if mode == MediaMode::Sfu => Ok(server.keep_open(id).await?),
            _ => Ok(()),
        }
    }

    /// Looks again at the row of a room that just opened: nobody could tell it of what changed since the
    /// row was read. A database that fails is asked again behind the answer; the room stays meanwhile.
    async fn confirm_room(&self, id: &ConsultationId) -> Result<(), Refusal> {
        match facts::find(self.store(), id.as_str()).await {
            Ok(row) => self.settle_room(id, row),
            Err(error) => {
                warn!(%error, consultation.id = %id, "a room that opened was not looked at again");
                let (hub, id) = (self.clone(), id.clone());
                tokio::spawn(async move { hub.confirm_later(&id).await });
                Ok(())
            }
        }
    }

    async fn confirm_later(&self, id: &ConsultationId) {
        for failures in 1.. {
            tokio::time::sleep(pause(failures)).await;
            if !self.rooms().holds(id) {
                return;
            }
            if let Ok(row) = facts::find(self.store(), id.as_str()).await {
                // Those inside hear of an end from the room.
                return drop(self.settle_room(id, row));
            }
        }
    }

    /// Has a room stand as its row does, and closes it where that is over or gone.
    fn settle_room(&self, id: &ConsultationId, row: Option<Facts>) -> Result<(), Refusal> {
        match open(row) {
            Ok(Facts { mode: to, version, asked, .. }) => {
                let reason = HandOverReason::Requested;
                self.hand_over(id, ModeChange { to, reason, version });
                self.rooms().cast(id, Message::ConfirmAsked(asked));
                Ok(())
            }
            Err(refused) => {
                self.rooms().cast(id, Message::End(EndReason::Ended));
                Err(refused)
            }
        }
    }

    /// The consultation somebody asks for. The development bypass makes the one that is not there.
    async fn consultation_for(&self, socket: &Socket, room: &str) -> Result<Facts, Refusal> {
        let takes_anybody = self.rooms().entrance().takes_anybody;
        if takes_anybody && facts::find(self.store(), room).await?.is_none() {
            let server = self.rooms().media_server().ok_or_else(restarting)?;
            let principal = socket.principal();
            let by = Asker { principal: &principal, provenance: socket.provenance() };
            server.improvise(by, room).await?;
        }
        let facts = open(facts::find(self.store(), room).await?)?;
        Ok(Facts { takes_anybody, ..facts })
    }

    /// Whom the room will know. Somebody who was put out comes back by signing in, not by the token
    /// they had.
    async fn pass_of(&self, facts: &Facts, by: &Principal) -> Result<Pass, Refusal> {
        let pass = facts.pass_of(by)?;
        if let Some(admission) = &by.admission {
            self.must_not_be_sent_away(admission).await?;
        }
        Ok(pass)
    }

    /// Refuses a token from before its bearer was sent away. One of the lobby opens nothing but that, which
    /// is for the doctor to see to.
    pub(in crate::actors) async fn must_not_be_sent_away(
        &self,
        admission: &Admission,
    ) -> Result<(), Refusal> {
        let Pass { consultation, identity, is_waiting, .. } = &admission.pass;
        if !is_waiting
            && let Some(at) = removals::at(self.store(), consultation, identity).await?
            && admission.issued_at <= at
        {
            return Err(Refusal::new(Code::Forbidden, "you were sent away"));
        }
        Ok(())
    }
}

/// A consultation that is there and not over.
fn open(row: Option<Facts>) -> Result<Facts, Refusal> {
    let facts = row.ok_or_else(|| Error::from(Kind::NotFound("consultation")))?;
    if facts.status.is_over() { Err(Refused::Over.into()) } else { Ok(facts) }
}

/// What a caller came by: their session, or the token for the room.
pub(super) fn device(by: &Principal) -> Option<Box<str>> {
    let session = by.session.as_ref().map(|session| session.as_str().into());
    session.or_else(|| Some(by.admission.as_ref()?.issued_at.to_string().into()))
}

/// Nobody carries or records calls for this hub.
pub(super) fn no_media_server() -> Refusal {
    Refusal::new(Code::NotConfigured, "there is no media server")
}
