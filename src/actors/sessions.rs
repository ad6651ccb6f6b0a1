//! The session actors of this node, found by session.

use std::sync::{Arc, OnceLock};

use dashmap::DashMap;
use dashmap::mapref::entry::Entry;
use metrics::{Histogram, gauge};
use ractor::ActorRef;

use super::channels::Channels;
use super::mailbox;
use super::on_demand::OnDemand;
use super::registry::Registry;
use super::session::{Message, Session};
use super::socket::Socket;
use super::supervisor::SessionFailed;
use crate::domain::id::SessionId;
use crate::domain::identity::Principal;
use crate::telemetry::names;

/// Which actor speaks for which session.
#[derive(Debug)]
pub(super) struct SessionTable {
    sessions: DashMap<SessionId, Entered>,
    supervisor: OnceLock<ActorRef<SessionFailed>>,
    channels: Channels,
    registry: Arc<Registry>,
    depth: Histogram,
}

#[derive(Debug)]
struct Entered {
    actor: OnDemand<Session>,
    sockets: usize,
}

impl SessionTable {
    pub(super) fn new(channels: Channels, registry: Arc<Registry>) -> Arc<Self> {
        let (sessions, supervisor) = (DashMap::new(), OnceLock::new());
        let depth = mailbox::depth("session");
        Arc::new(Self { sessions, supervisor, channels, registry, depth })
    }

    /// Names the supervisor of the session actors; once, at start.
    pub(super) fn supervise_by(&self, supervisor: ActorRef<SessionFailed>) {
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
                let actor = self.spawn(entry.key().clone());
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
            let actor = entry.remove().actor;
            // One that failed is counted by its restart.
            if !actor.is_over() {
                actor.stop();
                running(-1.0);
            }
        } else {
            entry.get().actor.cast(Message::Detach(socket.id().clone()));
        }
    }

    pub(super) fn find(&self, session: &SessionId) -> Option<OnDemand<Session>> {
        self.sessions.get(session).map(|entered| entered.actor.clone())
    }

    /// Replaces an actor that failed by a new one with the session's live sockets.
    pub(super) fn restart(&self, session: &SessionId) {
        running(-1.0);
        let Some(mut entered) = self.sessions.get_mut(session) else { return };
        // Its last socket may have left and the next one brought a new actor.
        if !entered.actor.is_over() {
            return;
        }
        entered.actor = self.spawn(session.clone());
        for socket in self.registry.of_session(session) {
            entered.actor.cast(Message::Attach(socket));
        }
    }

    fn spawn(&self, session: SessionId) -> OnDemand<Session> {
        running(1.0);
        let supervisor = self.supervisor.get().cloned();
        let failed = move |cause| {
            if let Some(supervisor) = &supervisor {
                // Without one the node is going down.
                drop(supervisor.cast(SessionFailed { session: session.clone(), cause }));
            }
        };
        OnDemand::new(Session::new(self.channels.clone()), self.depth.clone(), failed)
    }
}

/// Counts session actors up or down.
fn running(change: f64) {
    gauge!(names::ACTORS, "kind" => "session").increment(change);
}
