//! One socket: a place in one namespace for one signed-in caller.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

use latido_protocol::socket::Packet;
use parking_lot::{Mutex, MutexGuard};

use super::fanout::{Dialect, encode};
use super::frame::Frame;
use super::hub::SocketInfo;
use super::members::Member;
use super::outbound::Outbound;
use super::registry::User;
use super::standing::Standing;
use super::throttle::{Allowance, Throttle, Verdict};
use crate::domain::closure::Closure;
use crate::domain::event::Class;
use crate::domain::events::ServerEvent;
use crate::domain::events::session::SessionRevoked;
use crate::domain::id::{NodeId, SessionId, SocketId};
use crate::domain::identity::{Principal, Revocation};
use crate::domain::provenance::Provenance;
use crate::domain::time::Timestamp;
use crate::domain::topic::Topic;

/// Where a socket is connected (contract §6.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Namespace {
    Events,
    /// `/`: WebRTC signaling.
    Root,
    /// `/signaling`: the same as `/`.
    Signaling,
}

/// A live socket. Shared by its transport, its session actor and the registry.
#[derive(Debug)]
pub struct Socket {
    id: SocketId,
    namespace: Namespace,
    dialect: Dialect,
    outbound: Arc<Outbound>,
    standing: Mutex<Standing>,
    provenance: Arc<Provenance>,
    user: Arc<User>,
    /// Whether its shard of the channels seated it; until then it hears nothing.
    is_seated: AtomicBool,
    throttle: Mutex<Throttle>,
    /// For candidates; made with the first one.
    candidates: Mutex<Option<Box<Throttle>>>,
    connected_at: Timestamp,
    received: AtomicU64,
    /// Transport and role at arrival: the labels it is counted under until it leaves or moves.
    counted_as: Mutex<(&'static str, &'static str)>,
}

/// What a new socket starts with.
pub struct Start {
    pub id: SocketId,
    pub namespace: Namespace,
    pub dialect: Dialect,
    pub outbound: Arc<Outbound>,
    pub principal: Arc<Principal>,
    pub provenance: Arc<Provenance>,
    pub user: Arc<User>,
    pub allowance: Allowance,
    pub at: Timestamp,
}

impl Namespace {
    pub const ALL: [Self; 3] = [Self::Events, Self::Root, Self::Signaling];

    pub fn name(self) -> &'static str {
        match self {
            Self::Events => "/events",
            Self::Root => "/",
            Self::Signaling => "/signaling",
        }
    }

    pub fn find(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|namespace| namespace.name() == name)
    }
}

impl Socket {
    pub fn new(start: Start) -> Self {
        let counted_as = (transport_name(start.dialect, &start.outbound), start.principal.label());
        Self {
            throttle: Mutex::new(Throttle::new(start.allowance, Instant::now())),
            candidates: Mutex::default(),
            id: start.id,
            namespace: start.namespace,
            dialect: start.dialect,
            outbound: start.outbound,
            standing: Mutex::new(Standing::new(start.principal)),
            provenance: start.provenance,
            user: start.user,
            is_seated: AtomicBool::new(false),
            connected_at: start.at,
            received: AtomicU64::new(0),
            counted_as: Mutex::new(counted_as),
        }
    }

    pub fn id(&self) -> &SocketId {
        &self.id
    }

    /// The session whose actor speaks for this socket. Where the proof names none, the socket is a
    /// session of its own.
    pub fn session(&self) -> SessionId {
        let standing = self.standing.lock();
        standing.principal.session.clone().unwrap_or_else(|| self.id.as_str().into())
    }

    pub fn namespace(&self) -> Namespace {
        self.namespace
    }

    pub(super) fn dialect(&self) -> Dialect {
        self.dialect
    }

    pub fn principal(&self) -> Arc<Principal> {
        Arc::clone(&self.standing.lock().principal)
    }

    /// Where the request that opened it came from.
    pub(super) fn provenance(&self) -> &Provenance {
        &self.provenance
    }

    pub fn outbound(&self) -> &Arc<Outbound> {
        &self.outbound
    }

    /// What it may and hears, kept from changing while the guard lives.
    pub(super) fn standing(&self) -> MutexGuard<'_, Standing> {
        self.standing.lock()
    }

    pub(super) fn member(&self) -> Member {
        Member { outbound: Arc::clone(&self.outbound), dialect: self.dialect }
    }

    pub(super) fn note_seated(&self) {
        self.is_seated.store(true, Ordering::Release);
    }

    pub(super) fn is_seated(&self) -> bool {
        self.is_seated.load(Ordering::Acquire)
    }

    pub(super) fn user(&self) -> &Arc<User> {
        &self.user
    }

    /// The topics it hears now.
    pub fn topics(&self) -> Vec<Topic> {
        self.standing.lock().topics.to_vec()
    }

    /// The names of its rooms, as clients know them; "all" is not one of them.
    pub fn rooms(&self) -> Vec<String> {
        let standing = self.standing.lock();
        standing.topics.iter().filter(|topic| **topic != Topic::All).map(Topic::to_string).collect()
    }

    /// Everything it hears, as the outbox names it.
    pub(super) fn audience(&self) -> Vec<String> {
        self.standing.lock().topics.iter().map(Topic::to_string).collect()
    }

    /// One event as a frame for this socket alone. `payload` is JSON.
    pub(super) fn frame_of(&self, class: Class, event: &str, payload: &str) -> Frame {
        Frame::text(&encode(self.dialect, self.namespace.name(), event, payload), class)
    }

    /// The same from the event's own type.
    pub(super) fn frame_for<E: ServerEvent>(&self, class: Class, event: &E) -> Frame {
        self.frame_of(class, E::NAME, event.event_to(Vec::new()).payload.get())
    }

    /// Sends one event to this socket alone.
    pub(super) fn tell<E: ServerEvent>(&self, event: &E) {
        self.outbound.offer(self.frame_for(E::CLASS, event));
    }

    /// Counts an incoming event against the limits of the connection and of its user.
    pub(super) fn admit_event(&self, own: Allowance, of_user: Allowance, now: Instant) -> Verdict {
        self.received.fetch_add(1, Ordering::Relaxed);
        match self.throttle.lock().take(own, now) {
            Verdict::Pass => self.user.throttle(of_user, now),
            verdict => verdict,
        }
    }

    /// Counts an incoming candidate against the limit of its own.
    pub(super) fn admit_candidate(&self, allowance: Allowance, now: Instant) -> Verdict {
        self.received.fetch_add(1, Ordering::Relaxed);
        let mut throttle = self.candidates.lock();
        throttle.get_or_insert_with(|| Box::new(Throttle::new(allowance, now))).take(allowance, now)
    }

    /// Says why the session ended, and ends the connection.
    pub(super) fn revoke(&self, reason: Revocation) {
        let session_id = self.session();
        self.tell(&SessionRevoked { session_id, reason, timestamp: Timestamp::now() });
        self.dismiss(match reason {
            Revocation::Deactivated => Closure::Forbidden,
            _ => Closure::SessionRevoked,
        });
    }

    /// Ends the whole connection. Where coming back at once would be pointless, a stock client is
    /// told so by a `DISCONNECT` packet and does not reconnect by itself.
    pub fn dismiss(&self, closure: Closure) {
        let comes_back = matches!(
            closure,
            Closure::Draining | Closure::SlowConsumer | Closure::PingTimeout | Closure::Capacity
        );
        if self.dialect == Dialect::SocketIo && !comes_back {
            let (packet, _) = Packet::disconnect(self.namespace.name()).encode();
            self.outbound.offer(Frame::text(&format!("4{packet}"), Class::Durable));
        }
        self.outbound.close(closure);
    }

    pub(super) fn counted_as(&self) -> (&'static str, &'static str) {
        *self.counted_as.lock()
    }

    /// Takes the transport of now for its label.
    pub(super) fn count_anew(&self) {
        self.counted_as.lock().0 = transport_name(self.dialect, &self.outbound);
    }

    fn received(&self) -> u64 {
        self.received.load(Ordering::Relaxed)
    }

    /// What an administrator sees of it.
    pub fn info(&self, node: &NodeId) -> SocketInfo {
        let principal = self.principal();
        SocketInfo {
            socket_id: self.id.clone(),
            user_id: principal.user.shown(),
            role: principal.label(),
            namespace: self.namespace.name(),
            transport: transport_name(self.dialect, &self.outbound),
            connected_at: self.connected_at,
            rooms: self.rooms(),
            node_id: node.to_string(),
            queue: self.outbound.waiting(),
            sent: self.outbound.sent(),
            received: self.received(),
        }
    }
}

fn transport_name(dialect: Dialect, outbound: &Outbound) -> &'static str {
    match dialect {
        Dialect::Plain => "plain",
        Dialect::SocketIo if outbound.is_websocket() => "websocket",
        Dialect::SocketIo => "polling",
    }
}
