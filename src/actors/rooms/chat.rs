//! Chat in a call: stored first, told afterwards, both once.

use super::room::Message;
use crate::actors::ack::{Code, Refusal};
use crate::actors::hub::Hub;
use crate::actors::socket::Socket;
use crate::domain::consultations::steering;
use crate::domain::events::signaling::requests::{ChatStored, SendChat};
use crate::domain::time::Timestamp;
use crate::error::Result;
use crate::persistence::audit::{self, AuditEntry};
use crate::persistence::consultations::messages::{self, NewMessage, Stored};

impl Hub {
    /// Stores what somebody inside says, and tells the room unless it was told before.
    pub(super) async fn say(
        &self,
        socket: &Socket,
        asked: SendChat,
    ) -> Result<ChatStored, Refusal> {
        let by = socket.id().clone();
        let sitting = self.rooms().ask(&asked.room_id, |reply| Message::Find { by, reply }).await?;
        if !sitting.seat.is_party() {
            return Err(Refusal::new(Code::Forbidden, "observers only watch"));
        }
        let message = NewMessage {
            consultation: &sitting.consultation,
            identity: &sitting.seat.pass.identity,
            user: sitting.seat.user.account(),
            role: sitting.seat.role,
            client_msg_id: &asked.client_msg_id,
            text: &asked.text,
        };
        let stored = self.store_message(socket, &message).await?;
        if stored.is_new {
            let message = steering::Message {
                id: stored.id,
                text: asked.text,
                client_msg_id: asked.client_msg_id,
                at: stored.at,
            };
            let by = Box::new(sitting.seat);
            self.rooms().cast(&sitting.consultation, Message::Say { by, message });
        }
        Ok(ChatStored { id: stored.id, timestamp: stored.at })
    }

    async fn store_message(&self, socket: &Socket, message: &NewMessage<'_>) -> Result<Stored> {
        let now = Timestamp::now();
        let mut tx = self.store().begin().await?;
        let stored = messages::insert(&mut tx, message, now).await?;
        if stored.is_new {
            let entry = AuditEntry {
                action: "created",
                entity_type: "consultation_message",
                entity_id: Some(stored.id.to_string()),
                ..AuditEntry::from_where(socket.provenance()).by(&socket.principal())
            };
            audit::append(&mut tx, &entry, now).await?;
            tx.commit().await?;
        }
        Ok(stored)
    }
}
