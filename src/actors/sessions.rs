//! The session actors of this node, found by session.

use std::sync::{Arc, OnceLock};

use dashmap::DashMap;
use dashmap::mapref::entry::Entry;
use metrics::Histogram;
use ractor::{ActorCell, ActorId, ActorRuntime};

use super::channels::Channels;
use super::mailbox::{self, Mailbox, Waiting};
use super::registry::Registry;
use super::session::{Arguments, Message, Session};
use super::socket::Socket;
use crate::domain::id::SessionId;
use crate::domain::identity::Principal;

/// Which actor speaks for which session.
#[derive(Debug)]
pub(super) struct SessionTable {
    sessions: DashMap<SessionId, Entered>,
    supervisor: OnceLock<ActorCell>,
    channels: Channels,
    registry: Arc<Registry>,
    depth: Histogram,
}

#[derive(Debug)]
struct Entered {
    actor: Mailbox<Message>,
    sockets: usize,
}

impl SessionTable {
    pub(super) fn new(channels: Channels, registry: Arc<Registry>) -> Arc<Self> {
        let (sessions, supervisor) = (DashMap::new(), OnceLock::new());
        let depth = mailbox::depth("session");
        Arc::new(Self { sessions, supervisor, channels, registry, depth })
    }

    /// Names the supervisor of the session actors; once, at start.
    pub(super) fn supervise_by(&self, supervisor: ActorCell) {
        // Set a second time only by a second start, which does not happen.
        drop(self.supervisor.set(supervisor));
    }

    /// Attaches a socket to its session's actor, which starts with the first one.
    pub(super) fn enter(&self, socket: &Arc<Socket>) {
        let actor = match self.sessions.entry(socket.session()) {
            Entry::Occupied(mut entry) => {
                entry.get_mut().sockets += 1;
                entry.get().actor.clone()
            }
            Entry::Vacant(entry) => {
                let supervisor =
                    self.supervisor.get().expect("the supervisor is named before sockets come");
                let actor = self.spawn(supervisor);
                entry.insert(Entered { actor: actor.clone(), sockets: 1 });
                actor
            }
        };
        // An actor that just crashed is restarted with every registered socket, this one included.
        actor.cast(Message::Attach(Arc::clone(socket)));
    }

    /// Puts a socket under new proof. When that is of another session, its actor takes over, so
    /// that whoever ends that session ends the socket.
    pub(super) fn follow(&self, socket: &Arc<Socket>, proof: &Principal) {
        let before = socket.session();
        self.channels.renew(socket, proof);
        if socket.session() != before {
            self.part(socket, before);
            self.enter(socket);
        }
    }

    /// Detaches a socket; the actor stops with the last one.
    pub(super) fn leave(&self, socket: &Socket) {
        self.part(socket, socket.session());
    }

    fn part(&self, socket: &Socket, session: SessionId) {
        let Entry::Occupied(mut entry) = self.sessions.entry(session) else { return };
        entry.get_mut().sockets -= 1;
        if entry.get().sockets == 0 {
            entry.remove().actor.stop();
        } else {
            entry.get().actor.cast(Message::Detach(socket.id().clone()));
        }
    }

    pub(super) fn find(&self, session: &SessionId) -> Option<Mailbox<Message>> {
        self.sessions.get(session).map(|entered| entered.actor.clone())
    }

    /// Replaces an actor that ended by a new one with the session's live sockets.
    pub(super) fn restart(&self, ended: ActorId, supervisor: &ActorCell) {
        let session = self
            .sessions
            .iter()
            .find(|entered| entered.actor.actor_id() == ended)
            .map(|entered| entered.key().clone());
        let Some(session) = session else { return };
        let actor = self.spawn(supervisor);
        for socket in self.registry.of_session(&session) {
            actor.cast(Message::Attach(socket));
        }
        if let Some(mut entered) = self.sessions.get_mut(&session) {
            entered.actor = actor;
        }
    }

    fn spawn(&self, supervisor: &ActorCell) -> Mailbox<Message> {
        let waiting = Waiting::none(self.depth.clone());
        let start = Arguments { channels: self.channels.clone(), waiting: waiting.clone() };
        let (actor, _) =
            ActorRuntime::spawn_linked_instant(None, Session, start, supervisor.clone())
                .expect("only a named actor can be refused");
        Mailbox::new(actor, waiting)
    }
}
