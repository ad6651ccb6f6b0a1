//! Tells who is there to those who watch (contract §6.7).
//!
//! A user is what the sockets of this node say, or in focus mode. Only watched users are looked at,
//! and only of them something is remembered: what their watchers were told last. A user whose last
//! socket closed counts as before until the grace is over. Of a user nobody watched until then the
//! database tells when a device was last used.

use std::collections::HashMap;
use std::time::Duration;

use ractor::{Actor, ActorRef};
use tracing::warn;

use super::channels::Channels;
use super::mailbox::{Mailbox, Waiting};
use super::{Outcome, Reply};
use crate::domain::events::ServerEvent as _;
use crate::domain::events::presence::{PresenceEntry, PresenceStatus, PresenceUpdate};
use crate::domain::id::UserId;
use crate::domain::time::Timestamp;
use crate::error::Result;
use crate::persistence::Store;
use crate::persistence::presence::{self, Trace};

/// How long to wait before the database is asked again.
const RETRY: Duration = Duration::from_secs(1);

/// The actor of presence. Restarted at once: it reads what it needs of every watched user again, and
/// tells all watchers anew, because they may have missed a change.
pub(super) struct Presence;

pub(super) enum Message {
    /// A watched user came, went or does something else now; or nobody watches any more.
    Look(UserId),
    /// A watched user's focus mode was switched.
    Focus(UserId),
    /// Someone watches these users from now on. The answer comes once the database told of them.
    Ask { users: Vec<UserId>, reply: Reply<Result<Vec<PresenceEntry>>> },
    /// The database is to be asked, now or again.
    Consult(Vec<UserId>),
    /// The database answered.
    Read(Reading),
    /// The grace of a user who left at that moment is over.
    Gone(UserId, Timestamp),
    /// Panics, so that tests can watch the recovery.
    Fail,
}

/// What the database was asked, and what it said.
pub(super) struct Reading {
    /// Readings are counted: a later one knows better.
    number: u64,
    users: Vec<UserId>,
    traces: Result<Vec<Trace>>,
    reply: Option<Reply<Result<Vec<PresenceEntry>>>>,
}

pub(super) struct Arguments {
    pub store: Store,
    pub channels: Channels,
    pub grace: Duration,
    pub waiting: Waiting,
}

/// What is remembered of watched users. Lost at a restart, and read again.
pub(super) struct State {
    given: Arguments,
    known: HashMap<UserId, Known>,
    readings: u64,
}

/// What is remembered of one user.
#[derive(Debug)]
struct Known {
    stage: Stage,
    /// What watchers were told last.
    told: Option<PresenceStatus>,
    is_in_focus: bool,
    /// The latest reading that counted.
    reading: u64,
    seen_at: Option<Timestamp>,
    /// When the last socket closed, until that is told.
    left_at: Option<Timestamp>,
}

/// How far one got to know a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// The database is being asked for the first time. Nobody was told anything.
    New,
    /// The same after a restart. Watchers may have been told anything.
    Rediscovered,
    Read,
}

/// What follows from a look at a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    Nothing,
    Tell,
    /// Look again when the grace of who left at that moment is over.
    Wait(Timestamp),
}

impl Actor for Presence {
    type Msg = Message;
    type State = State;
    type Arguments = Arguments;

    async fn pre_start(&self, me: ActorRef<Message>, given: Arguments) -> Outcome<State> {
        let watched = given.channels.registry().watched();
        // In this order: what is changed after the reading began is noted with this actor.
        watched.is_told_by(Mailbox::new(me.clone(), given.waiting.clone()));
        let users = watched.users();
        let known = users.iter().map(|user| (*user, Known::new(Stage::Rediscovered))).collect();
        if !users.is_empty() {
            me.cast(Message::Consult(users))?;
        }
        Ok(State { given, known, readings: 0 })
    }

    async fn handle(&self, me: ActorRef<Message>, message: Message, state: &mut State) -> Outcome {
        match message {
            Message::Look(user) => {
                state.given.waiting.taken();
                state.look(&me, user);
            }
            Message::Focus(user) => {
                state.given.waiting.taken();
                state.read(me, vec![user], None);
            }
            Message::Ask { users, reply } => {
                state.given.waiting.taken();
                for user in &users {
                    state.known.entry(*user).or_insert_with(|| Known::new(Stage::New));
                }
                state.read(me, users, Some(reply));
            }
            Message::Consult(users) => state.read(me, users, None),
            Message::Read(reading) => state.take_in(&me, reading),
            Message::Gone(user, at) => state.say_gone(&me, user, at),
            Message::Fail => panic!("failure injected into presence"),
        }
        Ok(())
    }
}

impl State {
    /// Asks the database about users, besides the actor's turns.
    fn read(
        &mut self,
        me: ActorRef<Message>,
        users: Vec<UserId>,
        reply: Option<Reply<Result<Vec<PresenceEntry>>>>,
    ) {
        self.readings += 1;
        let (number, store) = (self.readings, self.given.store.clone());
        tokio::spawn(async move {
            let traces = presence::traces(&store, &users).await;
            // An actor that stopped meanwhile is restarted and reads for itself.
            drop(me.cast(Message::Read(Reading { number, users, traces, reply })));
        });
    }

    fn take_in(&mut self, me: &ActorRef<Message>, reading: Reading) {
        let Reading { number, users, traces, reply } = reading;
        let (traces, reply) = match (traces, reply) {
            (Ok(traces), reply) => (traces, reply),
            (Err(error), Some(reply)) => {
                // Who asked is told, and may ask again.
                drop(reply.send(Err(error)));
                self.forget_unwatched(&users);
                return;
            }
            (Err(error), None) => {
                warn!(%error, "presence not read");
                me.send_after(RETRY, move || Message::Consult(users));
                return;
            }
        };
        let now = Timestamp::now();
        for trace in traces {
            let Some(known) = self.known.get_mut(&trace.user_id) else { continue };
            known.note(number, &trace);
            let status = self.given.status(trace.user_id, known.is_in_focus);
            let next = known.meet(status, now);
            self.given.act(me, trace.user_id, known, next);
        }
        if let Some(reply) = reply {
            let entry = |user: &UserId| Some(self.known.get(user)?.entry(*user));
            // The socket that asked may have gone.
            drop(reply.send(Ok(users.iter().filter_map(entry).collect())));
        }
        self.forget_unwatched(&users);
    }

    /// A socket that left before its question came follows nobody any more.
    fn forget_unwatched(&mut self, users: &[UserId]) {
        let watched = self.given.channels.registry().watched();
        for user in users.iter().filter(|user| !watched.contains(**user)) {
            self.known.remove(user);
        }
    }

    fn look(&mut self, me: &ActorRef<Message>, user: UserId) {
        self.forget_unwatched(&[user]);
        // Whoever is not read yet is looked at then.
        let Some(known) = self.known.get_mut(&user).filter(|it| it.stage == Stage::Read) else {
            return;
        };
        let status = self.given.status(user, known.is_in_focus);
        let next = known.find(status, Timestamp::now());
        self.given.act(me, user, known, next);
    }

    fn say_gone(&mut self, me: &ActorRef<Message>, user: UserId, at: Timestamp) {
        let Some(known) = self.known.get_mut(&user) else { return };
        let status = self.given.status(user, known.is_in_focus);
        let next = known.give_up(status, at);
        self.given.act(me, user, known, next);
    }
}

impl Arguments {
    /// What the user's sockets say.
    fn status(&self, user: UserId, is_in_focus: bool) -> PresenceStatus {
        let registry = self.channels.registry();
        let sockets = registry.of_user(user);
        let chosen = sockets.iter().filter_map(|socket| socket.presence());
        let status = PresenceStatus::of(chosen, is_in_focus);
        if registry.is_on_call(user) { status.max(PresenceStatus::Busy) } else { status }
    }

    fn act(&self, me: &ActorRef<Message>, user: UserId, known: &Known, next: Next) {
        match next {
            Next::Nothing => {}
            Next::Tell => {
                let PresenceEntry { user_id, status, last_seen_at } = known.entry(user);
                let timestamp = Timestamp::now();
                let update =
                    PresenceUpdate { user_id, status, last_seen_at, apps: None, timestamp };
                // Nobody waits to learn how many heard it.
                drop(self.channels.publish(update.event(), None));
            }
            Next::Wait(at) => {
                me.send_after(self.grace, move || Message::Gone(user, at));
            }
        }
    }
}

impl Known {
    fn new(stage: Stage) -> Self {
        Self { stage, told: None, is_in_focus: false, reading: 0, seen_at: None, left_at: None }
    }

    /// Takes what a reading says, unless a later one said it.
    fn note(&mut self, reading: u64, trace: &Trace) {
        if reading > self.reading {
            self.reading = reading;
            self.is_in_focus = trace.is_in_focus;
            self.seen_at = self.seen_at.max(trace.seen_at);
        }
    }

    /// Finds the user to be `status`, as the database was asked. Of a new one nobody needs to be told
    /// besides whoever asked.
    fn meet(&mut self, status: PresenceStatus, now: Timestamp) -> Next {
        match std::mem::replace(&mut self.stage, Stage::Read) {
            Stage::New => {
                self.told = Some(status);
                Next::Nothing
            }
            Stage::Rediscovered | Stage::Read => self.find(status, now),
        }
    }

    fn find(&mut self, status: PresenceStatus, now: Timestamp) -> Next {
        if self.told == Some(status) {
            self.left_at = None;
            return Next::Nothing;
        }
        if status == PresenceStatus::Offline {
            if self.left_at.is_some() {
                return Next::Nothing;
            }
            if self.told.is_some() {
                self.seen_at = Some(now);
            }
            self.left_at = Some(now);
            return Next::Wait(now);
        }
        self.left_at = None;
        self.told = Some(status);
        Next::Tell
    }

    /// The grace of who left at `at` is over.
    fn give_up(&mut self, status: PresenceStatus, at: Timestamp) -> Next {
        if self.left_at != Some(at) || status != PresenceStatus::Offline {
            return Next::Nothing;
        }
        self.left_at = None;
        self.told = Some(status);
        Next::Tell
    }

    /// As watchers know the user.
    fn entry(&self, user_id: UserId) -> PresenceEntry {
        let status = self.told.unwrap_or(PresenceStatus::Offline);
        let last_seen_at = self.seen_at.filter(|_| status == PresenceStatus::Offline);
        PresenceEntry { user_id, status, last_seen_at }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use PresenceStatus::{Busy, Offline, Online};

    fn known(stage: Stage, status: PresenceStatus) -> Known {
        let mut known = Known::new(stage);
        known.meet(status, Timestamp(1));
        known
    }

    #[test]
    fn nobody_is_told_what_the_first_watcher_is_answered() {
        let mut known = Known::new(Stage::New);

        assert_eq!(known.meet(Online, Timestamp(1)), Next::Nothing);

        assert_eq!(known.entry(UserId(1)).status, Online);
        assert_eq!(known.find(Online, Timestamp(2)), Next::Nothing);
        assert_eq!(known.find(Busy, Timestamp(3)), Next::Tell);
    }

    #[test]
    fn who_comes_back_within_the_grace_never_left() {
        let mut known = known(Stage::New, Busy);

        assert_eq!(known.find(Offline, Timestamp(5)), Next::Wait(Timestamp(5)));
        assert_eq!(known.find(Offline, Timestamp(6)), Next::Nothing);
        assert_eq!(known.entry(UserId(1)).status, Busy);
        assert_eq!(known.find(Busy, Timestamp(7)), Next::Nothing);

        assert_eq!(known.give_up(Busy, Timestamp(5)), Next::Nothing);
        // Leaves again: the first grace is none of this one.
        assert_eq!(known.find(Offline, Timestamp(8)), Next::Wait(Timestamp(8)));
        assert_eq!(known.give_up(Offline, Timestamp(5)), Next::Nothing);
        assert_eq!(known.give_up(Offline, Timestamp(8)), Next::Tell);
        let entry = known.entry(UserId(1));
        assert_eq!((entry.status, entry.last_seen_at), (Offline, Some(Timestamp(8))));
    }

    #[test]
    fn after_a_restart_watchers_are_told_anew() {
        let present = |status| Known::new(Stage::Rediscovered).meet(status, Timestamp(1));
        assert_eq!(present(Online), Next::Tell);
        assert_eq!(present(Offline), Next::Wait(Timestamp(1)));

        let mut absent = known(Stage::Rediscovered, Offline);
        assert_eq!(absent.give_up(Offline, Timestamp(1)), Next::Tell);
        // The restart is not when the user was seen.
        assert_eq!(absent.entry(UserId(1)).last_seen_at, None);
    }

    #[test]
    fn an_earlier_reading_does_not_undo_a_later_one() {
        let trace = |is_in_focus| Trace { user_id: UserId(1), is_in_focus, seen_at: None };
        let mut known = Known::new(Stage::New);

        known.note(2, &trace(true));
        known.note(1, &trace(false));

        assert!(known.is_in_focus);
    }
}
