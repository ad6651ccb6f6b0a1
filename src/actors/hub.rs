//! The handle everyone else holds: verbs, never messages.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock, Weak};
use std::time::{Duration, Instant};

use parking_lot::{Mutex, RwLock};
use ractor::{ActorCell, ActorRef};
use tracing::info;

use super::channels::Channels;
use super::inbox::Work;
use super::mailbox::Mailbox;
use super::meter::Rate;
use super::received::Received;
use super::registry::Registry;
use super::relay::Progress;
use super::rooms::RoomTable;
use super::session;
use super::sessions::SessionTable;
use super::socket::Socket;
use super::throttle::Allowance;
use super::{dashboard, warden};
use crate::auth::Authenticator;
use crate::domain::closure::Closure;
use crate::domain::consultations::room::Rules;
use crate::domain::event::Event;
use crate::domain::events::session::ServerDraining;
use crate::domain::id::{ConsultationId, NodeId, SessionId, SocketId};
use crate::domain::time::Timestamp;
use crate::error::{Error, Result};
use crate::persistence::{Store, outbox};
use crate::telemetry::Tracer;

pub use super::arrival::{Arrival, TurnedAway};
pub use super::desk::{Asker, Desk, Found, Sent, Waiting};
pub use super::renewal::{Bearer, Renewed};
pub use super::rooms::{
    Announcement, Entrance, MediaAddress, MediaRequest, MediaServer, Sitting, count_quality,
};
pub use super::views::{Census, Dispatched, SocketInfo};
pub use crate::domain::identity::Revocation;

/// The hub of this node. Cheap to clone.
#[derive(Clone)]
pub struct Hub(Arc<Inner>);

/// What the verbs work on.
pub(super) struct Inner {
    pub(super) settings: Settings,
    pub(super) store: Store,
    pub(super) authenticator: Authenticator,
    pub(super) registry: Arc<Registry>,
    pub(super) channels: Channels,
    pub(super) sessions: Arc<SessionTable>,
    pub(super) rooms: Arc<RoomTable>,
    pub(super) progress: Arc<Progress>,
    pub(super) warden: Mutex<Option<Mailbox<warden::Message>>>,
    pub(super) dashboard: Mutex<Option<ActorRef<dashboard::Message>>>,
    /// Weak: the desk has a hub of its own.
    pub(super) desk: OnceLock<Weak<dyn Desk>>,
    pub(super) supervisors: Mutex<Vec<ActorCell>>,
    pub(super) started: Instant,
    pub(super) is_draining: AtomicBool,
    pub(super) received: Received,
    pub(super) rates: (Rate, Rate),
    pub(super) allowances: RwLock<Option<(Allowance, Allowance)>>,
}

/// What a hub needs to know.
#[derive(Debug, Clone)]
pub struct Settings {
    pub node: NodeId,
    /// Shards of the channels; one for each worker thread is right.
    pub shards: usize,
    /// Sockets of this node, and of one user.
    pub max_connections: usize,
    pub max_connections_per_user: usize,
    /// Events of one connection, and of one user over all its connections. None: unlimited.
    pub allowances: Option<(Allowance, Allowance)>,
    /// Broadcasts of at least this many bytes are compressed once. None: never.
    pub compress_from: Option<usize>,
    pub tracer: Tracer,
    /// How long a session lives without being renewed.
    pub refresh_ttl: Duration,
    /// How long after a visit a doctor and a patient have to do with each other.
    pub relation: Duration,
    /// How long a user stays online after the last socket closed.
    pub presence_grace: Duration,
    /// What rooms of consultations go by.
    pub rooms: Rules,
    /// What those who enter a room are handed.
    pub entrance: Entrance,
}

/// An actor that tests make fail.
#[derive(Debug, Clone)]
pub enum Failing {
    Channels,
    /// The shard that delivers to this socket next, while it does.
    Delivery(SocketId),
    Relay,
    Warden,
    Dashboard,
    Presence,
    Session(SessionId),
    Room(ConsultationId),
    /// What writes down how far consultations have come.
    Journal,
}

impl Hub {
    /// Starts the actors of this node.
    pub async fn start(
        settings: Settings,
        store: Store,
        authenticator: Authenticator,
    ) -> Result<Self> {
        let registry = Registry::new(settings.shards);
        let last = outbox::last_seq(&store).await?;
        let channels =
            Channels::new(settings.shards, Arc::clone(&registry), settings.compress_from, last);
        let (now, allowances) = (Instant::now(), settings.allowances);
        let hub = Self(Arc::new(Inner {
            progress: Progress::after(last),
            sessions: SessionTable::new(channels.clone(), Arc::clone(&registry)),
            rooms: RoomTable::new(
                settings.rooms.clone(),
                settings.entrance.clone(),
                Arc::clone(&registry),
            ),
            settings,
            store,
            authenticator,
            registry,
            channels,
            warden: Mutex::new(None),
            dashboard: Mutex::new(None),
            desk: OnceLock::new(),
            supervisors: Mutex::default(),
            started: now,
            is_draining: AtomicBool::new(false),
            received: Received::default(),
            rates: (Rate::new(now), Rate::new(now)),
            allowances: RwLock::new(allowances),
        }));
        hub.spawn().await.map_err(Error::internal)?;
        Ok(hub)
    }

    /// Has this desk answer, as long as somebody else keeps it, what sockets ask of records. The first
    /// one stays.
    pub fn ask_at(&self, desk: &Arc<dyn Desk>) {
        self.0.desk.get_or_init(|| Arc::downgrade(desk));
    }

    /// Has `listener` told the name of every durable event before this node publishes it, so that what
    /// is kept of rows is forgotten before anybody hears of their change. The first one stays.
    pub fn tell_events(&self, listener: impl Fn(&str) + Send + Sync + 'static) {
        self.0.progress.tell(Box::new(listener));
    }

    /// Has this server carry and record calls, as long as somebody else keeps it. The first one stays.
    pub fn carry_calls_by(&self, server: &Arc<dyn MediaServer>) {
        self.0.rooms.carry_calls_by(server);
    }

    /// Tells the relay that a committed transaction left rows in the outbox.
    pub fn outbox_ready(&self) {
        self.0.progress.look();
    }

    /// Waits until the relay dispatched the outbox row, at most `within`.
    pub async fn dispatched(&self, outbox_row: i64, within: Duration) -> Option<Dispatched> {
        self.0.progress.dispatched(outbox_row, within).await
    }

    /// Sends an event that is not stored. Returns how many sockets of this node it was handed to.
    pub async fn publish(&self, event: Event) -> usize {
        self.0.channels.publish(event, None).await.unwrap_or_default()
    }

    pub fn census(&self) -> Census {
        self.0.registry.census()
    }

    /// Live sockets by namespace.
    pub fn by_namespace(&self) -> BTreeMap<&'static str, usize> {
        self.0.registry.by_namespace()
    }

    /// Live sockets of every namespace, at most `limit`.
    pub fn sockets(&self, limit: usize) -> Vec<SocketInfo> {
        let sockets = self.0.registry.all();
        sockets.iter().take(limit).map(|socket| socket.info(&self.0.settings.node)).collect()
    }

    /// Open connections of all kinds.
    pub fn connections(&self) -> usize {
        self.0.registry.len()
    }

    /// Closes one socket. False when it is not on this node.
    pub fn disconnect(&self, socket: &SocketId, reason: &str) -> bool {
        let Some(socket) = self.0.registry.get(socket) else { return false };
        info!(socket.id = %socket.id(), reason, "socket closed by an administrator");
        socket.dismiss(Closure::Kicked);
        true
    }

    /// Refuses the session from now on, tells its sockets why, and closes them.
    pub fn revoke(&self, session: &SessionId, reason: Revocation) {
        self.0.authenticator.revoke(session, reason);
        if let Some(actor) = self.0.sessions.find(session) {
            // An actor that just stopped has no socket left to tell.
            actor.cast(session::Message::Revoke(reason));
        }
    }

    /// Changes what sockets and users may send from now on.
    pub fn allow(&self, allowances: Option<(Allowance, Allowance)>) {
        *self.0.allowances.write() = allowances;
    }

    /// True from the start of shutdown.
    pub fn is_draining(&self) -> bool {
        self.0.is_draining.load(Ordering::Relaxed)
    }

    /// Lets nobody in any more, warns everyone, then sends them away in paced slices within `within`,
    /// each with a delay of its own before it comes back.
    pub async fn drain(&self, within: Duration) {
        self.0.is_draining.store(true, Ordering::Relaxed);
        let sockets = self.0.registry.all();
        info!(sockets = sockets.len(), "draining");
        for socket in &sockets {
            socket.tell(&ServerDraining {
                reconnect_after_ms: rand::random_range(0..=5000),
                timestamp: Timestamp::now(),
            });
        }
        let pause = within / u32::try_from(DRAIN_SLICES).unwrap_or(1) / 2;
        for slice in sockets.chunks(sockets.len().div_ceil(DRAIN_SLICES).max(1)) {
            // The warning goes out first: a client that learns of both at once heeds only the end.
            tokio::time::sleep(pause.min(LONGEST_DRAIN_PAUSE)).await;
            for socket in slice {
                socket.dismiss(Closure::Draining);
            }
        }
    }

    /// Stops every actor.
    pub fn stop(&self) {
        for supervisor in self.0.supervisors.lock().drain(..) {
            supervisor.stop_children(None);
            supervisor.stop(None);
        }
    }

    /// Makes an actor panic, so that tests can watch the recovery.
    #[doc(hidden)]
    pub fn inject_failure(&self, failing: &Failing) {
        match failing {
            Failing::Channels => {
                self.0.channels.inboxes().iter().for_each(|inbox| inbox.push(Work::Fail));
            }
            Failing::Delivery(socket) => {
                if let Some(socket) = self.0.registry.get(socket) {
                    socket.outbound().fail();
                }
            }
            Failing::Relay => self.0.progress.fail(),
            Failing::Warden => {
                if let Some(warden) = self.0.warden.lock().as_ref() {
                    warden.cast(warden::Message::Fail);
                }
            }
            Failing::Dashboard => {
                if let Some(dashboard) = self.0.dashboard.lock().as_ref() {
                    drop(dashboard.cast(dashboard::Message::Fail));
                }
            }
            Failing::Presence => self.0.registry.watched().fail(),
            Failing::Session(session) => {
                if let Some(actor) = self.0.sessions.find(session) {
                    actor.cast(session::Message::Fail);
                }
            }
            Failing::Room(id) => self.0.rooms.fail(id),
            Failing::Journal => self.0.rooms.journal().fail(),
        }
    }

    pub(super) fn inner(&self) -> &Inner {
        &self.0
    }

    pub(super) fn settings(&self) -> &Settings {
        &self.0.settings
    }

    pub(super) fn store(&self) -> &Store {
        &self.0.store
    }

    pub(super) fn authenticator(&self) -> &Authenticator {
        &self.0.authenticator
    }

    pub(super) fn sessions(&self) -> &SessionTable {
        &self.0.sessions
    }

    pub(super) fn rooms(&self) -> &RoomTable {
        &self.0.rooms
    }

    pub(super) fn desk(&self) -> Option<Arc<dyn Desk>> {
        self.0.desk.get()?.upgrade()
    }

    /// Has the warden look after the socket's credentials.
    pub(super) fn watch(&self, socket: &Arc<Socket>) {
        if let Some(warden) = self.0.warden.lock().as_ref() {
            // A warden that is being restarted finds the socket in the registry.
            warden.cast(warden::Message::Watch(Arc::downgrade(socket)));
        }
    }
}

/// Slices a drain is paced in.
const DRAIN_SLICES: usize = 20;
const LONGEST_DRAIN_PAUSE: Duration = Duration::from_millis(50);

#[cfg(test)]
#[path = "hub_tests.rs"]
pub(super) mod tests;
