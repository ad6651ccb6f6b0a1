//! Role channels and every other topic: one shard of their members, one ordered queue.
//!
//! A shard keeps its sockets' membership of all topics, so an event addressed to several reaches a
//! socket once, and everything a socket hears keeps the order of publication. It drains its queue
//! first, then gives each socket one write of everything pending. Joins and leaves pass through the
//! same queue, so a join sees exactly the events published after it.
//!
//! The queue lives outside the actor: what waits behind a panic is not lost. A restarted shard
//! rebuilds its members from the live sockets.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use metrics::{counter, histogram};
use parking_lot::Mutex;
use ractor::{Actor, ActorProcessingErr, ActorRef};
use smallvec::SmallVec;
use tokio::sync::oneshot;

use super::Outcome;
use super::fanout::{Dialect, Publication};
use super::frame::{Batch, Frame};
use super::members::{Member, Members};
use super::meter::Meter;
use super::registry::Registry;
use super::socket::Socket;
use crate::domain::id::{EventId, SocketId};
use crate::domain::identity::Revocation;
use crate::domain::topic::Topic;
use crate::telemetry::names;

/// Sockets written to before other tasks get a turn.
const SLICE: usize = 256;
/// Publications given to a socket in one write.
const LONGEST_RUN: usize = 64;
/// Members from which on it pays to wait for more publications.
const LARGE: usize = 64;
/// Members from which on a fan-out takes so long that a pause before it does not show.
const HUGE: usize = 2048;
const PAUSE: Duration = Duration::from_millis(1);
/// Turns to wait for them.
const LONGEST_GATHERING: usize = 16;

/// The actor of one shard. Restarted at once after a panic, without limit.
pub(super) struct ChannelShard;

/// The queue of one shard, and the way to wake its actor.
#[derive(Debug)]
pub(super) struct Inbox {
    queue: Mutex<VecDeque<Work>>,
    is_awake: AtomicBool,
    actor: Mutex<Option<ActorRef<Message>>>,
    /// How long publications took to reach every queue.
    pub fanout: Meter,
}

/// Something for a shard to do, in order.
#[derive(Debug)]
pub(super) enum Work {
    /// Consecutive publications, given to each socket in one write.
    Publish(Vec<Arc<Publication>>),
    /// Seats a socket; the answer is the last durable event it did not see.
    Seat {
        socket: SocketId,
        member: Member,
        topics: Vec<Topic>,
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

/// What wakes the actor.
pub(super) enum Message {
    Drain,
}

pub(super) struct Arguments {
    pub index: usize,
    pub inbox: Arc<Inbox>,
    pub registry: Arc<Registry>,
    pub last_event: EventId,
}

/// What a shard remembers. Rebuilt from the registry after a panic.
pub(super) struct State {
    inbox: Arc<Inbox>,
    members: Members,
    last_event: EventId,
}

impl Inbox {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self {
            queue: Mutex::new(VecDeque::new()),
            is_awake: AtomicBool::new(false),
            actor: Mutex::new(None),
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

    /// The first topic of the publications that come next, and how many they are.
    fn first_run(&self) -> Option<(Topic, usize)> {
        match self.queue.lock().front()? {
            Work::Publish(run) => Some((run.first()?.event.topics.first()?.clone(), run.len())),
            _ => None,
        }
    }

    fn next(&self) -> Option<Work> {
        self.queue.lock().pop_front()
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

impl Actor for ChannelShard {
    type Msg = Message;
    type State = State;
    type Arguments = Arguments;

    async fn pre_start(&self, me: ActorRef<Message>, start: Arguments) -> Outcome<State> {
        let mut members = Members::default();
        for socket in start.registry.of_shard(start.index) {
            members.seat(socket.id().clone(), socket.member());
            for topic in socket.topics() {
                members.join(socket.id(), topic);
            }
        }
        let state = State { inbox: start.inbox, members, last_event: start.last_event };
        *state.inbox.actor.lock() = Some(me.clone());
        state.inbox.is_awake.store(true, Ordering::Release);
        me.cast(Message::Drain)?;
        Ok(state)
    }

    async fn handle(
        &self,
        _: ActorRef<Message>,
        Message::Drain: Message,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        state.inbox.is_awake.store(false, Ordering::Release);
        loop {
            state.gather().await;
            let Some(work) = state.inbox.next() else { return Ok(()) };
            state.work(work).await;
        }
    }
}

impl State {
    /// Before a large fan-out, lets publishers that are about to publish do so: every publication
    /// that joins the run saves a write to each of its many members.
    async fn gather(&mut self) {
        let mut waiting = 0;
        let mut turns = 0;
        while turns < LONGEST_GATHERING {
            let Some((topic, length)) = self.inbox.first_run() else { return };
            let members = self.members.count(&topic);
            if members < LARGE {
                return;
            }
            if length == waiting && turns > 1 || length >= LONGEST_RUN {
                return;
            }
            waiting = length;
            turns += 1;
            if members >= HUGE && turns == 1 {
                tokio::time::sleep(PAUSE).await;
                continue;
            }
            // Comes back after whatever else is ready, new requests included, had its turn.
            tokio::task::yield_now().await;
        }
    }

    async fn work(&mut self, work: Work) {
        match work {
            Work::Publish(run) => self.fan_out(run).await,
            Work::Seat { socket, member, topics, seated } => {
                self.members.seat(socket.clone(), member);
                for topic in topics {
                    self.members.join(&socket, topic);
                }
                // The connection may have closed while it waited.
                let _ = seated.send(self.last_event);
            }
            Work::Join { socket, topic } => self.members.join(&socket, topic),
            Work::Leave { socket, topic } => self.members.leave(&socket, &topic),
            Work::Unseat { socket } => self.members.unseat(&socket),
            Work::Dismiss { socket, reason } => socket.revoke(reason),
            Work::Fail => panic!("failure injected into a channel shard"),
        }
    }

    /// Gives every reached socket one write of all that is for it in this run of publications.
    async fn fan_out(&mut self, run: Vec<Arc<Publication>>) {
        let Some(first) = run.first() else { return };
        let mut delivered = vec![0; run.len()];
        if run.iter().all(|it| it.event.topics == first.event.topics) {
            let seats = self.members.reached(&first.event.topics);
            let batches = Batches::of(&run);
            for slice in seats.chunks(SLICE) {
                let reached = slice
                    .iter()
                    .filter_map(|&seat| self.members.member(seat))
                    .filter(|member| member.outbound.offer_batch(batches.get(member.dialect)))
                    .count();
                for count in &mut delivered {
                    *count += reached;
                }
                tokio::task::yield_now().await;
            }
        } else {
            for (seat, picked) in self.pick(&run) {
                let Some(member) = self.members.member(seat) else { continue };
                let frames: Vec<Frame> =
                    picked.iter().map(|&index| run[index].frame(member.dialect).clone()).collect();
                if member.outbound.offer_batch(&Batch::new(frames)) {
                    picked.iter().for_each(|&index| delivered[index] += 1);
                }
            }
        }
        for (publication, delivered) in run.iter().zip(delivered) {
            self.last_event = publication.id.unwrap_or(self.last_event);
            self.settle(publication, delivered);
        }
    }

    /// Which publications of the run each seat is to get, in their order.
    fn pick(&mut self, run: &[Arc<Publication>]) -> HashMap<u32, SmallVec<[usize; 8]>> {
        let mut picked: HashMap<u32, SmallVec<[usize; 8]>> = HashMap::new();
        for (index, publication) in run.iter().enumerate() {
            for seat in self.members.reached(&publication.event.topics) {
                picked.entry(seat).or_default().push(index);
            }
        }
        picked
    }

    fn settle(&self, publication: &Publication, delivered: usize) {
        let event = publication.event.name;
        counter!(names::WS_MESSAGES_OUT, "namespace" => "/events", "event" => event)
            .increment(delivered as u64);
        if let Some(took) = publication.report(delivered) {
            histogram!(names::FANOUT_SECONDS, "event" => event).record(took.as_secs_f64());
            self.inbox.fanout.record(took);
        }
    }
}

/// A run of publications to the same topics, joined once per dialect.
struct Batches<'a> {
    run: &'a [Arc<Publication>],
    socket_io: OnceLock<Batch>,
    plain: OnceLock<Batch>,
}

impl<'a> Batches<'a> {
    fn of(run: &'a [Arc<Publication>]) -> Self {
        Self { run, socket_io: OnceLock::new(), plain: OnceLock::new() }
    }

    fn get(&self, dialect: Dialect) -> &Batch {
        let cell = match dialect {
            Dialect::SocketIo => &self.socket_io,
            Dialect::Plain => &self.plain,
        };
        cell.get_or_init(|| {
            Batch::new(self.run.iter().map(|it| it.frame(dialect).clone()).collect())
        })
    }
}
