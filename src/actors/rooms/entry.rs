//! Who may enter a room: read from the database before the room is asked.

use std::sync::Arc;

use tokio::sync::oneshot;

use super::room::Message;
use super::table::restarting;
use crate::actors::ack::{Code, Refusal};
use crate::actors::hub::Hub;
use crate::actors::socket::Socket;
use crate::auth;
use crate::domain::consultations::facts::Facts;
use crate::domain::consultations::notice::Refused;
use crate::domain::consultations::seat::Arrival;
use crate::domain::events::signaling::notices::EndReason;
use crate::domain::events::signaling::requests::{Join, JoinAnswer};
use crate::domain::events::values::MediaMode;
use crate::error::{Error, Kind};
use crate::persistence::rooms::facts;

/// How often a room that closes while somebody comes is opened anew.
const TRIES: usize = 3;

impl Hub {
    /// Gives a socket a seat in a room, or a place in its lobby.
    pub(super) async fn join_room(
        &self,
        socket: &Socket,
        asked: Join,
    ) -> Result<JoinAnswer, Refusal> {
        for _ in 0..TRIES {
            let by = socket.principal();
            let facts = self.open_consultation(&asked.room_id).await?;
            let role = facts.role_of(&by)?;
            if facts.mode == MediaMode::Sfu {
                return Err(no_media_server());
            }
            let id = facts.id.clone();
            let name = asked.display_name.clone().filter(|name| !name.trim().is_empty());
            let arrival = Box::new(Arrival {
                user: by.user,
                role,
                socket: socket.id().clone(),
                display_name: name.unwrap_or_else(|| facts.name_of(role).to_owned()),
                media: asked.media.unwrap_or_default(),
                ice_servers: self.settings().ice_servers.clone(),
                fresh: auth::new_id("p_").into(),
            });
            let (reply, answer) = oneshot::channel();
            let message = Message::Join { arrival, reply: reply.into() };
            let is_new = self.rooms().enter(facts, socket.id(), message);
            match answer.await {
                // It closed since the row was read.
                Err(_) | Ok(Err(Refused::Over)) => {}
                Ok(Err(refused)) => {
                    self.rooms().left(socket.id(), id.as_str());
                    return Err(refused.into());
                }
                Ok(Ok(answer)) => {
                    if is_new && let Err(refused) = self.open_consultation(id.as_str()).await {
                        // It was over before the room could be told.
                        self.rooms().cast(&id, Message::End(EndReason::Ended));
                        return Err(refused);
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

    async fn open_consultation(&self, room: &str) -> Result<Facts, Refusal> {
        let found = facts::find(self.store(), room).await?;
        let facts = found.ok_or_else(|| Error::from(Kind::NotFound("consultation")))?;
        if facts.status.is_over() { Err(Refused::Over.into()) } else { Ok(facts) }
    }
}

/// Nobody carries or records calls for this hub.
pub(super) fn no_media_server() -> Refusal {
    Refusal::new(Code::NotConfigured, "there is no media server")
}
