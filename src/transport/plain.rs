//! The hub in plain JSON over WebSocket (contract §6.9): for consoles, devices and simple clients.
//!
//! One JSON text frame a message: `{"event":…,"data":…,"id"?}`. Same events, rooms and rights as
//! Socket.IO clients have.

use std::sync::Arc;

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, Request, Response, header};
use latido_protocol::json;
use latido_protocol::websocket::{Incoming, Opcode};
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::engine::{Greeting, Settings, is_origin_allowed};
use super::heartbeat::{Beating, Heartbeat, Unfinished};
use super::realtime::{Auth, admit};
use super::websocket::{Accepted, Conversation, Handshake, control, drive, is_asked_for};
use super::{random_id, refusal};
use crate::actors::frame::{Batch, Frame};
use crate::actors::hub::{Arrival, TurnedAway};
use crate::actors::outbound::Outbound;
use crate::actors::{Dialect, Hub, Namespace, Socket};
use crate::auth::{Authenticator, Credentials};
use crate::domain::closure::Closure;
use crate::domain::event::Class;
use crate::domain::id::SocketId;
use crate::domain::identity::Principal;
use crate::error::{Error, Kind};

/// The subprotocol the server speaks.
const SUBPROTOCOL: &str = "latido.v1";
/// Answers longer than this carry a file.
const LARGE: usize = 64 * 1024;

/// The plain-JSON server of one namespace.
pub struct Plain {
    pub hub: Hub,
    pub authenticator: Authenticator,
    pub namespace: Namespace,
    pub settings: Settings,
    /// Its deadline for letting someone in is the one for the `auth` message.
    pub heartbeat: Arc<Heartbeat>,
    /// Whether `?token=` is read; tokens in URLs end up in logs.
    pub reads_query_token: bool,
}

/// One connection.
struct Line {
    outbound: Arc<Outbound>,
    unfinished: Unfinished,
}

struct Caller {
    plain: Arc<Plain>,
    line: Arc<Line>,
    greeting: Greeting,
    socket: Option<Arc<Socket>>,
}

#[derive(Deserialize)]
struct Message {
    event: String,
    data: Option<Box<RawValue>>,
    id: Option<Value>,
}

impl Plain {
    /// Answers a request to the endpoint.
    pub async fn serve(self: Arc<Self>, mut request: Request<Body>) -> Response<Body> {
        if !is_asked_for(request.headers()) {
            return refusal::upgrade_required();
        }
        if !is_origin_allowed(&self.settings.origins, request.headers()) {
            return refusal::origin();
        }
        if self.hub.is_draining() {
            return refusal::unavailable();
        }
        let offered = Offered::of(request.headers());
        let greeting = Greeting::of(&request);
        let token = offered.bearer.or_else(|| self.query_token(&request));
        let mut principal = None;
        if token.is_some() || greeting.offers_credentials() {
            match self.admit(greeting.credentials(token)).await {
                Ok(admitted) => principal = Some(admitted),
                Err(error) => return refusal::credentials(error),
            }
        }
        let mut handshake = match Handshake::of(&mut request, self.settings.compression) {
            Ok(handshake) => handshake,
            Err(response) => return response,
        };
        if offered.speaks_ours {
            handshake
                .response
                .headers_mut()
                .insert(header::SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(SUBPROTOCOL));
        }
        let limit = self.settings.max_payload;
        handshake.accept(limit, |accepted| self.run(greeting, principal, accepted))
    }

    async fn run(
        self: Arc<Self>,
        greeting: Greeting,
        principal: Option<Principal>,
        accepted: Accepted,
    ) {
        let outbound = Outbound::websocket(Arc::clone(&accepted.wire), accepted.deflate);
        let unfinished = Unfinished::default();
        let line = Arc::new(Line { outbound: Arc::clone(&outbound), unfinished });
        self.heartbeat.watch(&line);
        let mut caller = Caller { plain: self, line, greeting, socket: None };
        if let Some(principal) = principal
            && let Err(closure) = Box::pin(caller.enter(principal, None)).await
        {
            outbound.close(closure);
        }
        drive(accepted, outbound, caller).await;
    }

    async fn admit(&self, credentials: Credentials) -> Result<Principal, Error> {
        admit(&self.hub, &self.authenticator, self.namespace, credentials).await
    }

    fn query_token(&self, request: &Request<Body>) -> Option<String> {
        let query = request.uri().query().filter(|_| self.reads_query_token)?;
        serde_urlencoded::from_str::<Auth>(query).ok()?.token
    }
}

impl Caller {
    async fn enter(&mut self, principal: Principal, since: Option<String>) -> Result<(), Closure> {
        let arrival = Arrival {
            id: SocketId::from(random_id()),
            principal,
            provenance: Arc::clone(&self.greeting.provenance),
            namespace: self.plain.namespace,
            dialect: Dialect::Plain,
            outbound: Arc::clone(&self.line.outbound),
            since,
            preamble: None,
        };
        let socket = self.plain.hub.connect(arrival).await;
        self.socket = Some(socket.map_err(|turned_away| match turned_away {
            TurnedAway::Capacity => Closure::Capacity,
            TurnedAway::Refused(error) => closure(&error),
        })?);
        Ok(())
    }

    /// The first message of a caller who sent no credentials with the upgrade.
    async fn authenticate(&mut self, message: Message) -> Result<(), Closure> {
        let data = message.data.as_deref().map_or("{}", RawValue::get);
        let auth: Auth = serde_json::from_str(data).map_err(|_| Closure::Malformed)?;
        let since = auth.since.clone();
        let credentials = auth.credentials(&self.greeting);
        let principal = self.plain.admit(credentials).await.map_err(|error| closure(&error))?;
        self.enter(principal, since).await?;
        if let Some(id) = message.id {
            self.line.outbound.offer(ack(&id, r#"{"ok":true}"#));
        }
        Ok(())
    }

    async fn text(&mut self, text: &str) -> Result<(), Closure> {
        let message = if text == "ping" {
            Message { event: "ping".to_owned(), data: None, id: None }
        } else {
            json::check(text).map_err(|_| Closure::Malformed)?;
            serde_json::from_str(text).map_err(|_| Closure::Malformed)?
        };
        if message.id.as_ref().is_some_and(|id| !(id.is_string() || id.is_i64())) {
            return Err(Closure::Malformed);
        }
        if self.socket.is_none() {
            if message.event == "auth" {
                return Box::pin(self.authenticate(message)).await;
            }
            // Only the development bypass lets in who presents nothing at all.
            let principal = self.plain.authenticator.admit(Credentials::default()).await;
            let principal = principal.map_err(|error| closure(&error))?;
            Box::pin(self.enter(principal, None)).await?;
        }
        let Some(socket) = &self.socket else { return Err(Closure::Unauthenticated) };
        let args = Vec::from_iter(message.data);
        let hub = &self.plain.hub;
        let answer = hub.command(socket, &message.event, &args, &[], message.id.is_some()).await;
        let ack = message.id.zip(answer.ack).map(|(id, data)| ack(&id, &data));
        let frames: Vec<Frame> = answer.frame.into_iter().chain(ack).collect();
        if !frames.is_empty() {
            self.line.outbound.offer_batch(&Batch::new(frames));
        }
        Ok(())
    }
}

impl Conversation for Caller {
    async fn hear(&mut self, incoming: Incoming) -> Result<(), Closure> {
        match incoming {
            Incoming::Text(text) => {
                self.line.unfinished.finish();
                self.text(&text).await
            }
            Incoming::Binary(_) => Err(Closure::Malformed),
            Incoming::Pong(_) => {
                self.plain.heartbeat.heard(&self.line.outbound);
                Ok(())
            }
            Incoming::Ping(_) | Incoming::Close(_) => Ok(()),
        }
    }

    fn begun(&mut self) {
        self.plain.heartbeat.begun(&self.line);
    }

    fn close_code(&self, closure: Closure) -> u16 {
        closure.plain_code()
    }

    async fn end(self, closure: Closure) {
        if let Some(socket) = &self.socket {
            self.plain.hub.disconnected(socket, closure);
        }
    }
}

impl Beating for Line {
    fn outbound(&self) -> &Outbound {
        &self.outbound
    }

    fn unfinished(&self) -> &Unfinished {
        &self.unfinished
    }

    fn ping(&self) {
        self.outbound.offer_control(control(Opcode::Ping, b""));
    }

    fn end(self: Arc<Self>, closure: Closure) {
        self.outbound.close(closure);
    }
}

/// What the client offered as subprotocols: ours, and a token in disguise.
struct Offered {
    speaks_ours: bool,
    bearer: Option<String>,
}

impl Offered {
    fn of(headers: &HeaderMap) -> Self {
        let mut offered = Self { speaks_ours: false, bearer: None };
        let values = headers.get_all(header::SEC_WEBSOCKET_PROTOCOL);
        for name in values.iter().filter_map(|it| it.to_str().ok()).flat_map(|it| it.split(',')) {
            match name.trim().strip_prefix("bearer.") {
                Some(token) => offered.bearer = Some(token.to_owned()),
                None => offered.speaks_ours |= name.trim() == SUBPROTOCOL,
            }
        }
        offered
    }
}

fn closure(error: &Error) -> Closure {
    match error.kind() {
        Kind::AccountInactive { .. } | Kind::Forbidden(_) => Closure::Forbidden,
        Kind::Unavailable { .. } | Kind::Internal(_) => Closure::Capacity,
        _ => Closure::Unauthenticated,
    }
}

/// The reply to a message with an id. `data` is JSON.
fn ack(id: &Value, data: &str) -> Frame {
    let frame =
        Frame::text(&format!("{{\"event\":\"ack\",\"id\":{id},\"data\":{data}}}"), Class::Durable);
    if data.len() > LARGE { frame.asked_for() } else { frame }
}
