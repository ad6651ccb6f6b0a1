//! A collector of spans: OTLP/HTTP JSON on a loopback port, and what it was sent.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::within;

/// Runs until the test's runtime ends.
pub(crate) struct Collector {
    address: SocketAddr,
    exports: UnboundedReceiver<Value>,
    unread: VecDeque<Span>,
}

/// One span as it was sent, with the resource it was sent for.
#[derive(Debug, Clone)]
pub(crate) struct Span {
    span: Value,
    resource: Value,
}

impl Collector {
    pub(crate) async fn start() -> Self {
        Self::answering(StatusCode::OK).await
    }

    /// One that reads what it is sent and then says this of it.
    pub(crate) async fn answering(status: StatusCode) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, exports) = unbounded_channel();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let sender = sender.clone();
                let serve = service_fn(move |request| take(request, sender.clone(), status));
                tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), serve));
            }
        });
        Self { address, exports, unread: VecDeque::new() }
    }

    /// What `OTEL_EXPORTER_OTLP_ENDPOINT` has to be.
    pub(crate) fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The next span, in the order in which they ended.
    pub(crate) async fn next(&mut self) -> Span {
        while self.unread.is_empty() {
            let export = within("spans", self.exports.recv()).await.unwrap();
            self.unread.extend(spans(&export));
        }
        self.unread.pop_front().unwrap()
    }

    /// The next span of that name; those before it are passed over.
    pub(crate) async fn named(&mut self, name: &str) -> Span {
        loop {
            let span = self.next().await;
            if span.name() == name {
                return span;
            }
        }
    }
}

impl Span {
    pub(crate) fn name(&self) -> &str {
        self.text("name")
    }

    /// One of the span's own fields.
    pub(crate) fn text(&self, field: &str) -> &str {
        self.span[field].as_str().unwrap_or_default()
    }

    /// One of the span's own numbers.
    pub(crate) fn number(&self, field: &str) -> i64 {
        self.span[field].as_i64().unwrap_or_default()
    }

    /// The code of its status: 2 is a failure.
    pub(crate) fn status(&self) -> i64 {
        self.span["status"]["code"].as_i64().unwrap_or_default()
    }

    pub(crate) fn attribute(&self, key: &str) -> Option<String> {
        attribute(&self.span, key)
    }

    /// An attribute of who sent it.
    pub(crate) fn resource(&self, key: &str) -> Option<String> {
        attribute(&self.resource, key)
    }

    /// Everything about it, for a search.
    pub(crate) fn whole(&self) -> String {
        format!("{}{}", self.span, self.resource)
    }
}

async fn take(
    request: Request<Incoming>,
    sender: UnboundedSender<Value>,
    status: StatusCode,
) -> Result<Response<Full<Bytes>>, Infallible> {
    assert_eq!((request.method(), request.uri().path()), (&Method::POST, "/v1/traces"));
    assert_eq!(request.headers()["content-type"], "application/json");
    let body = request.into_body().collect().await.unwrap().to_bytes();
    // The test may have seen enough.
    drop(sender.send(serde_json::from_slice(&body).unwrap()));
    let mut answer = Response::new(Full::new(Bytes::from_static(b"{}")));
    *answer.status_mut() = status;
    Ok(answer)
}

fn spans(export: &Value) -> Vec<Span> {
    let mut found = Vec::new();
    for of_resource in export["resourceSpans"].as_array().unwrap() {
        for of_scope in of_resource["scopeSpans"].as_array().unwrap() {
            for span in of_scope["spans"].as_array().unwrap() {
                let resource = of_resource["resource"].clone();
                found.push(Span { span: span.clone(), resource });
            }
        }
    }
    found
}

fn attribute(of: &Value, key: &str) -> Option<String> {
    let attributes = of["attributes"].as_array()?;
    let value = &attributes.iter().find(|attribute| attribute["key"] == key)?["value"];
    // Whole numbers are text in OTLP's JSON.
    value["stringValue"].as_str().or(value["intValue"].as_str()).map(ToOwned::to_owned)
}
