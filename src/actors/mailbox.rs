//! The way to an actor, with a count of what waits there: `latido_actor_mailbox_depth`.
//!
//! ractor's own queue does not tell its length, so both ends of a [`Mailbox`] count: whoever leaves
//! a message, and the actor when it takes one out. What an actor sends itself passes it by.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use metrics::{Histogram, histogram};
use ractor::{ActorRef, Message};

use crate::telemetry::names;

/// Where messages for an actor are left.
pub(super) struct Mailbox<M> {
    actor: ActorRef<M>,
    waiting: Waiting,
}

/// The actor's own end.
#[derive(Debug, Clone)]
pub(super) struct Waiting {
    messages: Arc<AtomicU32>,
    depth: Histogram,
}

/// The histogram of a kind of mailboxes.
pub(super) fn depth(kind: &'static str) -> Histogram {
    histogram!(names::ACTOR_MAILBOX_DEPTH, "kind" => kind)
}

impl<M: Message> Mailbox<M> {
    pub(super) fn new(actor: ActorRef<M>, waiting: Waiting) -> Self {
        Self { actor, waiting }
    }

    /// Leaves a message. It is lost when the actor is gone.
    pub(super) fn cast(&self, message: M) {
        self.waiting.messages.fetch_add(1, Ordering::Relaxed);
        drop(self.actor.cast(message));
    }
}

impl<M> fmt::Debug for Mailbox<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Mailbox").field(&self.actor).finish()
    }
}

impl<M> Clone for Mailbox<M> {
    fn clone(&self) -> Self {
        Self { actor: self.actor.clone(), waiting: self.waiting.clone() }
    }
}

impl Waiting {
    /// Nothing waits yet. The depth is recorded in the histogram of the actor's kind.
    pub(super) fn none(depth: Histogram) -> Self {
        Self { messages: Arc::default(), depth }
    }

    /// The actor took a message out; what is left behind it is recorded.
    pub(super) fn taken(&self) {
        let before = self.messages.fetch_sub(1, Ordering::Relaxed);
        self.depth.record(before.saturating_sub(1));
    }
}
