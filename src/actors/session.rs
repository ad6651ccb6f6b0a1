//! The actor of one signed-in session on this node: it speaks for the session's sockets.
//!
//! It stands on the control path only (arrival, departure, subscriptions, revocation, renewed
//! credentials), never between a broadcast and a socket. Nothing in it waits.

use std::sync::Arc;

use super::Reply;
use super::channels::Channels;
use super::hub::Revocation;
use super::on_demand::Turn;
use super::socket::Socket;
use super::standing::NotFollowed;
use crate::domain::id::SocketId;
use crate::domain::identity::Principal;
use crate::domain::topic::Topic;

/// Everything a session can be asked to do.
pub(super) enum Message {
    Attach(Arc<Socket>),
    Detach(SocketId),
    /// A socket asks to hear a topic that `by`, its principal, has the right to.
    Subscribe {
        socket: SocketId,
        topic: Topic,
        by: Arc<Principal>,
        reply: Reply<Result<(), NotFollowed>>,
    },
    Unsubscribe {
        socket: SocketId,
        topic: Topic,
        reply: Reply<()>,
    },
    /// The session ended: say so to its sockets and close them.
    Revoke(Revocation),
    /// Panics, so that tests can watch the recovery.
    Fail,
}

/// The session's actor. Restarted by [`super::supervisor::Sessions`] with its live sockets, which are
/// found again in the registry.
pub(super) struct Session {
    channels: Channels,
    sockets: Vec<Arc<Socket>>,
}

impl Turn for Session {
    type Message = Message;

    fn handle(&mut self, message: Message) {
        match message {
            Message::Attach(socket) => self.attach(socket),
            Message::Detach(socket) => self.sockets.retain(|it| *it.id() != socket),
            // Whoever asked may have gone while it waited; then nobody is owed an answer.
            Message::Subscribe { socket, topic, by, reply } => {
                drop(reply.send(self.subscribe(&socket, topic, &by)));
            }
            Message::Unsubscribe { socket, topic, reply } => {
                self.unsubscribe(&socket, &topic);
                drop(reply.send(()));
            }
            Message::Revoke(reason) => self.revoke(reason),
            Message::Fail => panic!("failure injected into a session"),
        }
    }
}

impl Session {
    pub(super) fn new(channels: Channels) -> Self {
        Self { channels, sockets: Vec::new() }
    }

    fn attach(&mut self, socket: Arc<Socket>) {
        if self.find(socket.id()).is_none() {
            self.sockets.push(socket);
        }
    }

    fn subscribe(
        &self,
        socket: &SocketId,
        topic: Topic,
        by: &Arc<Principal>,
    ) -> Result<(), NotFollowed> {
        self.find(socket).map_or(Ok(()), |socket| self.channels.follow(socket, topic, by))
    }

    fn unsubscribe(&self, socket: &SocketId, topic: &Topic) {
        if let Some(socket) = self.find(socket) {
            self.channels.unfollow(socket, topic);
        }
    }

    fn revoke(&self, reason: Revocation) {
        for socket in &self.sockets {
            self.channels.dismiss(socket, reason);
        }
    }

    fn find(&self, socket: &SocketId) -> Option<&Arc<Socket>> {
        self.sockets.iter().find(|it| it.id() == socket)
    }
}
