//! A server for protocol test suites, on the transport code of the product.
//!
//! `PORT` says where (default 3000). It offers what the public suites expect: Engine.IO at
//! `/engine.io/`, echoing every message; Socket.IO at `/socket.io/` with the namespaces `/` and
//! `/custom`; and a WebSocket at `/echo` that echoes messages, for Autobahn.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, Response};
use axum::routing::any;
use bytes::Bytes;
use latido::actors::frame::{Batch, Frame};
use latido::actors::outbound::Outbound;
use latido::domain::closure::Closure;
use latido::domain::event::Class;
use latido::domain::origin::Origins;
use latido::transport::engine::{Application, Engine, Greeting, Peer, Settings};
use latido::transport::heartbeat::{self, Heartbeat};
use latido::transport::socket_io::{
    Connect, ConnectError, Namespaces, Received, Reply, Seat, SocketIo, frame,
};
use latido::transport::websocket::{Conversation, Handshake, drive, is_asked_for};
use latido::transport::{listener, refusal};
use latido_protocol::socket::Packet;
use latido_protocol::websocket::Incoming;

const PING_INTERVAL: Duration = Duration::from_millis(300);
const PING_TIMEOUT: Duration = Duration::from_millis(200);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
const MESSAGE_DEADLINE: Duration = Duration::from_secs(10);
const MAX_PAYLOAD: usize = 1_000_000;
/// Autobahn echoes messages of 16 MiB.
const MAX_ECHO: usize = 32 * 1024 * 1024;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let port = std::env::var("PORT").map_or(Ok(3000), |port| port.parse::<u16>())?;
    let listener = listener::bind(([127, 0, 0, 1], port).into())?;
    announce(&format!("listening on http://{}", listener.local_addr()?));
    let settings = listener::Settings { tls: None, head_deadline: MESSAGE_DEADLINE };
    listener::serve(listener, settings, router(), std::future::pending()).await;
    Ok(())
}

fn router() -> Router {
    let settings = Settings {
        ping_interval: PING_INTERVAL,
        ping_timeout: PING_TIMEOUT,
        max_payload: MAX_PAYLOAD,
        message_deadline: MESSAGE_DEADLINE,
        compression: false,
        origins: Origins::default(),
    };
    let beat = |admission| {
        let (interval, timeout) = (PING_INTERVAL, PING_TIMEOUT);
        let message = MESSAGE_DEADLINE;
        Heartbeat::start(heartbeat::Settings { interval, timeout, admission, message })
    };
    let engine = Engine::new(Echoes, settings.clone(), beat(None));
    let socket_io =
        Engine::new(SocketIo::new(Rooms, MAX_PAYLOAD), settings, beat(Some(CONNECT_TIMEOUT)));
    Router::new()
        .route("/engine.io/", any(move |request| Arc::clone(&engine).serve(request)))
        .route("/socket.io/", any(move |request| Arc::clone(&socket_io).serve(request)))
        .route("/echo", any(echo))
}

/// Engine.IO that sends every message back.
struct Echoes;

struct EchoPeer(Arc<Outbound>);

impl Application for Echoes {
    type Peer = EchoPeer;

    fn open(&self, _: Greeting, outbound: &Arc<Outbound>) -> EchoPeer {
        EchoPeer(Arc::clone(outbound))
    }
}

impl Peer for EchoPeer {
    async fn text(&mut self, message: &str) -> Result<(), Closure> {
        self.0.offer(frame(message));
        Ok(())
    }

    async fn binary(&mut self, message: Bytes) -> Result<(), Closure> {
        self.0.offer(Frame::binary(&message, Class::Durable));
        Ok(())
    }

    fn closed(&mut self, _: Closure) {}
}

/// Socket.IO with two namespaces that tell the client's `auth` and echo.
struct Rooms;

struct Room {
    namespace: String,
}

impl Namespaces for Rooms {
    type Seat = Room;

    async fn connect(&self, request: Connect<'_>) -> Result<Room, ConnectError> {
        if !["/", "/custom"].contains(&request.namespace) {
            return Err(ConnectError::INVALID_NAMESPACE);
        }
        let auth = Packet::event(request.namespace, "auth", request.auth.unwrap_or("{}"));
        let greeting = vec![request.accepted, frame(&auth.encode().0)];
        request.outbound.offer_batch(&Batch::new(greeting));
        request.outbound.admit();
        Ok(Room { namespace: request.namespace.to_owned() })
    }
}

impl Seat for Room {
    async fn event(&mut self, received: Received) -> Result<Reply, Closure> {
        let args: Vec<&str> = received.event.args.iter().map(|arg| arg.get()).collect();
        let args = args.join(",");
        Ok(match received.event.name.as_str() {
            "message" => {
                let back = Packet::event(&*self.namespace, "message-back", &args)
                    .with_attachments(received.attachments);
                let (text, attachments) = back.encode();
                let attachments = attachments.iter().map(|it| Frame::binary(it, Class::Durable));
                Reply { frames: [frame(&text)].into_iter().chain(attachments).collect(), ack: None }
            }
            "message-with-ack" => {
                Reply { frames: Vec::new(), ack: Some((args, received.attachments)) }
            }
            _ => Reply::default(),
        })
    }

    fn leave(&mut self, _: Closure) {}
}

/// A bare WebSocket that sends every message back.
async fn echo(mut request: Request<Body>) -> Response<Body> {
    if !is_asked_for(request.headers()) {
        return refusal::upgrade_required();
    }
    match Handshake::of(&mut request, false) {
        Err(response) => response,
        Ok(handshake) => handshake.accept(MAX_ECHO, async |accepted| {
            let outbound = Outbound::websocket(Arc::clone(&accepted.wire), accepted.deflate);
            drive(accepted, Arc::clone(&outbound), Echo(outbound)).await;
        }),
    }
}

struct Echo(Arc<Outbound>);

impl Conversation for Echo {
    async fn hear(&mut self, incoming: Incoming) -> Result<(), Closure> {
        match incoming {
            Incoming::Text(text) => self.0.offer(Frame::text(&text, Class::Durable)),
            Incoming::Binary(bytes) => self.0.offer(Frame::binary(&bytes, Class::Durable)),
            _ => true,
        };
        Ok(())
    }

    async fn end(self, _: Closure) {}
}

#[expect(clippy::print_stdout, reason = "whoever started the example reads it")]
fn announce(line: &str) {
    println!("{line}");
}
