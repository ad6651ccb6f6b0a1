//! Accepts connections and serves HTTP/1.1 on them, in the clear or under TLS.
//!
//! HTTP/2 is not spoken, so its floods are not a concern. A head that takes too long is cut off. Two
//! kinds of requests are the last on their connection, because a proxy in front may read on
//! elsewhere than we do: one that says in two ways how long its body is, which hyper sees to (RFC
//! 9112 §6.3), and one that asked to switch protocols and may not. The streams under the connections
//! stay what they are, so that a WebSocket can take its raw stream back out.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{HeaderValue, StatusCode, header};
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

/// How long to leave the listener alone after it failed, such as for want of descriptors.
const BREATHER: Duration = Duration::from_millis(50);
const CLOSE: HeaderValue = HeaderValue::from_static("close");
/// Connections the kernel holds until they are accepted.
const BACKLOG: i32 = 4096;

/// What a listener needs to know.
#[derive(Debug, Clone)]
pub struct Settings {
    /// TLS is terminated when this is given.
    pub tls: Option<Arc<rustls::ServerConfig>>,
    /// How long a request's head, or a TLS handshake, may take.
    pub head_deadline: Duration,
}

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
    settings: Settings,
    router: Router,
    stop: impl Future<Output = ()> + Send,
) {
    let (stopping, _) = watch::channel(false);
    let Settings { tls, head_deadline } = settings;
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
                None => converse(stream, peer, head_deadline, router, stopping).await,
                Some(tls) => {
                    // A handshake that fails or dawdles is not an event of ours.
                    if let Ok(Ok(stream)) = timeout(head_deadline, tls.accept(stream)).await {
                        converse(stream, peer, head_deadline, router, stopping).await;
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
    head_deadline: Duration,
    router: Router,
    mut stopping: watch::Receiver<bool>,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = service_fn(move |mut request: hyper::Request<Incoming>| {
        request.extensions_mut().insert(ConnectInfo(peer));
        let asks_to_switch = request.headers().contains_key(header::UPGRADE);
        let answer = router.clone().oneshot(request.map(Body::new));
        async move {
            let mut response = answer.await?;
            if asks_to_switch && response.status() != StatusCode::SWITCHING_PROTOCOLS {
                // A proxy that believes in the switch all the same sends on what is not HTTP to it.
                response.headers_mut().append(header::CONNECTION, CLOSE);
            }
            Ok::<_, Infallible>(response)
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(head_deadline)
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
