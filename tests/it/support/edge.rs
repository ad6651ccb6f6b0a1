//! The transport of the product with deadlines short enough to wait for, beside a node.
//!
//! `/socket.io/` lets anyone in and acknowledges an event with the bytes attached to it; `/events`
//! is the node's hub in plain JSON.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::routing::any;
use latido::actors::Namespace;
use latido::actors::frame::{Batch, Frame};
use latido::auth::{Authenticator, RefreshKey, Settings as AuthSettings};
use latido::domain::closure::Closure;
use latido::domain::origin::Origins;
use latido::http::identity::liveness::Rows;
use latido::transport::engine::{Engine, Settings};
use latido::transport::heartbeat::{self, Heartbeat};
use latido::transport::listener;
use latido::transport::plain::Plain;
use latido::transport::socket_io::{
    Connect, ConnectError, Namespaces, Received, Reply, Seat, SocketIo,
};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinSet;

use super::accounts::{SECRET, tokens};
use super::node::Latido;
use super::within;

/// Heads, bodies, messages and attachments have to be whole by then.
pub(crate) const DEADLINE: Duration = Duration::from_millis(400);
/// Someone has to be let in by then.
pub(crate) const ADMISSION: Duration = Duration::from_millis(800);
pub(crate) const MAX_PAYLOAD: usize = 64 * 1024;

pub(crate) struct Edge {
    pub(crate) address: SocketAddr,
    endings: UnboundedReceiver<Closure>,
    _server: JoinSet<()>,
}

impl Edge {
    pub(crate) fn beside(latido: &Latido) -> Self {
        Self::with(latido, None)
    }

    pub(crate) fn with(latido: &Latido, tls: Option<Arc<rustls::ServerConfig>>) -> Self {
        let listener = listener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).unwrap();
        let address = listener.local_addr().unwrap();
        let (ended, endings) = unbounded_channel();
        let settings = listener::Settings { tls, head_deadline: DEADLINE };
        let mut server = JoinSet::new();
        let router = router(latido, ended);
        server.spawn(listener::serve(listener, settings, router, std::future::pending()));
        Self { address, endings, _server: server }
    }

    /// Why the next seat in `/socket.io/` was given up.
    pub(crate) async fn ending(&mut self) -> Closure {
        within("the end of a seat", self.endings.recv()).await.unwrap()
    }
}

fn router(latido: &Latido, ended: UnboundedSender<Closure>) -> Router {
    let settings = Settings {
        ping_interval: Duration::from_secs(25),
        ping_timeout: Duration::from_secs(20),
        max_payload: MAX_PAYLOAD,
        message_deadline: DEADLINE,
        compression: true,
        origins: Origins::default(),
    };
    let heartbeat = Heartbeat::start(heartbeat::Settings {
        interval: settings.ping_interval,
        timeout: settings.ping_timeout,
        admission: Some(ADMISSION),
        message: DEADLINE,
    });
    let plain = Arc::new(Plain {
        hub: latido.hub().clone(),
        authenticator: authenticator(latido),
        namespace: Namespace::Events,
        settings: settings.clone(),
        heartbeat: Arc::clone(&heartbeat),
        reads_query_token: false,
    });
    let engine = Engine::new(SocketIo::new(Anyone(ended), MAX_PAYLOAD), settings, heartbeat);
    Router::new()
        .route("/socket.io/", any(move |request| Arc::clone(&engine).serve(request)))
        .route("/events", any(move |request| Arc::clone(&plain).serve(request)))
}

fn authenticator(latido: &Latido) -> Authenticator {
    Authenticator::new(AuthSettings {
        tokens: tokens(),
        refresh: RefreshKey::new(SECRET.as_bytes(), None),
        service_keys: Vec::new(),
        dev_bypass: false,
        voucher: None,
        lookup: Arc::new(Rows(latido.running.store.clone())),
    })
}

/// Lets anyone in.
struct Anyone(UnboundedSender<Closure>);

struct Place(UnboundedSender<Closure>);

impl Namespaces for Anyone {
    type Seat = Place;

    async fn connect(&self, request: Connect<'_>) -> Result<Place, ConnectError> {
        request.outbound.offer_batch(&Batch::new(vec![request.accepted]));
        request.outbound.admit();
        Ok(Place(self.0.clone()))
    }
}

impl Seat for Place {
    async fn event(&mut self, received: Received) -> Result<Reply, Closure> {
        let bytes: usize = received.attachments.iter().map(bytes::Bytes::len).sum();
        Ok(Reply { frames: Vec::<Frame>::new(), ack: Some((bytes.to_string(), Vec::new())) })
    }

    fn leave(&mut self, closure: Closure) {
        // A test that does not ask may be over.
        let _ = self.0.send(closure);
    }
}
