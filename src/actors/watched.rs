//! Whose presence is watched on this node, and the way to the actor that tells of it.
//!
//! Comings and goings of everyone else cost one look in here.

use dashmap::DashMap;
use parking_lot::Mutex;
use tokio::sync::oneshot;

use super::mailbox::Mailbox;
use super::presence::Message;
use crate::domain::events::presence::PresenceEntry;
use crate::domain::id::UserId;
use crate::error::Result;

/// How many sockets watch each user. Users nobody watches are not in it.
#[derive(Debug, Default)]
pub(super) struct Watched {
    sockets: DashMap<UserId, usize>,
    actor: Mutex<Option<Mailbox<Message>>>,
}

impl Watched {
    /// One more socket watches the user.
    pub(super) fn begin(&self, user: UserId) {
        *self.sockets.entry(user).or_default() += 1;
    }

    /// One socket less watches the user. The actor forgets whom nobody watches.
    pub(super) fn end(&self, user: UserId) {
        let was_last = self.sockets.remove_if_mut(&user, |_, sockets| {
            *sockets -= 1;
            *sockets == 0
        });
        if was_last.is_some() {
            self.cast(Message::Look(user));
        }
    }

    pub(super) fn contains(&self, user: UserId) -> bool {
        self.sockets.contains_key(&user)
    }

    pub(super) fn users(&self) -> Vec<UserId> {
        self.sockets.iter().map(|entry| *entry.key()).collect()
    }

    /// The user came, went, or does something else now.
    pub(super) fn note(&self, user: UserId) {
        if self.contains(user) {
            self.cast(Message::Look(user));
        }
    }

    /// The user's focus mode was switched.
    pub(super) fn note_focus(&self, user: UserId) {
        if self.contains(user) {
            self.cast(Message::Focus(user));
        }
    }

    /// How watched users are. None when the actor is being restarted.
    pub(super) async fn ask(&self, users: Vec<UserId>) -> Option<Result<Vec<PresenceEntry>>> {
        let (reply, answer) = oneshot::channel();
        self.cast(Message::Ask { users, reply: reply.into() });
        answer.await.ok()
    }

    /// Makes the actor panic.
    pub(super) fn fail(&self) {
        self.cast(Message::Fail);
    }

    /// Takes a new actor for the one that tells. What the one before did not come to is looked at anew.
    pub(super) fn is_told_by(&self, actor: Mailbox<Message>) {
        *self.actor.lock() = Some(actor);
    }

    fn cast(&self, message: Message) {
        if let Some(actor) = self.actor.lock().as_ref() {
            actor.cast(message);
        }
    }
}
