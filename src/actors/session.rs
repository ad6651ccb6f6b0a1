//! The actor of one signed-in session on this node: it speaks for the session's sockets.
//!
//! It stands on the control path only (arrival, departure, subscriptions, revocation, renewed
//! credentials), never between a broadcast and a socket. Nothing in it waits.

use std::sync::Arc;

use ractor::{Actor, ActorRef};

use super::arrival::own_topics;
use super::channels::Channels;
use super::hub::Revocation;
use super::registry::Registry;
use super::socket::{Namespace, Socket};
use super::{Outcome, Reply};
use crate::domain::closure::Closure;
use crate::domain::id::{SessionId, SocketId};
use crate::domain::time::Timestamp;
use crate::domain::topic::Topic;

/// Topics one socket may follow by `subscribe`.
pub(super) const MAX_SUBSCRIPTIONS: usize = 200;

/// The session's actor. Restarted by [`super::supervisor::Sessions`] with its live sockets.
pub(super) struct Session;

/// Everything a session can be asked to do.
pub(super) enum Message {
    Attach(Arc<Socket>),
    Detach(SocketId),
    /// A socket asks to hear a topic; rights were checked before.
    Subscribe {
        socket: SocketId,
        topic: Topic,
        reply: Reply<Result<(), Full>>,
    },
    Unsubscribe {
        socket: SocketId,
        topic: Topic,
        reply: Reply<()>,
    },
    /// A socket proved itself anew: its rooms follow its roles and its session.
    Renew {
        socket: SocketId,
        reply: Reply<()>,
    },
    /// The session ended: say so to its sockets and close them.
    Revoke(Revocation),
    /// Panics, so that tests can watch the recovery.
    Fail,
}

/// The socket follows as many topics as it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Full;

pub(super) struct Arguments {
    pub id: SessionId,
    pub channels: Channels,
    pub registry: Arc<Registry>,
}

/// What a session remembers. Its sockets are found again in the registry after a panic.
pub(super) struct State {
    id: SessionId,
    channels: Channels,
    registry: Arc<Registry>,
    sockets: Vec<Arc<Socket>>,
}

impl Actor for Session {
    type Msg = Message;
    type State = State;
    type Arguments = Arguments;

    async fn pre_start(&self, _: ActorRef<Message>, start: Arguments) -> Outcome<State> {
        Ok(State {
            id: start.id,
            channels: start.channels,
            registry: start.registry,
            sockets: Vec::new(),
        })
    }

    async fn handle(&self, _: ActorRef<Message>, message: Message, state: &mut State) -> Outcome {
        match message {
            Message::Attach(socket) => state.attach(socket),
            Message::Detach(socket) => state.sockets.retain(|it| *it.id() != socket),
            // Whoever asked may have gone while it waited; then nobody is owed an answer.
            Message::Subscribe { socket, topic, reply } => {
                drop(reply.send(state.subscribe(&socket, topic)));
            }
            Message::Unsubscribe { socket, topic, reply } => {
                state.unsubscribe(&socket, &topic);
                drop(reply.send(()));
            }
            Message::Renew { socket, reply } => {
                state.renew(&socket);
                drop(reply.send(()));
            }
            Message::Revoke(reason) => state.revoke(reason),
            Message::Fail => panic!("failure injected into a session"),
        }
        Ok(())
    }
}

impl State {
    fn attach(&mut self, socket: Arc<Socket>) {
        if self.find(socket.id()).is_none() {
            self.sockets.push(socket);
        }
    }

    fn subscribe(&self, socket: &SocketId, topic: Topic) -> Result<(), Full> {
        let Some(socket) = self.find(socket) else { return Ok(()) };
        if socket.hears(&topic) {
            return Ok(());
        }
        if socket.topics().iter().filter(|it| is_subscription(it)).count() >= MAX_SUBSCRIPTIONS {
            return Err(Full);
        }
        if topic == Topic::AdminLive {
            self.registry.count_watcher(true);
        }
        socket.add_topic(topic.clone());
        self.channels.join(socket, topic);
        Ok(())
    }

    fn unsubscribe(&self, socket: &SocketId, topic: &Topic) {
        let Some(socket) = self.find(socket).filter(|it| it.hears(topic)) else { return };
        if *topic == Topic::AdminLive {
            self.registry.count_watcher(false);
        }
        socket.remove_topic(topic);
        self.channels.leave(socket, topic.clone());
    }

    fn renew(&self, socket: &SocketId) {
        let Some(found) = self.find(socket).filter(|it| it.namespace() == Namespace::Events) else {
            return;
        };
        let own = own_topics(&found.principal());
        let is_proven = |topic: &Topic| matches!(topic, Topic::Role(_) | Topic::Session(_));
        for topic in found.topics().iter().filter(|it| is_proven(it) && !own.contains(it)) {
            self.unsubscribe(socket, topic);
        }
        for topic in own.into_iter().filter(|it| !found.hears(it)) {
            found.add_topic(topic.clone());
            self.channels.join(found, topic);
        }
    }

    fn revoke(&self, reason: Revocation) {
        let payload = serde_json::json!({
            "sessionId": self.id,
            "reason": reason,
            "timestamp": Timestamp::now(),
        })
        .to_string();
        for socket in &self.sockets {
            socket.emit("session:revoked", &payload);
            socket.dismiss(match reason {
                Revocation::Deactivated => Closure::Forbidden,
                _ => Closure::SessionRevoked,
            });
        }
    }

    fn find(&self, socket: &SocketId) -> Option<&Arc<Socket>> {
        self.sockets.iter().find(|it| it.id() == socket)
    }
}

fn is_subscription(topic: &Topic) -> bool {
    matches!(topic, Topic::Entity(..) | Topic::Named(_))
}
