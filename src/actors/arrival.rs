//! Coming and going: how a socket gets its place and its greeting.
//!
//! A socket is seated before its greeting is composed, and hears nothing until the greeting is
//! written. So `connected` names the last event the socket will not get live, a replay ends exactly
//! there, and nothing is lost or doubled in between.

use std::sync::Arc;

use metrics::counter;
use serde_json::json;

use super::fanout::Dialect;
use super::frame::Frame;
use super::hub::Hub;
use super::outbound::Outbound;
use super::relay;
use super::socket::{self, Namespace, Socket};
use super::throttle::Allowance;
use crate::domain::closure::Closure;
use crate::domain::id::{EventId, SocketId};
use crate::domain::identity::Principal;
use crate::domain::time::Timestamp;
use crate::domain::topic::Topic;
use crate::persistence::outbox;
use crate::telemetry::names;

/// Events replayed to one arrival at most; who missed more loads anew.
const LONGEST_REPLAY: i64 = 1000;

/// Someone who proved who they are asks for a place in a namespace.
pub struct Arrival {
    pub id: SocketId,
    pub principal: Principal,
    pub namespace: Namespace,
    pub dialect: Dialect,
    pub outbound: Arc<Outbound>,
    /// Replay durable events after this one.
    pub since: Option<EventId>,
    /// What the transport's protocol says before anything else.
    pub preamble: Option<Frame>,
}

/// Why an arrival was turned away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TurnedAway {
    /// The node is draining, or the user has too many sockets.
    Capacity,
    /// The session ended meanwhile.
    Revoked,
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
            user: Arc::clone(&user),
            allowance: inner.settings.allowances.map_or(Allowance::UNLIMITED, |(own, _)| own),
            at: Timestamp::now(),
        }));
        // Until the greeting is written, what others publish waits behind it.
        socket.outbound().hold();
        inner.registry.insert(Arc::clone(&socket));
        inner.sessions.enter(&socket);
        if inner.authenticator.sessions().is_revoked(&socket.session()) {
            // Between its admission and here, so that its end found no socket to send away.
            self.disconnected(&socket, Closure::SessionRevoked);
            return Err(TurnedAway::Revoked);
        }
        let mut last = inner.progress.published();
        if arrival.namespace == Namespace::Events {
            for topic in own_topics(&socket.principal()) {
                socket.add_topic(topic);
            }
            last = inner.channels.seat(&socket).await.unwrap_or(last);
        }
        let greeting = self.greeting(&socket, arrival.preamble, arrival.since, last).await;
        socket.outbound().release(greeting);
        socket.outbound().admit();
        self.watch(&socket);
        Ok(socket)
    }

    /// Forgets a socket whose connection ended.
    pub fn disconnected(&self, socket: &Socket, closure: Closure) {
        if !self.inner().registry.remove(socket) {
            return;
        }
        counter!(names::WS_DISCONNECTS, "reason" => closure.name()).increment(1);
        self.inner().sessions.leave(socket);
        if socket.namespace() == Namespace::Events {
            self.inner().channels.unseat(socket);
        }
    }

    async fn greeting(
        &self,
        socket: &Socket,
        preamble: Option<Frame>,
        since: Option<EventId>,
        last: EventId,
    ) -> Vec<Frame> {
        let replay = match since.filter(|_| socket.namespace() == Namespace::Events) {
            Some(since) => Box::pin(self.replay(socket, since, last)).await,
            None => Vec::new(),
        };
        let principal = socket.principal();
        let connected = json!({
            "message": "connected",
            "userId": principal.user,
            "role": principal.primary_role.label(),
            "sessionId": socket.session(),
            "nodeId": self.settings().node,
            "rooms": socket.rooms(),
            "serverTime": Timestamp::now(),
            "lastEventId": last.to_string(),
            "replayed": replay.len(),
            "timestamp": Timestamp::now(),
        });
        let connected = socket.frame("connected", &connected.to_string());
        preamble.into_iter().chain([connected]).chain(replay).collect()
    }

    /// The durable events after `since`, up to `last`, that the socket's rooms may see.
    async fn replay(&self, socket: &Socket, since: EventId, last: EventId) -> Vec<Frame> {
        let rows = outbox::since(self.store(), since, LONGEST_REPLAY).await.unwrap_or_default();
        rows.into_iter()
            .filter(|row| row.seq <= last)
            .filter_map(|row| relay::event(&row))
            .filter(|event| event.topics.iter().any(|topic| socket.hears(topic)))
            .map(|event| socket.frame(event.name, event.payload.get()))
            .collect()
    }
}

/// The topics everyone hears who is let into `/events` (contract §6.8).
pub(super) fn own_topics(principal: &Principal) -> Vec<Topic> {
    let roles = principal.roles.iter().copied().map(Topic::Role);
    let session = principal.session.clone().map(Topic::Session);
    [Topic::All, Topic::User(principal.user)].into_iter().chain(roles).chain(session).collect()
}
