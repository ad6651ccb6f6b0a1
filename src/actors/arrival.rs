//! Coming and going: how a socket gets its place and its greeting.
//!
//! A socket is seated before its greeting is composed, and hears nothing until the greeting is
//! written. So `connected` names the last event the socket will not get live, a replay ends exactly
//! there, and nothing is lost or doubled in between.

use std::sync::Arc;

use metrics::counter;

use super::fanout::Dialect;
use super::frame::Frame;
use super::hub::Hub;
use super::outbound::Outbound;
use super::replay::Replay;
use super::socket::{self, Namespace, Socket};
use super::throttle::Allowance;
use crate::domain::closure::Closure;
use crate::domain::event::Class;
use crate::domain::events::session::Connected;
use crate::domain::id::{EventId, SocketId};
use crate::domain::identity::Principal;
use crate::domain::provenance::Provenance;
use crate::domain::time::Timestamp;
use crate::error::{Error, Result};
use crate::telemetry::names;

/// Someone who proved who they are asks for a place in a namespace.
pub struct Arrival {
    pub id: SocketId,
    pub principal: Principal,
    pub provenance: Arc<Provenance>,
    pub namespace: Namespace,
    pub dialect: Dialect,
    pub outbound: Arc<Outbound>,
    /// The last durable event the client saw, as it names it: replay what followed.
    pub since: Option<String>,
    /// What the transport's protocol says before anything else.
    pub preamble: Option<Frame>,
}

/// Why an arrival was turned away.
#[derive(Debug)]
pub enum TurnedAway {
    /// The node is draining, or the user has too many sockets.
    Capacity,
    /// The session or the account ended while it arrived, or the past could not be read.
    Refused(Error),
}

impl Hub {
    /// Gives someone a place: greets, replays what was asked for, then everything live.
    ///
    /// # Errors
    /// [`TurnedAway`] when the node or the user has no place left, or the session just ended.
    pub async fn connect(&self, arrival: Arrival) -> Result<Arc<Socket>, TurnedAway> {
        let inner = self.inner();
        if self.is_draining() || self.connections() >= inner.settings.max_connections {
            return Err(TurnedAway::Capacity);
        }
        let user = inner
            .registry
            .reserve(arrival.principal.user, inner.settings.max_connections_per_user)
            .ok_or(TurnedAway::Capacity)?;
        let socket = Arc::new(Socket::new(socket::Start {
            id: arrival.id,
            namespace: arrival.namespace,
            dialect: arrival.dialect,
            outbound: arrival.outbound,
            principal: Arc::new(arrival.principal),
            provenance: arrival.provenance,
            user: Arc::clone(&user),
            allowance: inner.settings.allowances.map_or(Allowance::UNLIMITED, |(own, _)| own),
            at: Timestamp::now(),
        }));
        inner.registry.insert(Arc::clone(&socket));
        inner.sessions.enter(&socket);
        if let Err(error) = self.confirm(&socket).await {
            self.disconnected(&socket, Closure::Unauthenticated);
            return Err(TurnedAway::Refused(error));
        }
        // Until the greeting is written, what others publish waits behind it.
        socket.outbound().hold();
        let mut last = inner.progress.published();
        if arrival.namespace == Namespace::Events {
            socket.welcome();
            last = inner.channels.seat(&socket).await;
        }
        match Box::pin(self.greeting(&socket, arrival.preamble, arrival.since, last)).await {
            Ok(greeting) => socket.outbound().release(greeting),
            Err(error) => {
                self.disconnected(&socket, Closure::ServerError);
                // The refusal itself would wait behind the greeting.
                socket.outbound().release(Vec::new());
                return Err(TurnedAway::Refused(error));
            }
        }
        socket.outbound().admit();
        self.watch(&socket);
        inner.registry.watched().note(socket.principal().user);
        Ok(socket)
    }

    /// Counts a socket under the transport its connection moved to.
    pub fn upgraded(&self, socket: &Socket) {
        self.inner().registry.recount(socket);
    }

    /// Forgets a socket whose connection ended.
    pub fn disconnected(&self, socket: &Socket, closure: Closure) {
        if !self.inner().registry.remove(socket) {
            return;
        }
        counter!(names::WS_DISCONNECTS, "reason" => closure.name()).increment(1);
        self.rooms().lost(socket.id(), socket.outbound().closing().unwrap_or(closure));
        self.inner().channels.part(socket);
        self.inner().sessions.leave(socket);
        if socket.namespace() == Namespace::Events {
            self.inner().channels.unseat(socket);
        }
        let principal = socket.principal();
        if let Some(session) = &principal.session {
            self.authenticator().sessions().note_left(session, Timestamp::now());
        }
        self.inner().registry.watched().note(principal.user);
    }

    async fn greeting(
        &self,
        socket: &Socket,
        preamble: Option<Frame>,
        since: Option<String>,
        last: EventId,
    ) -> Result<Vec<Frame>> {
        let replay = match since.filter(|_| socket.namespace() == Namespace::Events) {
            Some(since) => Replay::of(self.store(), socket, &since, last).await?,
            None => Replay::default(),
        };
        let principal = socket.principal();
        let now = Timestamp::now();
        let connected = Connected {
            message: "connected".to_owned(),
            user_id: principal.user.shown(),
            role: principal.label().to_owned(),
            session_id: Some(socket.session()),
            node_id: self.settings().node.to_string(),
            rooms: socket.rooms(),
            server_time: now,
            last_event_id: last.to_string(),
            replayed: replay.frames.len() as u64,
            gap: replay.has_gap.then_some(true),
            timestamp: now,
        };
        let connected = socket.frame_for(Class::Durable, &connected);
        Ok(preamble.into_iter().chain([connected]).chain(replay.frames).collect())
    }
}
