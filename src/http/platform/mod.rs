//! What the node says of itself: whether it is well, who is connected, figures, flags for portals.
//!
//! Probes ask often and must be answered while everything else is slow, so nothing here waits for
//! the database longer than [`pulse`] allows.

pub mod config;
pub mod health;
pub mod metrics;
pub mod pulse;
pub mod stats;

use std::sync::Arc;
use std::time::Instant;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use self::config::Flags;
use self::health::Standing;
use self::pulse::Pulse;
use super::App;
use crate::domain::time::Timestamp;
use crate::persistence::Store;
use crate::telemetry::Metrics;
use crate::telemetry::logs::LogLevel;

/// The version of the running program.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// What the node knows of itself.
pub struct Platform {
    pub settings: Settings,
    pub pulse: Pulse,
    pub metrics: Metrics,
    pub log_level: LogLevel,
    pub started_at: Timestamp,
    started: Instant,
}

/// The settings of this context, filled by `app.rs`.
pub struct Settings {
    pub region: String,
    /// The allowed origins as they are listed now.
    pub cors_origins: Arc<dyn Fn() -> Vec<String> + Send + Sync>,
    /// Shows `/metrics` to everybody.
    pub metrics_public: bool,
    /// [`Standing::Disabled`] without `REDIS_URL`.
    pub redis: Standing,
    /// The media server's, where one is configured.
    pub livekit: Option<Pulse>,
    pub flags: Flags,
}

impl Platform {
    /// Takes now as the time the node started.
    pub fn new(settings: Settings, store: Store, metrics: Metrics, log_level: LogLevel) -> Self {
        Self {
            settings,
            pulse: Pulse::of_database(store),
            metrics,
            log_level,
            started_at: Timestamp::now(),
            started: Instant::now(),
        }
    }

    /// Whole seconds since the node started.
    pub fn uptime(&self) -> u64 {
        self.started.elapsed().as_secs()
    }
}

/// The routes of this context.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(health::health))
        .routes(routes!(health::live))
        .routes(routes!(health::ready))
        .routes(routes!(stats::census))
        .routes(routes!(stats::sockets))
        .routes(routes!(metrics::metrics))
        .routes(routes!(config::flags))
}
