//! The queue of one shard of the channels, and what of its work outlives the shard's actor.
//!
//! It stands outside the actor: what waits behind a panic is not lost, and a restarted shard knows
//! how far its predecessor came.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use metrics::Histogram;
use parking_lot::Mutex;
use ractor::ActorRef;
use tokio::sync::oneshot;

use super::channel::Message;
use super::fanout::Publication;
use super::mailbox;
use super::meter::Meter;
use super::run::Run;
use super::socket::Socket;
use crate::domain::id::{EventId, SocketId};
use crate::domain::identity::Revocation;
use crate::domain::topic::Topic;

/// Publications given to a socket in one write.
pub(super) const LONGEST_RUN: usize = 64;

/// The queue of one shard, and the way to wake its actor.
#[derive(Debug)]
pub(super) struct Inbox {
    queue: Mutex<VecDeque<Work>>,
    is_awake: AtomicBool,
    actor: Mutex<Option<ActorRef<Message>>>,
    /// The last durable event that was delivered.
    last_event: AtomicI64,
    /// What is left waiting when work is taken out; a joined run of publications counts once.
    depth: Histogram,
    /// How long publications took to reach every queue.
    pub fanout: Meter,
}

/// Something for a shard to do, in order.
#[derive(Debug)]
pub(super) enum Work {
    /// Consecutive publications, given to each socket in one write.
    Publish(Vec<Arc<Publication>>),
    /// What a panic left of them.
    Resume(Box<Run>),
    /// Seats a socket with its topics; the answer is the last durable event it did not see.
    Seat {
        socket: Arc<Socket>,
        seated: oneshot::Sender<EventId>,
    },
    Join {
        socket: SocketId,
        topic: Topic,
    },
    Leave {
        socket: SocketId,
        topic: Topic,
    },
    Unseat {
        socket: SocketId,
    },
    /// Says good-bye to a socket whose session ended.
    Dismiss {
        socket: Arc<Socket>,
        reason: Revocation,
    },
    /// Panics, so that tests can watch the recovery.
    Fail,
}

impl Inbox {
    /// `last_event` is the last durable event published before this process.
    pub(super) fn new(last_event: EventId) -> Arc<Self> {
        Arc::new(Self {
            queue: Mutex::new(VecDeque::new()),
            is_awake: AtomicBool::new(false),
            actor: Mutex::new(None),
            last_event: AtomicI64::new(last_event.0),
            depth: mailbox::depth("channel"),
            fanout: Meter::default(),
        })
    }

    /// Queues work and wakes the actor unless it is about to look anyway.
    pub(super) fn push(&self, work: Work) {
        self.queue.lock().push_back(work);
        self.wake();
    }

    /// Queues a publication, joining it to those that wait last.
    pub(super) fn publish(&self, publication: Arc<Publication>) {
        let mut queue = self.queue.lock();
        if let Some(Work::Publish(run)) = queue.back_mut()
            && run.len() < LONGEST_RUN
        {
            run.push(publication);
        } else {
            queue.push_back(Work::Publish(vec![publication]));
        }
        drop(queue);
        self.wake();
    }

    /// Puts what a panic left ahead of everything, for the restarted actor.
    pub(super) fn put_back(&self, run: Run) {
        self.queue.lock().push_front(Work::Resume(Box::new(run)));
    }

    /// The first topic of the publications that come next, and how many they are.
    pub(super) fn first_run(&self) -> Option<(Topic, usize)> {
        match self.queue.lock().front()? {
            Work::Publish(run) => Some((run.first()?.event.topics.first()?.clone(), run.len())),
            _ => None,
        }
    }

    pub(super) fn next(&self) -> Option<Work> {
        let mut queue = self.queue.lock();
        let work = queue.pop_front()?;
        let left = queue.len();
        drop(queue);
        self.depth.record(u32::try_from(left).unwrap_or(u32::MAX));
        Some(work)
    }

    pub(super) fn last_event(&self) -> EventId {
        EventId(self.last_event.load(Ordering::Relaxed))
    }

    pub(super) fn note_delivered(&self, event: EventId) {
        self.last_event.store(event.0, Ordering::Relaxed);
    }

    /// Takes a new actor for the one that works the queue off.
    pub(super) fn is_served_by(&self, actor: ActorRef<Message>) {
        *self.actor.lock() = Some(actor);
        self.is_awake.store(true, Ordering::Release);
    }

    /// The actor is about to look: what is queued from now on has to wake it again.
    pub(super) fn is_looked_at(&self) {
        self.is_awake.store(false, Ordering::Release);
    }

    fn wake(&self) {
        if !self.is_awake.swap(true, Ordering::AcqRel)
            && let Some(actor) = self.actor.lock().as_ref()
        {
            // An actor that is gone is being restarted, and looks when it starts.
            drop(actor.cast(Message::Drain));
        }
    }
}
