//! WebSocket (RFC 6455): the opening handshake and the loop that drives a connection.
//!
//! After the upgrade the TCP stream is taken out of hyper and hyper's state dropped. A silent
//! connection keeps no buffer: bytes are read into a buffer of the thread, and only an unfinished
//! message stays with its [`Reader`].

use std::cell::RefCell;
use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};
use bytes::{BufMut, BytesMut};
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use latido_protocol::handshake;
use latido_protocol::websocket::{self, Incoming, Opcode, Reader, Violation};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::server::TlsStream;

use super::refusal;
use crate::actors::frame::Frame;
use crate::actors::outbound::{Outbound, Wake};
use crate::actors::wire::Wire;
use crate::domain::closure::Closure;
use crate::domain::event::Class;

/// Bytes read at once.
const CHUNK: usize = 64 * 1024;
/// How long a closing connection may take what waits. Nothing is to be heard longer after the end of
/// a session.
const PARTING: Duration = Duration::from_secs(1);
/// How long a peer may take to read the close frame; then it finds the connection reset.
const FAREWELL: Duration = Duration::from_secs(10);
/// How long to wait for the peer's half of the close.
const LINGER: Duration = Duration::from_secs(2);

thread_local! {
    static BUFFER: RefCell<Box<[u8]>> = RefCell::new(vec![0; CHUNK].into_boxed_slice());
}

/// What speaks over a WebSocket.
pub trait Conversation: Send {
    /// A message or a pong arrived. An error closes the connection.
    fn hear(&mut self, incoming: Incoming) -> impl Future<Output = Result<(), Closure>> + Send;

    /// A part of a message arrived; the rest is to come.
    fn begun(&mut self) {}

    /// The close frame for a reason (RFC 6455 §7.4).
    fn close_code(&self, closure: Closure) -> u16 {
        match closure {
            Closure::TransportError | Closure::Malformed => 1002,
            Closure::TooLarge => 1009,
            Closure::Draining => 1001,
            Closure::Capacity => 1013,
            Closure::ServerError => 1011,
            _ => 1000,
        }
    }

    /// The connection is over.
    fn end(self, closure: Closure) -> impl Future<Output = ()> + Send;
}

/// A request that asked for a WebSocket properly.
pub struct Handshake {
    upgrade: OnUpgrade,
    pub response: Response<Body>,
    /// Whether permessage-deflate was agreed on.
    pub deflate: bool,
}

/// A connection as it comes out of hyper, and what was heard on it so far.
pub struct Accepted {
    pub wire: Arc<Wire>,
    pub deflate: bool,
    reader: Reader,
    heard: Vec<Incoming>,
    violation: Option<Violation>,
}

/// Whether a request asks for a WebSocket at all.
pub fn is_asked_for(headers: &HeaderMap) -> bool {
    headers
        .get(header::UPGRADE)
        .is_some_and(|upgrade| upgrade.as_bytes().eq_ignore_ascii_case(b"websocket"))
}

impl Handshake {
    /// Checks the client's opening handshake (RFC 6455 §4.2) and prepares the answer.
    ///
    /// # Errors
    /// The response to send instead.
    #[expect(clippy::result_large_err, reason = "the error is the response that is sent")]
    pub fn of<B>(request: &mut Request<B>, compression: bool) -> Result<Self, Response<Body>> {
        let headers = request.headers();
        let key = headers.get(header::SEC_WEBSOCKET_KEY).and_then(|key| key.to_str().ok());
        let is_version_13 =
            headers.get(header::SEC_WEBSOCKET_VERSION).is_some_and(|version| version == "13");
        let refused = refusal::malformed_upgrade;
        let Some(key) = key.filter(|key| handshake::is_valid_key(key)) else {
            return Err(refused());
        };
        let is_plain_get = request.method() == Method::GET && !has_body(headers);
        if !is_plain_get || !is_version_13 || !asks_to_upgrade(headers) {
            return Err(refused());
        }
        let extension = Some(headers)
            .filter(|_| compression)
            .and_then(|headers| joined(headers, &header::SEC_WEBSOCKET_EXTENSIONS))
            .and_then(|offers| handshake::negotiate_deflate(&offers))
            .and_then(|answer| HeaderValue::from_str(&answer).ok());
        let accept = HeaderValue::from_str(&handshake::accept_key(key)).map_err(|_| refused())?;
        let Some(upgrade) = request.extensions_mut().remove::<OnUpgrade>() else {
            return Err(refusal::upgrade_required());
        };
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        let answer = response.headers_mut();
        answer.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
        answer.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
        answer.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
        let deflate = extension.is_some();
        if let Some(extension) = extension {
            answer.insert(header::SEC_WEBSOCKET_EXTENSIONS, extension);
        }
        Ok(Self { upgrade, response, deflate })
    }

    /// Sends the response on its way and runs `then` once the connection is a WebSocket, whose
    /// messages may be `max_message` bytes long.
    pub fn accept<F>(
        self,
        max_message: usize,
        then: impl FnOnce(Accepted) -> F + Send + 'static,
    ) -> Response<Body>
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let (upgrade, deflate) = (self.upgrade, self.deflate);
        tokio::spawn(async move {
            let Ok(upgraded) = upgrade.await else { return };
            let Some((wire, mut early)) = take_apart(upgraded) else { return };
            let (mut reader, mut heard) = (Reader::new(max_message, deflate), Vec::new());
            let violation = reader.read(&mut early, &mut heard).err();
            drop(early);
            then(Accepted { wire: Arc::new(wire), deflate, reader, heard, violation }).await;
        });
        self.response
    }
}

impl Accepted {
    /// The next messages. None when the peer left or broke the protocol.
    pub async fn receive(&mut self) -> Option<Vec<Incoming>> {
        while self.heard.is_empty() {
            if self.violation.is_some() {
                return None;
            }
            poll_fn(|cx| self.wire.poll_readable(cx)).await.ok()?;
            match read(&self.wire, &mut self.reader, &mut self.heard).ok()? {
                Read::Nothing => {}
                Read::End => return None,
                Read::Some(violation) => self.violation = violation,
            }
        }
        Some(std::mem::take(&mut self.heard))
    }

    /// Gives messages back that [`Self::receive`] handed out too early.
    pub fn put_back(&mut self, messages: Vec<Incoming>) {
        self.heard = messages;
    }
}

/// Drives a connection until it ends: reads, hears, and lets the outbound queue flow.
pub async fn drive<C: Conversation>(
    accepted: Accepted,
    outbound: Arc<Outbound>,
    mut conversation: C,
) {
    let Accepted { wire, mut reader, mut heard, mut violation, .. } = accepted;
    let (closure, code) = loop {
        let messages = std::mem::take(&mut heard);
        if let Some(end) = hear_all(&mut conversation, &outbound, messages).await {
            break end;
        }
        if !reader.is_idle() {
            conversation.begun();
        }
        match violation {
            Some(Violation { code: 1009, .. }) => break (Closure::TooLarge, None),
            Some(Violation { code, .. }) => break (Closure::TransportError, Some(code)),
            None => {}
        }
        match poll_fn(|cx| outbound.poll_wake(&wire, cx)).await {
            Wake::Close(closure) => break (closure, None),
            Wake::Readable => match read(&wire, &mut reader, &mut heard) {
                Ok(Read::Nothing) => {}
                Ok(Read::End) => break (Closure::TransportClose, None),
                Ok(Read::Some(error)) => violation = error,
                Err(_) => break (Closure::TransportError, None),
            },
        }
    };
    outbound.close(closure);
    // The first reason stays: an administrator's close is not a transport's.
    let closure = outbound.closing().unwrap_or(closure);
    let code = code.unwrap_or_else(|| conversation.close_code(closure));
    if is_worth_waiting_for(closure) {
        drop(timeout(PARTING, poll_fn(|cx| outbound.poll_drained(&wire, cx))).await);
    }
    let rest = outbound.finish();
    conversation.end(closure).await;
    // The close frame follows whole frames only, so what is on the wire in part goes first.
    let mut last = BytesMut::from(rest.as_deref().unwrap_or_default());
    last.put(websocket::close_frame(code, closure.name()));
    if matches!(timeout(FAREWELL, send_whole(&wire, &last)).await, Ok(Ok(()))) {
        wire.shutdown();
        // Reading to the end keeps the kernel from resetting the connection under the close frame.
        drop(timeout(LINGER, read_to_end(&wire)).await);
    } else {
        wire.reset();
    }
}

/// Whether what waits may still go out: not to a peer that is gone, or was too slow for it.
fn is_worth_waiting_for(closure: Closure) -> bool {
    !matches!(
        closure,
        Closure::SlowConsumer
            | Closure::PingTimeout
            | Closure::TransportClose
            | Closure::TransportError
    )
}

async fn send_whole(wire: &Wire, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() || wire.is_clogged() {
        match wire.send_all(&[IoSlice::new(bytes)]) {
            Ok(taken) => bytes = &bytes[taken..],
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                poll_fn(|cx| wire.poll_writable(cx)).await?;
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

async fn hear_all<C: Conversation>(
    conversation: &mut C,
    outbound: &Outbound,
    incoming: Vec<Incoming>,
) -> Option<(Closure, Option<u16>)> {
    for message in incoming {
        match message {
            Incoming::Ping(payload) => outbound.offer_control(control(Opcode::Pong, &payload)),
            Incoming::Close(frame) => {
                return Some((Closure::TransportClose, Some(frame.map_or(1000, |(code, _)| code))));
            }
            message => {
                if let Err(closure) = conversation.hear(message).await {
                    return Some((closure, None));
                }
            }
        }
    }
    None
}

/// A control frame to offer.
pub fn control(opcode: Opcode, payload: &[u8]) -> Frame {
    Frame::framed(websocket::frame(opcode, false, payload), Class::Durable)
}

enum Read {
    Nothing,
    End,
    /// Bytes were read; the peer may have broken the protocol in them.
    Some(Option<Violation>),
}

fn read(wire: &Wire, reader: &mut Reader, out: &mut Vec<Incoming>) -> io::Result<Read> {
    BUFFER.with_borrow_mut(|buffer| match wire.receive(buffer) {
        Ok(0) => Ok(Read::End),
        Ok(length) => Ok(Read::Some(reader.read(&mut buffer[..length], out).err())),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(Read::Nothing),
        Err(error) => Err(error),
    })
}

async fn read_to_end(wire: &Wire) {
    loop {
        if poll_fn(|cx| wire.poll_readable(cx)).await.is_err() {
            return;
        }
        match BUFFER.with_borrow_mut(|buffer| wire.receive(buffer)) {
            Ok(0) => return,
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => return,
            _ => {}
        }
    }
}

/// The raw stream under an upgraded connection, and bytes hyper read ahead.
fn take_apart(upgraded: Upgraded) -> Option<(Wire, Vec<u8>)> {
    match upgraded.downcast::<TokioIo<TcpStream>>() {
        Ok(parts) => Some((Wire::new(parts.io.into_inner(), None), parts.read_buf.to_vec())),
        Err(upgraded) => {
            let parts = upgraded.downcast::<TokioIo<TlsStream<TcpStream>>>().ok()?;
            let (tcp, tls) = parts.io.into_inner().into_inner();
            Some((Wire::new(tcp, Some(tls)), parts.read_buf.to_vec()))
        }
    }
}

/// What follows such a request is a body to one reader and frames to another.
fn has_body(headers: &HeaderMap) -> bool {
    headers.contains_key(header::TRANSFER_ENCODING)
        || headers.get(header::CONTENT_LENGTH).is_some_and(|length| length != "0")
}

fn asks_to_upgrade(headers: &HeaderMap) -> bool {
    joined(headers, &header::CONNECTION).is_some_and(|value| {
        value.split(',').any(|token| token.trim().eq_ignore_ascii_case("upgrade"))
    })
}

/// All values of a header as one list (RFC 9110 §5.3).
fn joined(headers: &HeaderMap, name: &header::HeaderName) -> Option<String> {
    let values: Vec<&str> =
        headers.get_all(name).iter().filter_map(|value| value.to_str().ok()).collect();
    (!values.is_empty()).then(|| values.join(", "))
}
