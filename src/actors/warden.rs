//! Watches the credentials of live sockets: warns before they end, closes after.
//!
//! A socket is warned 60 s ahead with `auth:expiring` and closed 30 s after its token ended, unless
//! it renewed by `auth:refresh` meanwhile (contract §6.2).

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::{Arc, Weak};
use std::time::Duration;

use ractor::{Actor, ActorRef};

use super::Outcome;
use super::mailbox::Waiting;
use super::registry::Registry;
use super::socket::Socket;
use crate::domain::closure::Closure;
use crate::domain::events::ClientEvent as _;
use crate::domain::events::session::{AuthExpiring, AuthRefresh, Refusal};
use crate::domain::events::values::{AckCode, AckError};
use crate::domain::id::SocketId;
use crate::domain::time::Timestamp;

/// How long before the end a socket is warned.
const NOTICE: Duration = Duration::from_mins(1);
/// How long after the end it may still renew.
const GRACE: Duration = Duration::from_secs(30);
const TICK: Duration = Duration::from_secs(1);

/// The warden's actor. Restarted at once; it finds every socket again in the registry.
pub(super) struct Warden;

pub(super) enum Message {
    /// A socket was let in, or renewed its credentials.
    Watch(Weak<Socket>),
    Tick,
    /// Panics, so that tests can watch the recovery.
    Fail,
}

/// Sockets by the time something is due for them.
pub(super) struct State {
    due: BinaryHeap<Reverse<Due>>,
}

/// Ordered by time; the rest only makes entries distinct.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Due {
    at: Timestamp,
    step: Step,
    socket: SocketId,
    expires_at: Timestamp,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    Warn,
    Close,
}

pub(super) struct Arguments {
    pub registry: Arc<Registry>,
    pub waiting: Waiting,
}

impl Actor for Warden {
    type Msg = Message;
    type State = (Arguments, State);
    type Arguments = Arguments;

    async fn pre_start(&self, me: ActorRef<Message>, start: Arguments) -> Outcome<Self::State> {
        me.send_interval(TICK, || Message::Tick);
        let mut state = State { due: BinaryHeap::new() };
        for socket in start.registry.all() {
            state.watch(&socket);
        }
        Ok((start, state))
    }

    async fn handle(
        &self,
        _: ActorRef<Message>,
        message: Message,
        (given, state): &mut Self::State,
    ) -> Outcome {
        match message {
            Message::Watch(socket) => {
                given.waiting.taken();
                if let Some(socket) = socket.upgrade() {
                    state.watch(&socket);
                }
            }
            Message::Tick => state.tick(&given.registry, Timestamp::now()),
            Message::Fail => panic!("failure injected into the warden"),
        }
        Ok(())
    }
}

impl State {
    fn watch(&mut self, socket: &Socket) {
        let Some(expires_at) = socket.principal().expires_at else { return };
        let socket = socket.id().clone();
        let at = expires_at.minus(NOTICE);
        self.due.push(Reverse(Due { at, step: Step::Warn, socket, expires_at }));
    }

    fn tick(&mut self, registry: &Registry, now: Timestamp) {
        while self.due.peek().is_some_and(|Reverse(due)| due.at <= now) {
            let Some(Reverse(due)) = self.due.pop() else { return };
            let Some(socket) = registry.get(&due.socket) else { continue };
            if socket.principal().expires_at != Some(due.expires_at) {
                // Renewed since; the new time has an entry of its own.
                continue;
            }
            match due.step {
                Step::Warn => {
                    warn(&socket, due.expires_at, now);
                    let at = due.expires_at.plus(GRACE);
                    self.due.push(Reverse(Due { at, step: Step::Close, ..due }));
                }
                Step::Close => {
                    tell_expired(&socket, now);
                    socket.dismiss(Closure::TokenExpired);
                }
            }
        }
    }
}

fn warn(socket: &Socket, expires_at: Timestamp, now: Timestamp) {
    let in_seconds = i64::try_from(expires_at.since(now).as_secs()).unwrap_or(i64::MAX);
    socket.tell(&AuthExpiring { expires_at, in_seconds, timestamp: now });
}

/// Names the reason: a stock client is shown the same words for every end that a server wants.
fn tell_expired(socket: &Socket, now: Timestamp) {
    let (code, message) = (AckCode::Unauthenticated, Closure::TokenExpired.name().to_owned());
    let error = AckError { code, message, field: None, current: None };
    socket.tell(&Refusal { event: AuthRefresh::NAME.to_owned(), error, timestamp: now });
}
