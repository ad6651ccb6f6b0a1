//! Role channels and every other topic: one shard of their members, one ordered queue.
//!
//! A shard keeps its sockets' membership of all topics, so an event addressed to several reaches a
//! socket once, and everything a socket hears keeps the order of publication. It drains its queue
//! first, then gives each socket one write of everything pending. Joins and leaves pass through the
//! same queue, so a join sees exactly the events published after it.
//!
//! The queue lives outside the actor, in its [`Inbox`]: what waits behind a panic is not lost. A
//! restarted shard rebuilds its members from the live sockets and goes on with the run it fell
//! over. Of a run's members a panic hurts the one it was over: that one is closed.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::time::Duration;

use metrics::{counter, histogram};
use ractor::{Actor, ActorProcessingErr, ActorRef};

use super::Outcome;
use super::inbox::{Inbox, LONGEST_RUN, Work};
use super::members::Members;
use super::registry::Registry;
use super::run::Run;
use super::socket::Socket;
use crate::telemetry::names;

/// Members from which on it pays to wait for more publications.
const LARGE: usize = 64;
/// Members from which on a fan-out takes so long that a pause before it does not show.
const HUGE: usize = 2048;
const PAUSE: Duration = Duration::from_millis(1);
/// Turns to wait for them.
const LONGEST_GATHERING: usize = 16;

/// The actor of one shard. Restarted at once after a panic, without limit.
pub(super) struct ChannelShard;

/// What wakes the actor.
pub(super) enum Message {
    Drain,
}

pub(super) struct Arguments {
    pub index: usize,
    pub inbox: Arc<Inbox>,
    pub registry: Arc<Registry>,
}

/// What a shard remembers. Rebuilt from the registry after a panic.
pub(super) struct State {
    inbox: Arc<Inbox>,
    members: Members,
}

impl Actor for ChannelShard {
    type Msg = Message;
    type State = State;
    type Arguments = Arguments;

    async fn pre_start(&self, me: ActorRef<Message>, start: Arguments) -> Outcome<State> {
        let mut members = Members::default();
        for socket in start.registry.of_shard(start.index) {
            seat(&mut members, &socket);
        }
        start.inbox.is_served_by(me.clone());
        me.cast(Message::Drain)?;
        Ok(State { inbox: start.inbox, members })
    }

    async fn handle(
        &self,
        _: ActorRef<Message>,
        Message::Drain: Message,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        state.inbox.is_looked_at();
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
            Work::Publish(publications) => self.fan_out(Run::of(publications)).await,
            Work::Resume(run) => self.fan_out(*run).await,
            Work::Seat { socket, seated } => {
                seat(&mut self.members, &socket);
                socket.note_seated();
                // The connection may have closed while it waited.
                let _ = seated.send(self.inbox.last_event());
            }
            Work::Join { socket, topic } => self.members.join(&socket, topic),
            Work::Leave { socket, topic } => self.members.leave(&socket, &topic),
            Work::Unseat { socket } => self.members.unseat(&socket),
            Work::Dismiss { socket, reason } => socket.revoke(reason),
            Work::Fail => panic!("failure injected into a channel shard"),
        }
    }

    /// Gives every reached socket one write of all that is for it in this run of publications.
    async fn fan_out(&mut self, run: Run) {
        let mut run = self.step(run, Run::find);
        while !run.is_served() {
            run = self.step(run, Run::serve);
            tokio::task::yield_now().await;
        }
        self.settle(&run);
    }

    /// One step of a run. When it panics, what is left of the run goes back to the queue, and the
    /// panic on to the supervisor.
    fn step(&mut self, mut run: Run, step: fn(&mut Run, &mut Members)) -> Run {
        let outcome = catch_unwind(AssertUnwindSafe(|| step(&mut run, &mut self.members)));
        let Err(panic) = outcome else { return run };
        run.recover(&self.members);
        if run.is_served() {
            self.settle(&run);
        } else {
            self.inbox.put_back(run);
        }
        resume_unwind(panic);
    }

    fn settle(&self, run: &Run) {
        for (publication, delivered) in run.tallies() {
            if let Some(id) = publication.id {
                self.inbox.note_delivered(id);
            }
            let event = publication.event.name;
            counter!(names::WS_MESSAGES_OUT, "namespace" => "/events", "event" => event)
                .increment(delivered as u64);
            if let Some(took) = publication.report(delivered) {
                histogram!(names::FANOUT_SECONDS, "event" => event).record(took.as_secs_f64());
                self.inbox.fanout.record(took);
            }
        }
    }
}

fn seat(members: &mut Members, socket: &Socket) {
    members.seat(socket.id().clone(), socket.member());
    for topic in socket.topics() {
        members.join(socket.id(), topic);
    }
}
