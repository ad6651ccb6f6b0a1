//! Every path of the node: the API, and the endpoints sockets come in by.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use axum::routing::{any, get};
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::SizeAbove;

use super::api;
use super::assembly::Parts;
use crate::actors::Namespace;
use crate::actors::hub::{Desk, MediaServer};
use crate::config::Config;
use crate::http::consultations::Carrier;
use crate::http::files::SocketDesk;
use crate::http::portal::Portal;
use crate::http::{self, App};
use crate::transport::client_bundle;
use crate::transport::engine::{self, Engine};
use crate::transport::heartbeat::{self, Heartbeat};
use crate::transport::plain::Plain;
use crate::transport::realtime::Realtime;
use crate::transport::socket_io::SocketIo;

/// How long a Socket.IO client may take to join a namespace (contract §6.1).
const CONNECT_DEADLINE: Duration = Duration::from_secs(45);
/// How long a plain client may take to send its token (contract §6.9).
const AUTH_DEADLINE: Duration = Duration::from_secs(10);
/// How long a message may take from its first byte on, with the attachments that belong to it; the
/// same for a polling body.
const MESSAGE_DEADLINE: Duration = Duration::from_secs(10);
/// Polling answers from this size on are compressed when the client accepts it.
const COMPRESS_POLLING_FROM: u64 = 1024;

/// The API and the sockets, the same behind every port.
pub(super) struct Routes {
    api: App,
    sockets: Router,
}

impl Routes {
    pub(super) fn of(config: &Config, parts: &Parts) -> Self {
        let origins = parts.origins.clone();
        let allows_origin: http::AllowsOrigin = Arc::new(move |origin| origins.allows(origin));
        let mut sockets = sockets(config, parts);
        if config.realtime.serve_client {
            sockets = sockets.merge(client_bundle::router());
        }
        Self { api: api::app(config, parts, allows_origin), sockets }
    }

    /// What sockets ask of records is answered here; the hub only knows of it.
    pub(super) fn desk(&self) -> Arc<dyn Desk> {
        Arc::new(SocketDesk(self.api.clone()))
    }

    /// What rooms ask of the media server is answered here.
    pub(super) fn carrier(&self) -> Arc<dyn MediaServer> {
        Arc::new(Carrier::new(self.api.clone()))
    }

    /// What the background work of the HTTP layer is done with.
    pub(super) fn api(&self) -> App {
        self.api.clone()
    }

    /// What one port serves: these routes, and behind them its portal.
    pub(super) fn router(&self, portal: Option<Portal>) -> Router {
        http::router(self.api.clone(), self.sockets.clone(), portal)
    }
}

fn sockets(config: &Config, parts: &Parts) -> Router {
    let settings = engine::Settings {
        ping_interval: config.realtime.ping_interval,
        ping_timeout: config.realtime.ping_timeout,
        max_payload: config.realtime.max_payload,
        message_deadline: MESSAGE_DEADLINE,
        compression: config.realtime.compression,
        origins: parts.origins.clone(),
    };
    let heartbeat = |admission| {
        Heartbeat::start(heartbeat::Settings {
            interval: settings.ping_interval,
            timeout: settings.ping_timeout,
            admission: Some(admission),
            message: MESSAGE_DEADLINE,
        })
    };
    let namespaces = Realtime::new(parts.hub.clone(), parts.authenticator.clone());
    let engine = Engine::new(
        SocketIo::new(namespaces, settings.max_payload),
        settings.clone(),
        heartbeat(CONNECT_DEADLINE),
    );
    let serve = move |request: Request<Body>| Arc::clone(&engine).serve(request);
    let plain_heartbeat = heartbeat(AUTH_DEADLINE);
    let plain = |namespace| {
        let plain = Arc::new(Plain {
            hub: parts.hub.clone(),
            authenticator: parts.authenticator.clone(),
            namespace,
            settings: settings.clone(),
            heartbeat: Arc::clone(&plain_heartbeat),
            reads_query_token: config.realtime.query_token,
        });
        get(move |request: Request<Body>| Arc::clone(&plain).serve(request))
    };
    let compression = CompressionLayer::new().compress_when(SizeAbove::new(COMPRESS_POLLING_FROM));
    Router::new()
        .route("/socket.io/", any(serve).layer(compression))
        .route("/events", plain(Namespace::Events))
        .route("/signaling", plain(Namespace::Signaling))
}
