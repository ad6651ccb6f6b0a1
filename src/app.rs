//! One node put together: configuration in, listeners and actors out.

mod api;
mod assembly;
mod calls;
mod coming_of_age;
mod demonstration;
mod expiry;
mod expiry_notices;
mod failure;
pub mod key_files;
mod lapsing;
mod notices;
mod reminders;
mod routes;
mod sealing;
mod signals;
mod upkeep;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};
use tracing::info;

pub use failure::Failure;
use key_files::KeyFiles;
use routes::Routes;

use crate::actors::Hub;
use crate::actors::hub::{Desk, MediaServer};
use crate::cli::audit;
use crate::config::Config;
use crate::delivery::Deliveries;
use crate::domain::id::NodeId;
use crate::domain::identity::Role;
use crate::domain::origin::Origins;
use crate::domain::secret::Secret;
use crate::domain::time::Timestamp;
use crate::error::Error;
use crate::http::consultations::{eviction, films, handover, roll_call};
use crate::http::identity::liveness;
use crate::http::limits::Limits;
use crate::http::portal::Portal;
use crate::persistence::Store;
use crate::persistence::identity::accounts::{self, NewUser};
use crate::telemetry::Tracer;
use crate::telemetry::logs::LogLevel;
use crate::transport::listener;

/// How long a request's head may take to arrive.
const HEAD_DEADLINE: Duration = Duration::from_secs(10);

/// A node that serves.
pub struct Running {
    /// Where it listens, the main port first.
    pub addresses: Vec<SocketAddr>,
    pub hub: Hub,
    pub store: Store,
    tracer: Tracer,
    deliveries: Deliveries,
    live: Live,
    grace: Duration,
    stopping: watch::Sender<bool>,
    servers: JoinSet<()>,
    /// Answers sockets while the node runs.
    _desk: Arc<dyn Desk>,
    _carrier: Arc<dyn MediaServer>,
    /// Aborted when the node is dropped.
    _background: JoinSet<()>,
}

/// A port, and the portal that is served there.
struct Door {
    listener: TcpListener,
    portal: Option<Portal>,
}

/// What an operator may change without a restart.
struct Live {
    origins: Origins,
    limits: Arc<Limits>,
    level: LogLevel,
}

/// Runs a node until it is told to stop by SIGTERM or SIGINT.
///
/// # Errors
/// A port that cannot be bound, and what [`start_on`] refuses; with `demo` also a database that holds
/// other accounts.
pub async fn serve(config: Config, demo: bool, level: LogLevel) -> Result<(), Failure> {
    let is_tls = config.server.tls().is_some();
    let keys = KeyFiles::read(&config.key_paths()).map_err(Failure::Configuration)?;
    let doors = bind(&config)?;
    let parts = assembly::Parts::of(&config, &keys, level).await?;
    // Whoever is answered finds the data there.
    let sign_ins =
        if demo { demonstration::prepare(&parts.store, &parts.files).await? } else { Vec::new() };
    let node = launch(&config, doors, keys, parts);
    if demo {
        demonstration::invite(node.address().port(), is_tls, &sign_ins).map_err(Error::internal)?;
    }
    signals::until_told_to_stop(&node, demo).await.map_err(Error::internal)?;
    node.stop().await;
    Ok(())
}

/// Brings the tables to this version of the program.
///
/// # Errors
/// A database that cannot be used.
pub async fn migrate(config: &Config) -> Result<(), Failure> {
    let store = assembly::open(config).await?;
    assembly::migrate(&store).await?;
    store.close().await;
    Ok(())
}

/// Follows the chain over the audit trail, telling of its progress.
///
/// # Errors
/// A database that cannot be used.
pub async fn verify_audit(
    config: &Config,
    progress: impl FnMut(u64),
) -> Result<audit::Finding, Failure> {
    let store = assembly::open(config).await?;
    let finding = audit::verify(&store, progress).await?;
    store.close().await;
    Ok(finding)
}

/// Creates an account that operates everything.
///
/// # Errors
/// A password the rules refuse, an e-mail that is taken, a database that cannot be used.
pub async fn create_admin(config: &Config, email: &str, password: &Secret) -> Result<(), Failure> {
    let store = assembly::store(config).await?;
    let passwords = assembly::passwords(config)?;
    let email = email.trim().to_lowercase();
    let password_hash = passwords.hash_new(password.expose(), &email, "/password").await?;
    let mut tx = store.begin().await?;
    let account = NewUser {
        email: &email,
        password_hash: Some(&password_hash),
        nombre: None,
        apellido: None,
        telefono: None,
        primary_role: Role::Admin,
        is_active: true,
    };
    let id = accounts::insert(&mut tx, account, Timestamp::now()).await?;
    tx.commit().await?;
    store.close().await;
    info!(user.id = %id, "administrator created");
    Ok(())
}

/// Starts a node on listeners that are bound already.
///
/// # Errors
/// A database that cannot be opened or brought up to date, keys that cannot be read.
pub async fn start_on(
    config: Config,
    listeners: Vec<TcpListener>,
    level: LogLevel,
) -> Result<Running, Failure> {
    let doors = listeners.into_iter().map(Door::plain).collect();
    let keys = KeyFiles::read(&config.key_paths()).map_err(Failure::Configuration)?;
    let parts = assembly::Parts::of(&config, &keys, level).await?;
    Ok(launch(&config, doors, keys, parts))
}

/// Has the parts serve at the doors.
fn launch(config: &Config, doors: Vec<Door>, keys: KeyFiles, parts: assembly::Parts) -> Running {
    let listening = listener::Settings { tls: keys.tls, head_deadline: HEAD_DEADLINE };
    let routes = Routes::of(config, &parts);
    let desk = routes.desk();
    parts.hub.ask_at(&desk);
    let carrier = routes.carrier();
    parts.hub.carry_calls_by(&carrier);
    let (stopping, _) = watch::channel(false);
    let mut addresses = Vec::new();
    let mut servers = JoinSet::new();
    for Door { listener, portal } in doors {
        addresses.extend(listener.local_addr());
        let mut stopping = stopping.subscribe();
        let stop = async move { drop(stopping.wait_for(|stopping| *stopping).await) };
        servers.spawn(listener::serve(listener, listening.clone(), routes.router(portal), stop));
    }
    info!(addresses = ?addresses, "serving");
    let mut background = JoinSet::new();
    let node = NodeId::from(config.cluster.node_id.as_str());
    let lapsing = lapsing::Lapsing {
        store: parts.store.clone(),
        node: node.clone(),
        hub: parts.hub.clone(),
        carrier: Arc::clone(&carrier),
        idle: config.media.room_idle,
        grace: config.media.signaling_grace,
        returning_since: Some(Timestamp::now()),
    };
    let upkeep = upkeep::Upkeep {
        store: parts.store.clone(),
        hub: parts.hub.clone(),
        node: node.clone(),
        lapsing,
        limits: Arc::clone(&parts.limits),
        files: parts.files.clone(),
        metrics: parts.metrics.clone(),
        event_retention: config.database.event_retention,
    };
    background.spawn(upkeep.run());
    background.spawn(sealing::run(parts.store.clone()));
    background.spawn(liveness::keep_in_step(
        parts.store.clone(),
        parts.authenticator.clone(),
        parts.hub.clone(),
    ));
    background.spawn(films::keep_in_step(routes.api()));
    background.spawn(handover::fall_back(routes.api()));
    background.spawn(eviction::run(routes.api()));
    background.spawn(roll_call::run(routes.api()));
    background.spawn(parts.courier.run());
    let reminders = reminders::Reminders {
        store: parts.store.clone(),
        hub: parts.hub.clone(),
        node,
        before: config.notifications.appointment_reminders.clone(),
    };
    background.spawn(reminders.run());
    let grace = config.server.shutdown_grace;
    let live = Live { origins: parts.origins, limits: parts.limits, level: parts.log_level };
    Running {
        addresses,
        hub: parts.hub,
        store: parts.store,
        tracer: parts.tracer,
        deliveries: parts.deliveries,
        live,
        grace,
        stopping,
        servers,
        _desk: desk,
        _carrier: carrier,
        _background: background,
    }
}

/// Binds every configured port, so that one that is taken is found before anything else happens.
fn bind(config: &Config) -> Result<Vec<Door>, Failure> {
    let server = &config.server;
    let plain = server.ports().into_iter().map(|port| (port, None));
    let portals = config.portals.served().into_iter();
    let portals = portals.map(|(directory, port)| (port, Some(Portal::new(directory.clone()))));
    plain
        .chain(portals)
        .map(|(port, portal)| {
            listener::bind(SocketAddr::new(server.bind_addr, port))
                .map(|listener| Door { listener, portal })
                .map_err(|cause| Failure::Port { port, cause })
        })
        .collect()
}

impl Door {
    fn plain(listener: TcpListener) -> Self {
        Self { listener, portal: None }
    }
}

impl Running {
    /// Where the main listener listens.
    pub fn address(&self) -> SocketAddr {
        self.addresses[0]
    }

    /// Stops as an operator expects: nobody new, requests in flight finish, sockets are sent away in
    /// paced slices, messages on their way are sent, then everything ends. What was traced is sent in
    /// the rest of the grace period.
    pub async fn stop(mut self) {
        let deadline = Instant::now() + self.grace;
        self.hub.drain(self.grace).await;
        self.stopping.send_replace(true);
        let finished = async { while self.servers.join_next().await.is_some() {} };
        if timeout_at(deadline, finished).await.is_err() {
            info!("requests were still running at the end of the grace period");
        }
        self.deliveries.drain(deadline.saturating_duration_since(Instant::now())).await;
        self.hub.stop();
        self.tracer.close(deadline.saturating_duration_since(Instant::now())).await;
        self.store.close().await;
        info!("stopped");
    }
}
