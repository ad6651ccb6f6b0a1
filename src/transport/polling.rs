//! Long polling: the transport every client starts with.
//!
//! A connection has at most one open `GET`; a second one closes the connection, as the protocol
//! asks, and so does a `GET` the client gave up. Bodies are split and joined by
//! [`latido_protocol::payload`]; nothing here looks inside a packet. See [`super::upgrade`] for the
//! move to WebSocket.

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;

use axum::body::Body;
use axum::http::{HeaderValue, Method, Request, Response, StatusCode, header};
use futures_util::task::noop_waker;
use http_body_util::{BodyExt, Limited};
use latido_protocol::engine::RequestError;
use latido_protocol::payload;
use tokio::time::timeout;

use super::engine::{Peer, Session, Settings};
use super::refusal;
use crate::actors::outbound::Collected;
use crate::domain::closure::Closure;

/// Packets in one body.
const MAX_PACKETS: usize = 10_000;

/// Whose turn it is on a polling connection.
#[derive(Debug, Default)]
pub(super) struct Turns {
    /// A `GET` waits.
    get: AtomicBool,
    /// A `POST` is being read: a second one at the same time breaks the order.
    post: AtomicBool,
}

impl Turns {
    pub(super) fn is_get_waiting(&self) -> bool {
        self.get.load(Ordering::Acquire)
    }
}

/// Answers the request that opened the connection: the open packet.
pub(super) fn first<P: Peer>(session: &Session<P>, limit: usize) -> Response<Body> {
    let waker = noop_waker();
    let mut context = std::task::Context::from_waker(&waker);
    match session.outbound.poll_collect(limit, &mut context) {
        Poll::Ready(Collected::Payload(body)) => text(body),
        // The open packet was offered before; it is there.
        _ => refusal::engine(RequestError::BadRequest),
    }
}

/// What a `GET` would be answered with, without its body: no connection opens, no packet is taken.
pub(super) fn head() -> Response<Body> {
    text(String::new())
}

/// Answers a request of an open connection.
pub(super) async fn serve<P: Peer>(
    session: &Arc<Session<P>>,
    request: Request<Body>,
    settings: &Settings,
) -> Response<Body> {
    match *request.method() {
        // Polling is over; what still comes this way is ignored.
        _ if session.outbound.is_websocket() => refusal::engine(RequestError::BadRequest),
        Method::GET => poll(session, settings.max_payload).await,
        Method::POST => post(session, request, settings).await,
        Method::HEAD => head(),
        _ => refusal::engine(RequestError::BadHandshakeMethod),
    }
}

async fn poll<P: Peer>(session: &Arc<Session<P>>, limit: usize) -> Response<Body> {
    if session.polling.get.swap(true, Ordering::AcqRel) {
        session.end(Closure::TransportError).await;
        return refusal::engine(RequestError::BadRequest);
    }
    let mut waiting = Waiting { session, is_answered: false };
    let collected = poll_fn(|cx| session.outbound.poll_collect(limit, cx)).await;
    waiting.is_answered = true;
    drop(waiting);
    match collected {
        Collected::Payload(body) => text(body),
        Collected::Last(body) => {
            session.finish(Closure::TransportClose).await;
            text(body)
        }
        Collected::Over => refusal::engine(RequestError::BadRequest),
    }
}

/// A `GET` that waits. Given up by the client, it takes the connection with it.
struct Waiting<'a, P: Peer> {
    session: &'a Arc<Session<P>>,
    is_answered: bool,
}

impl<P: Peer> Drop for Waiting<'_, P> {
    fn drop(&mut self) {
        self.session.polling.get.store(false, Ordering::Release);
        if !self.is_answered {
            let session = Arc::clone(self.session);
            tokio::spawn(async move { session.finish(Closure::TransportClose).await });
        }
    }
}

async fn post<P: Peer>(
    session: &Arc<Session<P>>,
    request: Request<Body>,
    settings: &Settings,
) -> Response<Body> {
    if session.polling.post.swap(true, Ordering::AcqRel) {
        session.end(Closure::TransportError).await;
        return refusal::engine(RequestError::BadRequest);
    }
    let heard = hear(session, request, settings).await;
    session.polling.post.store(false, Ordering::Release);
    let Err((status, closure)) = heard else { return text("ok".to_owned()) };
    session.end(closure).await;
    if status == StatusCode::OK {
        return text("ok".to_owned());
    }
    let mut response = refusal::engine(RequestError::BadRequest);
    *response.status_mut() = status;
    response
}

async fn hear<P: Peer>(
    session: &Arc<Session<P>>,
    request: Request<Body>,
    settings: &Settings,
) -> Result<(), (StatusCode, Closure)> {
    let too_large = (StatusCode::PAYLOAD_TOO_LARGE, Closure::TooLarge);
    let malformed = (StatusCode::BAD_REQUEST, Closure::Malformed);
    let body = Limited::new(request.into_body(), settings.max_payload).collect();
    let body = match timeout(settings.message_deadline, body).await {
        Ok(Ok(body)) => body.to_bytes(),
        Ok(Err(error)) if error.is::<http_body_util::LengthLimitError>() => return Err(too_large),
        Ok(Err(_)) => return Err(malformed),
        Err(_) => return Err((StatusCode::REQUEST_TIMEOUT, Closure::MessageTimeout)),
    };
    let body = std::str::from_utf8(&body).map_err(|_| malformed)?;
    for packet in payload::split(body, MAX_PACKETS).map_err(|_| malformed)? {
        session.hear(packet).await.map_err(|closure| match closure {
            Closure::TransportClose => (StatusCode::OK, closure),
            _ => (StatusCode::BAD_REQUEST, closure),
        })?;
    }
    Ok(())
}

fn text(body: String) -> Response<Body> {
    let mut response = Response::new(Body::from(body));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=UTF-8"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
