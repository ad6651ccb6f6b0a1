//! Accepts connections and serves HTTP/1.1 on them, in the clear or under TLS.
//!
//! HTTP/2 is not spoken, so its floods are not a concern. A head that takes longer than ten seconds
//! is cut off. The streams under the connections stay what they are, so that a WebSocket can take
//! its raw stream back out.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt;
use tracing::{debug, warn};

/// How long a request's head, or a TLS handshake, may take.
const HEAD_DEADLINE: Duration = Duration::from_secs(10);
/// How long to leave the listener alone after it failed, such as for want of descriptors.
const BREATHER: Duration = Duration::from_millis(50);
/// Connections the kernel holds until they are accepted.
const BACKLOG: i32 = 4096;

/// Binds a listener that can be bound again right after a restart.
pub fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let domain = socket2::Domain::for_address(address);
    let socket = socket2::Socket::new(domain, socket2::Type::STREAM, None)?;
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

/// Serves until `stop` ends, then lets running requests finish.
pub async fn serve(
    listener: TcpListener,
    tls: Option<Arc<rustls::ServerConfig>>,
    router: Router,
    stop: impl Future<Output = ()> + Send,
) {
    let (stopping, _) = watch::channel(false);
    let tls = tls.map(TlsAcceptor::from);
    let mut stop = std::pin::pin!(stop);
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = &mut stop => break,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                warn!(%error, "connection not accepted");
                tokio::time::sleep(BREATHER).await;
                continue;
            }
        };
        // Small messages are sent at once; joining them is the hub's own business.
        drop(stream.set_nodelay(true));
        let (router, tls, stopping) = (router.clone(), tls.clone(), stopping.subscribe());
        tokio::spawn(async move {
            match tls {
                None => converse(stream, peer, router, stopping).await,
                Some(tls) => {
                    // A handshake that fails or dawdles is not an event of ours.
                    if let Ok(Ok(stream)) = timeout(HEAD_DEADLINE, tls.accept(stream)).await {
                        converse(stream, peer, router, stopping).await;
                    }
                }
            }
        });
    }
    drop(listener);
    stopping.send_replace(true);
    // Every connection holds a receiver until it is done.
    stopping.closed().await;
}

async fn converse<S>(
    stream: S,
    peer: SocketAddr,
    router: Router,
    mut stopping: watch::Receiver<bool>,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = service_fn(move |mut request: hyper::Request<Incoming>| {
        request.extensions_mut().insert(ConnectInfo(peer));
        let router = router.clone();
        async move {
            if is_ambiguous(request.headers()) {
                return Ok::<_, Infallible>(ambiguous());
            }
            router.oneshot(request.map(Body::new)).await
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_DEADLINE)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    let mut connection = std::pin::pin!(connection);
    let told_to_stop = async { drop(stopping.wait_for(|stopping| *stopping).await) };
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = told_to_stop => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        debug!(%error, "connection ended");
    }
}

/// Two ways to say how long a body is: the first step of request smuggling (RFC 9112 §6.3).
fn is_ambiguous(headers: &HeaderMap) -> bool {
    headers.contains_key(header::TRANSFER_ENCODING) && headers.contains_key(header::CONTENT_LENGTH)
}

fn ambiguous() -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::BAD_REQUEST;
    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    response
}
