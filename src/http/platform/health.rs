//! Probes: is the node well, does it live, may it be sent requests.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use axum::extract::State;
use axum::http::header::{ACCEPT, CONTENT_TYPE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use super::VERSION;
use crate::domain::id::NodeId;
use crate::domain::time::Timestamp;
use crate::http::App;
use crate::http::json::Json;
use crate::http::problem::Explained;

/// Parts of the hub that need nothing but the database.
const SERVICES: [&str; 11] = [
    "auth",
    "users",
    "doctors",
    "institutions",
    "patients",
    "professionals",
    "chat",
    "payments",
    "notifications",
    "signaling",
    "events",
];

/// How something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    Ok,
    /// The node serves, but something it was configured to use fails.
    Degraded,
    Down,
    /// Not used by this node.
    Disabled,
    /// Its settings are absent.
    NotConfigured,
}

/// How the node and everything it uses are.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Health {
    /// `down` when the database is unreachable, `degraded` when Redis or `LiveKit` fails.
    pub status: Standing,
    pub timestamp: Timestamp,
    /// Whole seconds.
    pub uptime: u64,
    /// Signaling rooms with at least one peer.
    pub active_rooms: usize,
    /// Sockets of all kinds.
    pub active_connections: usize,
    pub cors_origins: Vec<String>,
    pub node_id: NodeId,
    pub region: String,
    pub version: &'static str,
    pub redis: Standing,
    pub services: BTreeMap<&'static str, Standing>,
}

/// The process runs.
#[derive(Debug, Serialize, ToSchema)]
pub struct Alive {
    pub status: Standing,
}

/// Whether requests may be sent here.
#[derive(Debug, Serialize, ToSchema)]
pub struct Readiness {
    /// `ok` or `down`
    pub status: Standing,
    pub checks: Checks,
}

/// What the node uses.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
pub struct Checks {
    pub database: Standing,
    pub redis: Standing,
    pub livekit: Standing,
}

/// How the node is, as JSON, or as lines for `Accept: text/plain`.
#[utoipa::path(get, path = "/health", tag = "Platform", operation_id = "health",
    responses(
        (status = 200, description = "The node serves", body = Health, example = json!({
            "status": "ok", "timestamp": "2025-10-13T04:58:18.128Z", "uptime": 1234,
            "activeRooms": 0, "activeConnections": 0, "corsOrigins": ["https://portal.example"],
            "nodeId": "n1", "region": "local", "version": "1.0.0", "redis": "disabled",
            "services": {"auth": "ok", "events": "ok", "livekit": "not_configured"}})),
        (status = 503, description = "The database is unreachable", body = Health)))]
pub(super) async fn health(State(app): State<App>, headers: HeaderMap) -> Response {
    let health = Health::of(&app).await;
    let status = match health.status {
        Standing::Down => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::OK,
    };
    let mut response = if prefers_text(&headers) {
        let plain = [(CONTENT_TYPE, "text/plain; charset=utf-8")];
        (status, plain, health.lines()).into_response()
    } else {
        (status, Json(health)).into_response()
    };
    response.extensions_mut().insert(Explained);
    response
}

/// Whether the process runs; asks nothing else.
#[utoipa::path(get, path = "/health/live", tag = "Platform", operation_id = "liveness",
    responses((status = 200, description = "The process runs", body = Alive,
        example = json!({"status": "ok"}))))]
pub(super) async fn live() -> Json<Alive> {
    Json(Alive { status: Standing::Ok })
}

/// Whether requests may be sent here. No from the start of shutdown.
#[utoipa::path(get, path = "/health/ready", tag = "Platform", operation_id = "readiness",
    responses(
        (status = 200, description = "Ready", body = Readiness, example = json!({"status": "ok",
            "checks": {"database": "ok", "redis": "disabled", "livekit": "not_configured"}})),
        (status = 503, description = "The database is unreachable, or the node is shutting down",
            body = Readiness)))]
pub(super) async fn ready(State(app): State<App>) -> Response {
    let checks = Checks::of(&app).await;
    let is_ready = checks.database == Standing::Ok && !app.hub.is_draining();
    let (status, standing) = if is_ready {
        (StatusCode::OK, Standing::Ok)
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, Standing::Down)
    };
    (status, Json(Readiness { status: standing, checks })).into_response()
}

impl Standing {
    fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Degraded => "degraded",
            Self::Down => "down",
            Self::Disabled => "disabled",
            Self::NotConfigured => "not_configured",
        }
    }
}

impl Checks {
    async fn of(app: &App) -> Self {
        let platform = &app.platform;
        let standing = |is_up| if is_up { Standing::Ok } else { Standing::Down };
        let livekit = async {
            match &platform.settings.livekit {
                Some(pulse) => standing(pulse.is_up().await),
                None => Standing::NotConfigured,
            }
        };
        let (database, livekit) = tokio::join!(platform.pulse.is_up(), livekit);
        Self { database: standing(database), redis: platform.settings.redis, livekit }
    }

    fn overall(self) -> Standing {
        match self {
            Self { database: Standing::Down, .. } => Standing::Down,
            Self { redis: Standing::Down, .. } | Self { livekit: Standing::Down, .. } => {
                Standing::Degraded
            }
            _ => Standing::Ok,
        }
    }
}

impl Health {
    async fn of(app: &App) -> Self {
        let (platform, checks) = (&app.platform, Checks::of(app).await);
        let own = SERVICES.map(|service| (service, checks.database));
        Self {
            status: checks.overall(),
            timestamp: Timestamp::now(),
            uptime: platform.uptime(),
            active_rooms: app.hub.active_rooms(),
            active_connections: app.hub.connections(),
            cors_origins: (platform.settings.cors_origins)(),
            node_id: app.settings.node.clone(),
            region: platform.settings.region.clone(),
            version: VERSION,
            redis: checks.redis,
            services: own.into_iter().chain([("livekit", checks.livekit)]).collect(),
        }
    }

    /// The same for people and shell scripts, a line each.
    fn lines(&self) -> String {
        let mut text = format!(
            "status: {}\ntimestamp: {}\nuptime: {}\nactive rooms: {}\nactive connections: {}\n\
             CORS origins: {}\nnode: {}\nregion: {}\nversion: {}\nredis: {}\n",
            self.status.word(),
            self.timestamp,
            self.uptime,
            self.active_rooms,
            self.active_connections,
            self.cors_origins.join(", "),
            self.node_id,
            self.region,
            self.version,
            self.redis.word(),
        );
        for (service, standing) in &self.services {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{service}: {}", standing.word());
        }
        text
    }
}

/// Whether the caller asked for text and not for JSON.
fn prefers_text(headers: &HeaderMap) -> bool {
    let accepted = headers.get(ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let mut ranges = accepted.split(',').map(|range| range.split(';').next().unwrap_or("").trim());
    ranges.find(|range| matches!(*range, "text/plain" | "application/json")) == Some("text/plain")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_for_those_who_ask_for_it_first() {
        let asks = |accept: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT, accept.parse().unwrap());
            prefers_text(&headers)
        };

        assert!(asks("text/plain"));
        assert!(asks("text/plain;q=0.9, application/json;q=0.1"));
        assert!(!asks("application/json, text/plain, */*"));
        assert!(!asks("*/*"));
        assert!(!prefers_text(&HeaderMap::new()));
    }

    #[test]
    fn only_the_database_brings_the_node_down() {
        let ok = Checks {
            database: Standing::Ok,
            redis: Standing::Disabled,
            livekit: Standing::NotConfigured,
        };

        assert_eq!(ok.overall(), Standing::Ok);
        assert_eq!(Checks { redis: Standing::Down, ..ok }.overall(), Standing::Degraded);
        assert_eq!(Checks { livekit: Standing::Down, ..ok }.overall(), Standing::Degraded);
        assert_eq!(Checks { database: Standing::Down, ..ok }.overall(), Standing::Down);
    }

    #[test]
    fn the_text_form_has_a_line_for_each_fact() {
        let health = Health {
            status: Standing::Ok,
            timestamp: Timestamp(0),
            uptime: 5,
            active_rooms: 0,
            active_connections: 2,
            cors_origins: vec!["http://a".into(), "http://b".into()],
            node_id: "n1".into(),
            region: "local".into(),
            version: VERSION,
            redis: Standing::Disabled,
            services: [("livekit", Standing::NotConfigured)].into(),
        };

        let text = health.lines();

        for line in ["status: ok", "CORS origins: http://a, http://b", "livekit: not_configured"] {
            assert!(text.lines().any(|found| found == line), "{line} in {text}");
        }
    }
}
