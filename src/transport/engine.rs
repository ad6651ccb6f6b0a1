//! Engine.IO v4: one connection over long polling or WebSocket, and the way from one to the other.
//!
//! An [`Engine`] serves one path. A connection that starts as a WebSocket lives in its own task and
//! is never listed; one that starts with polling is listed by its `sid` until it ends.
//! See the Engine.IO protocol document, version 4.

use std::sync::{Arc, Weak};
use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderMap, Method, Request, Response, header};
use bytes::Bytes;
use dashmap::DashMap;
use latido_protocol::engine::{self as protocol, Packet, RequestError};
use latido_protocol::websocket::Incoming;
use serde::Deserialize;
use tokio::sync::Mutex;

use super::heartbeat::{Beating, Heartbeat, Unfinished};
use super::websocket::{Accepted, Conversation, Handshake, drive, is_asked_for};
use super::{polling, random_id, refusal, upgrade};
use crate::actors::frame::Frame;
use crate::actors::outbound::Outbound;
use crate::auth::{self, Credentials};
use crate::domain::closure::Closure;
use crate::domain::event::Class;
use crate::domain::origin::Origins;
use crate::domain::provenance::Provenance;

/// What runs over the connections of an engine.
pub trait Application: Send + Sync + 'static {
    type Peer: Peer;

    /// Whether newcomers are let in. When not, they are told to try elsewhere.
    fn is_open(&self) -> bool {
        true
    }

    /// A connection opened; its open packet is already on its way.
    fn open(&self, greeting: Greeting, outbound: &Arc<Outbound>) -> Self::Peer;
}

/// The application's side of one connection. Messages come one at a time, in order.
pub trait Peer: Send + 'static {
    /// # Errors
    /// Why the connection is to be closed.
    fn text(&mut self, message: &str) -> impl Future<Output = Result<(), Closure>> + Send;

    /// # Errors
    /// Why the connection is to be closed.
    fn binary(&mut self, message: Bytes) -> impl Future<Output = Result<(), Closure>> + Send;

    /// Whether what was said so far is the beginning of something.
    fn is_unfinished(&self) -> bool {
        false
    }

    /// The connection moved from polling to a WebSocket.
    fn upgraded(&mut self) {}

    /// The connection is over.
    fn closed(&mut self, closure: Closure);
}

/// What the request that opened a connection said about the caller.
#[derive(Debug, Clone, Default)]
pub struct Greeting {
    pub authorization: Option<Box<str>>,
    pub cookie: Option<Box<str>>,
    pub provenance: Arc<Provenance>,
}

/// What an engine needs to know.
#[derive(Debug, Clone)]
pub struct Settings {
    pub ping_interval: Duration,
    pub ping_timeout: Duration,
    /// Bytes of one message or one polling body.
    pub max_payload: usize,
    /// How long one polling body may take to arrive; the heartbeat watches the rest.
    pub message_deadline: Duration,
    /// Whether permessage-deflate is offered.
    pub compression: bool,
    pub origins: Origins,
}

/// One path of Engine.IO connections.
pub struct Engine<A: Application> {
    pub(super) application: A,
    pub(super) settings: Settings,
    pub(super) heartbeat: Arc<Heartbeat>,
    /// Connections that started with polling.
    sessions: Arc<Sessions<A::Peer>>,
}

/// One connection.
pub struct Session<P> {
    pub(super) sid: Box<str>,
    pub(super) outbound: Arc<Outbound>,
    pub(super) peer: Mutex<Option<P>>,
    pub(super) polling: polling::Turns,
    unfinished: Unfinished,
    heartbeat: Arc<Heartbeat>,
    /// Where it is listed, when it started with polling.
    list: Weak<Sessions<P>>,
}

/// Connections by `sid`.
type Sessions<P> = DashMap<Box<str>, Arc<Session<P>>>;

#[derive(Deserialize)]
struct Query {
    #[serde(rename = "EIO")]
    version: Option<String>,
    transport: Option<String>,
    sid: Option<String>,
}

impl<A: Application> Engine<A> {
    /// An engine whose connections are watched by `heartbeat`.
    pub fn new(application: A, settings: Settings, heartbeat: Arc<Heartbeat>) -> Arc<Self> {
        Arc::new(Self { application, settings, heartbeat, sessions: Arc::default() })
    }

    /// Answers any request to the engine's path.
    pub async fn serve(self: Arc<Self>, request: Request<Body>) -> Response<Body> {
        if !self.is_origin_allowed(request.headers()) {
            return refusal::origin();
        }
        let query = request.uri().query().unwrap_or_default();
        let Ok(query) = serde_urlencoded::from_str::<Query>(query) else {
            return refusal::engine(RequestError::BadRequest);
        };
        if query.version.as_deref() != Some("4") {
            return refusal::engine(RequestError::UnsupportedVersion);
        }
        let session = match &query.sid {
            None => None,
            Some(sid) => match self.sessions.get(sid.as_str()) {
                Some(session) => Some(Arc::clone(&session)),
                None => return refusal::engine(RequestError::UnknownSid),
            },
        };
        if session.is_none() && !self.application.is_open() {
            return refusal::unavailable();
        }
        match (query.transport.as_deref(), session) {
            (Some("websocket"), session) if is_asked_for(request.headers()) => {
                self.websocket(request, session)
            }
            (Some("websocket"), _) => refusal::engine(RequestError::BadRequest),
            (Some("polling"), None) if *request.method() == Method::GET => self.open(&request),
            (Some("polling"), None) if *request.method() == Method::HEAD => polling::head(),
            (Some("polling"), None) => refusal::engine(RequestError::BadHandshakeMethod),
            (Some("polling"), Some(session)) => {
                polling::serve(&session, request, &self.settings).await
            }
            _ => refusal::engine(RequestError::UnknownTransport),
        }
    }

    fn websocket(
        self: Arc<Self>,
        mut request: Request<Body>,
        session: Option<Arc<Session<A::Peer>>>,
    ) -> Response<Body> {
        let greeting = Greeting::of(&request);
        let handshake = match Handshake::of(&mut request, self.settings.compression) {
            Ok(handshake) => handshake,
            Err(response) => return response,
        };
        handshake.accept(self.settings.max_payload, async move |accepted| match session {
            Some(session) => upgrade::run(session, accepted).await,
            None => self.run(greeting, accepted).await,
        })
    }

    /// A connection that is a WebSocket from the start.
    async fn run(self: Arc<Self>, greeting: Greeting, accepted: Accepted) {
        let outbound = Outbound::websocket(Arc::clone(&accepted.wire), accepted.deflate);
        let session = self.session(greeting, outbound, &[], Weak::new());
        session.drive(accepted).await;
    }

    /// A connection that starts with polling.
    fn open(&self, request: &Request<Body>) -> Response<Body> {
        let greeting = Greeting::of(request);
        let session = self.session(
            greeting,
            Outbound::polling(),
            &["websocket"],
            Arc::downgrade(&self.sessions),
        );
        self.sessions.insert(session.sid.clone(), Arc::clone(&session));
        polling::first(&session, self.settings.max_payload)
    }

    fn session(
        &self,
        greeting: Greeting,
        outbound: Arc<Outbound>,
        upgrades: &[&str],
        list: Weak<Sessions<A::Peer>>,
    ) -> Arc<Session<A::Peer>> {
        let sid: Box<str> = random_id().into();
        let open = protocol::Open {
            sid: &sid,
            upgrades,
            ping_interval: self.settings.ping_interval,
            ping_timeout: self.settings.ping_timeout,
            max_payload: self.settings.max_payload,
        };
        if let Some(open) = open.to_packet().encode() {
            outbound.offer(Frame::text(&open, Class::Durable));
        }
        let peer = self.application.open(greeting, &outbound);
        let session = Arc::new(Session {
            sid,
            outbound,
            peer: Mutex::new(Some(peer)),
            polling: polling::Turns::default(),
            unfinished: Unfinished::default(),
            heartbeat: Arc::clone(&self.heartbeat),
            list,
        });
        self.heartbeat.watch(&session);
        session
    }

    fn is_origin_allowed(&self, headers: &HeaderMap) -> bool {
        is_origin_allowed(&self.settings.origins, headers)
    }
}

/// A request without `Origin` does not come from a browser's page and passes (contract §2.10).
pub(super) fn is_origin_allowed(origins: &Origins, headers: &HeaderMap) -> bool {
    headers
        .get(header::ORIGIN)
        .is_none_or(|origin| origin.to_str().is_ok_and(|origin| origins.allows(origin)))
}

impl Greeting {
    pub(super) fn of(request: &Request<Body>) -> Self {
        let headers = request.headers();
        let text = |name| headers.get(name).and_then(|it| it.to_str().ok()).map(Into::into);
        Self {
            authorization: text(header::AUTHORIZATION),
            cookie: text(header::COOKIE),
            provenance: request.extensions().get().cloned().unwrap_or_default(),
        }
    }

    /// The credentials of this request, and a token that came another way.
    pub(super) fn credentials(&self, token: Option<String>) -> Credentials {
        Credentials {
            token,
            authorization: self.authorization.as_deref().map(Into::into),
            cookie: self.cookie.as_deref().map(Into::into),
            ..Credentials::default()
        }
    }

    /// Whether the caller means to be signed in; cookies of others do not count.
    pub(super) fn offers_credentials(&self) -> bool {
        self.authorization.is_some()
            || self.cookie.as_ref().is_some_and(|cookie| cookie.contains(auth::COOKIE))
    }
}

impl<P: Peer> Session<P> {
    /// Drives the connection over its WebSocket until it ends.
    pub(super) async fn drive(self: Arc<Self>, accepted: Accepted) {
        let outbound = Arc::clone(&self.outbound);
        drive(accepted, outbound, Speaking { session: self }).await;
    }

    /// One packet from the client.
    ///
    /// # Errors
    /// Why the connection is to be closed.
    pub(super) async fn hear(self: &Arc<Self>, packet: Packet) -> Result<(), Closure> {
        match packet {
            Packet::Pong(_) => {
                self.heartbeat.heard(&self.outbound);
                Ok(())
            }
            Packet::Message(protocol::Message::Text(text)) => self.hear_text(&text).await,
            Packet::Message(protocol::Message::Binary(bytes)) => {
                let mut peer = self.peer.lock().await;
                let peer = peer.as_mut().ok_or(Closure::TransportClose)?;
                peer.binary(bytes).await?;
                self.note(peer);
                Ok(())
            }
            Packet::Close => Err(Closure::TransportClose),
            Packet::Noop => Ok(()),
            Packet::Open(_) | Packet::Ping(_) | Packet::Upgrade => Err(Closure::TransportError),
        }
    }

    async fn hear_text(self: &Arc<Self>, text: &str) -> Result<(), Closure> {
        let mut peer = self.peer.lock().await;
        let peer = peer.as_mut().ok_or(Closure::TransportClose)?;
        peer.text(text).await?;
        self.note(peer);
        Ok(())
    }

    /// A message is whole; what it belongs to may not be.
    fn note(self: &Arc<Self>, peer: &P) {
        if peer.is_unfinished() {
            self.heartbeat.begun(self);
        } else {
            self.unfinished.finish();
        }
    }

    /// Tells the application that the connection moved to a WebSocket.
    pub(super) async fn upgraded(&self) {
        if let Some(peer) = self.peer.lock().await.as_mut() {
            peer.upgraded();
        }
    }

    /// Ends the connection. One that waits in a `GET` is ended by its answer.
    pub(super) async fn end(&self, closure: Closure) {
        self.outbound.close(closure);
        if !self.polling.is_get_waiting() {
            self.finish(closure).await;
        }
    }

    /// Forgets the connection and tells the application, once, that it is over.
    pub(super) async fn finish(&self, closure: Closure) {
        if let Some(list) = self.list.upgrade() {
            list.remove(&self.sid);
        }
        self.outbound.close(closure);
        let closure = self.outbound.closing().unwrap_or(closure);
        self.outbound.finish();
        if let Some(mut peer) = self.peer.lock().await.take() {
            peer.closed(closure);
        }
    }
}

impl<P: Peer> Beating for Session<P> {
    fn outbound(&self) -> &Outbound {
        &self.outbound
    }

    fn unfinished(&self) -> &Unfinished {
        &self.unfinished
    }

    fn ping(&self) {
        // Engine.IO `ping`; the same bytes for everyone.
        self.outbound.offer(Frame::framed(Bytes::from_static(&[0x81, 1, b'2']), Class::Durable));
    }

    /// A WebSocket's own task ends it; under polling nobody may be there to.
    fn end(self: Arc<Self>, closure: Closure) {
        if self.outbound.is_websocket() {
            self.outbound.close(closure);
        } else {
            tokio::spawn(async move { Self::end(&self, closure).await });
        }
    }
}

/// A connection whose packets come over a WebSocket.
struct Speaking<P> {
    session: Arc<Session<P>>,
}

impl<P: Peer> Conversation for Speaking<P> {
    async fn hear(&mut self, incoming: Incoming) -> Result<(), Closure> {
        let packet = match incoming {
            Incoming::Text(text) => {
                if let Some(message) = Packet::message_text(&text) {
                    return self.session.hear_text(message).await;
                }
                Packet::decode(&text).map_err(|_| Closure::Malformed)?
            }
            Incoming::Binary(bytes) => Packet::Message(protocol::Message::Binary(bytes)),
            _ => return Ok(()),
        };
        self.session.hear(packet).await
    }

    fn begun(&mut self) {
        self.session.heartbeat.begun(&self.session);
    }

    async fn end(self, closure: Closure) {
        self.session.finish(closure).await;
    }
}
