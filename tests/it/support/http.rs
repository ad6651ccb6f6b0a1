//! A small HTTP client: one connection per request.

use std::net::SocketAddr;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;

use super::{Stream, within};

/// A whole response.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|_| panic!("not JSON: {} {:?}", self.status, self.body))
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

/// Why a connection failed.
pub(crate) type Broken = Box<dyn std::error::Error + Send + Sync>;

/// A request under construction.
pub(crate) struct Call {
    address: SocketAddr,
    request: http::request::Builder,
    body: Bytes,
}

impl Call {
    pub(crate) fn new(address: SocketAddr, method: &str, path: &str) -> Self {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", address.to_string())
            .header("user-agent", "latido-tests");
        Self { address, request, body: Bytes::new() }
    }

    /// Sets a header; one of the same name is replaced.
    pub(crate) fn header(mut self, name: &str, value: impl AsRef<str>) -> Self {
        let headers = self.request.headers_mut().expect("the request is good so far");
        let name: HeaderName = name.parse().unwrap();
        headers.insert(name, value.as_ref().parse().unwrap());
        self
    }

    pub(crate) fn bearer(self, token: &str) -> Self {
        self.header("authorization", format!("Bearer {token}"))
    }

    pub(crate) fn json(self, body: &Value) -> Self {
        self.header("content-type", "application/json").body(body.to_string())
    }

    pub(crate) fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }

    /// The headers that ask for a WebSocket.
    pub(crate) fn upgrade(self) -> Self {
        self.header("upgrade", "websocket")
            .header("connection", "upgrade")
            .header("sec-websocket-version", "13")
            .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
    }

    /// Sends it and reads the whole answer; fails when the connection does.
    pub(crate) async fn try_send(self) -> Result<Answer, Broken> {
        let stream = TcpStream::connect(self.address).await?;
        self.exchange(stream).await
    }

    pub(crate) async fn send(self) -> Answer {
        self.try_send().await.unwrap()
    }

    /// Over a connection that is made already, such as one under TLS.
    pub(crate) async fn send_over<S: Stream>(self, stream: S) -> Answer {
        self.exchange(stream).await.unwrap()
    }

    async fn exchange<S: Stream>(self, stream: S) -> Result<Answer, Broken> {
        within("an HTTP answer", async {
            let (mut sender, connection) =
                hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
            tokio::spawn(connection);
            let request = self.request.body(Full::new(self.body)).unwrap();
            let (head, body) = sender.send_request(request).await?.into_parts();
            let body = body.collect().await?.to_bytes();
            Ok(Answer { status: head.status, headers: head.headers, body })
        })
        .await
    }
}
