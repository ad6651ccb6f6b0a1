//! A service of somebody else's on loopback: it answers as told and remembers what it was asked.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use http::HeaderMap;
use parking_lot::Mutex;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::within;

/// One request it got.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Asked {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

/// What it does with a request.
type Manner = dyn Fn(&Asked) -> Reply + Send + Sync;

/// What a request comes to.
pub(crate) enum Reply {
    With(Response),
    /// The connection stays open and nothing is said.
    Silence,
}

/// The service, gone when dropped.
pub(crate) struct Upstream {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<Asked>>>,
    manner: Arc<Mutex<Arc<Manner>>>,
    serving: JoinHandle<()>,
}

impl Reply {
    pub(crate) fn json(status: u16, body: &Value) -> Self {
        let mut response = axum::Json(body).into_response();
        *response.status_mut() = status.try_into().unwrap();
        Self::With(response)
    }

    pub(crate) fn text(status: u16, body: impl Into<Body>) -> Self {
        let response = Response::builder().status(status).header("content-type", "text/plain");
        Self::With(response.body(body.into()).unwrap())
    }
}

impl Upstream {
    pub(crate) async fn start(manner: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> Self {
        Self::start_on(0, manner).await
    }

    pub(crate) async fn start_on(
        port: u16,
        manner: impl Fn(&Asked) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let manner: Arc<Mutex<Arc<Manner>>> = Arc::new(Mutex::new(Arc::new(manner)));
        let (record, current) = (Arc::clone(&asked), Arc::clone(&manner));
        let answer = move |request: Request| {
            let (record, current) = (Arc::clone(&record), Arc::clone(&current));
            async move {
                let (head, body) = request.into_parts();
                let body = to_bytes(body, usize::MAX).await.unwrap();
                let asked = Asked { path: head.uri.path().to_owned(), headers: head.headers, body };
                record.lock().push(asked.clone());
                let manner = Arc::clone(&current.lock());
                match manner(&asked) {
                    Reply::With(response) => response,
                    Reply::Silence => std::future::pending().await,
                }
            }
        };
        let serving = tokio::spawn(async move {
            axum::serve(listener, Router::new().fallback(answer)).await.unwrap();
        });
        Self { address, asked, manner, serving }
    }

    /// From now on it does otherwise.
    pub(crate) fn change(&self, manner: impl Fn(&Asked) -> Reply + Send + Sync + 'static) {
        *self.manner.lock() = Arc::new(manner);
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().clone()
    }

    /// Waits until it was asked as often.
    pub(crate) async fn until_asked(&self, times: usize) {
        within("a request to the service", async {
            while self.asked.lock().len() < times {
                tokio::task::yield_now().await;
            }
        })
        .await;
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.serving.abort();
    }
}
