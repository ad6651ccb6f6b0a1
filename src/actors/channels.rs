//! All shards of the channels together: publishing reaches each, a socket belongs to one.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::oneshot;

use super::fanout::Publication;
use super::inbox::{Inbox, Work};
use super::meter;
use super::registry::Registry;
use super::socket::Socket;
use crate::domain::event::Event;
use crate::domain::id::EventId;
use crate::domain::identity::Revocation;
use crate::domain::topic::Topic;

/// The way to the shards; cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Channels {
    inboxes: Arc<[Arc<Inbox>]>,
    registry: Arc<Registry>,
    compress_from: Option<usize>,
    published: Arc<AtomicU64>,
    /// Held while a publication is queued at every shard, so that all queue them in one order.
    order: Arc<Mutex<()>>,
}

impl Channels {
    pub(super) fn new(
        shards: usize,
        registry: Arc<Registry>,
        compress_from: Option<usize>,
        last_event: EventId,
    ) -> Self {
        let inboxes = (0..shards).map(|_| Inbox::new(last_event)).collect();
        Self { inboxes, registry, compress_from, published: Arc::default(), order: Arc::default() }
    }

    pub(super) fn inboxes(&self) -> &[Arc<Inbox>] {
        &self.inboxes
    }

    /// Queues an event for the members of its topics. The receiver tells how many sockets of this
    /// node it was handed to.
    pub(super) fn publish(&self, event: Event, id: Option<EventId>) -> oneshot::Receiver<usize> {
        self.published.fetch_add(1, Ordering::Relaxed);
        let (publication, delivered) =
            Publication::new(event, id, self.compress_from, self.inboxes.len());
        let publication = Arc::new(publication);
        let _queueing = self.order.lock();
        for inbox in self.inboxes.iter() {
            inbox.publish(Arc::clone(&publication));
        }
        delivered
    }

    /// Seats a socket with its topics. The answer is the last durable event it will not be sent.
    pub(super) async fn seat(&self, socket: &Arc<Socket>) -> EventId {
        loop {
            let (seated, answer) = oneshot::channel();
            self.inbox(socket).push(Work::Seat { socket: Arc::clone(socket), seated });
            // A shard that failed over it is asked again once it is restarted.
            if let Ok(last) = answer.await {
                return last;
            }
        }
    }

    pub(super) fn join(&self, socket: &Socket, topic: Topic) {
        self.inbox(socket).push(Work::Join { socket: socket.id().clone(), topic });
    }

    pub(super) fn leave(&self, socket: &Socket, topic: Topic) {
        self.inbox(socket).push(Work::Leave { socket: socket.id().clone(), topic });
    }

    /// Tells a socket that its session ended, then closes it: after all that was published before.
    pub(super) fn dismiss(&self, socket: &Arc<Socket>, reason: Revocation) {
        self.inbox(socket).push(Work::Dismiss { socket: Arc::clone(socket), reason });
    }

    pub(super) fn unseat(&self, socket: &Socket) {
        self.inbox(socket).push(Work::Unseat { socket: socket.id().clone() });
    }

    /// Events published since the start.
    pub(super) fn published(&self) -> u64 {
        self.published.load(Ordering::Relaxed)
    }

    /// Publishing to the last local queue: the 95th percentile of the recent ones.
    pub(super) fn p95(&self) -> Duration {
        meter::p95(self.inboxes.iter().flat_map(|inbox| inbox.fanout.recent()).collect())
    }

    pub(super) fn registry(&self) -> &Registry {
        &self.registry
    }

    fn inbox(&self, socket: &Socket) -> &Inbox {
        &self.inboxes[self.registry.shard_of(socket.id())]
    }
}
