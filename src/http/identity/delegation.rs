//! Requests that the auth service beside the hub answers in our place (`AUTH_SERVICE_URL`).
//!
//! A handler takes its body as [`Delegable`]: it is read and checked as ever, and where a service
//! is configured the request is kept as it came, to be passed on. The service's answer goes back
//! unchanged, a refusal of its own included; what it breaks becomes a 502 or a 504 of ours.

use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{FromRequest, Request};
use axum::http::header::{
    ACCEPT, ACCEPT_LANGUAGE, AUTHORIZATION, CONTENT_TYPE, LOCATION, RETRY_AFTER, SET_COOKIE,
    USER_AGENT, WWW_AUTHENTICATE,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::de::DeserializeOwned;
use tokio::time::{sleep, timeout};
use tracing::warn;

use crate::error::{Error, Kind, Result};
use crate::http::context::RequestId;
use crate::http::peer::Peer;
use crate::http::problem::Explained;
use crate::http::{App, body};
use crate::outgoing::{self, Client, Failure};
use crate::telemetry::traces::TraceContext;

/// The whole of a request to the service, all attempts included.
const PATIENCE: Duration = Duration::from_secs(5);
/// Waits before the second and third attempt. Only a connection that did not come about is tried
/// again: the service may have counted anything else.
const PAUSES: [Duration; 2] = [Duration::from_millis(100), Duration::from_millis(300)];
/// The largest answer in bytes.
const LIMIT: usize = 1024 * 1024;
/// What callers are told failed.
const SERVICE: &str = "the auth service";

/// Headers of the caller that the service gets to see.
const ASKED_WITH: [HeaderName; 7] = [
    ACCEPT,
    ACCEPT_LANGUAGE,
    AUTHORIZATION,
    CONTENT_TYPE,
    USER_AGENT,
    HeaderName::from_static("x-device-id"),
    HeaderName::from_static("x-service-key"),
];

/// Headers of the service that the caller gets to see.
const ANSWERED_WITH: [HeaderName; 5] =
    [CONTENT_TYPE, LOCATION, RETRY_AFTER, SET_COOKIE, WWW_AUTHENTICATE];

/// The service and the way to it. Cheap to clone.
#[derive(Clone)]
pub struct AuthService {
    /// Without a slash at the end.
    url: String,
    client: Client,
}

/// A body, and the request it came in where the service is to answer it.
pub struct Delegable<T>(pub T, pub Option<Delegated>);

/// A request to be passed on.
pub struct Delegated {
    service: AuthService,
    headers: HeaderMap,
    body: Bytes,
}

/// What the service said.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

impl AuthService {
    pub fn new(url: &str) -> Result<Self> {
        Ok(Self { url: url.to_owned(), client: outgoing::client(PATIENCE)? })
    }
}

impl Delegated {
    /// The service's answer to the request at `path`.
    ///
    /// Fails with [`Kind::UpstreamTimeout`] or [`Kind::UpstreamFailed`] when it gives none, sends
    /// the caller elsewhere, or fails itself.
    pub async fn ask(&self, path: &'static str) -> Result<Answer> {
        let answer = timeout(PATIENCE, self.attempts(path)).await.unwrap_or(Err(Failure::TimedOut));
        answer.map_err(|failure| {
            warn!(path, error = %failure, "request not answered by the auth service");
            failure.of(SERVICE).into()
        })
    }

    async fn attempts(&self, path: &str) -> Result<Answer, Failure> {
        for pause in PAUSES {
            match self.attempt(path).await {
                Err(Failure::Unreached(_)) => sleep(pause).await,
                outcome => return outcome,
            }
        }
        self.attempt(path).await
    }

    async fn attempt(&self, path: &str) -> Result<Answer, Failure> {
        let request = self
            .service
            .client
            .post(format!("{}{path}", self.service.url))
            .headers(self.headers.clone())
            .body(self.body.clone());
        let answer = request.send().await?;
        let status = answer.status();
        if !status.is_success() && !status.is_client_error() {
            return Err(Failure::Bad(format!("status {}", status.as_u16())));
        }
        let headers = only(&ANSWERED_WITH, answer.headers());
        Ok(Answer { status, headers, body: outgoing::body(answer, LIMIT).await? })
    }
}

impl Answer {
    /// The body as JSON, if it is that.
    pub fn json<T: DeserializeOwned>(&self) -> Option<T> {
        serde_json::from_slice(&self.body).ok()
    }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        let mut response = (self.status, self.headers, self.body).into_response();
        response.extensions_mut().insert(Explained);
        response
    }
}

impl<T: FromRequest<App, Rejection = Error>> FromRequest<App> for Delegable<T> {
    type Rejection = Error;

    async fn from_request(request: Request, app: &App) -> Result<Self> {
        let Some(service) = &app.elsewhere.auth_service else {
            return T::from_request(request, app).await.map(|body| Self(body, None));
        };
        let (head, stream) = request.into_parts();
        let bytes = body::collect(stream, app.settings.body).await?;
        let mut headers = only(&ASKED_WITH, &head.headers);
        let peer = Peer::of(&head.headers, &head.extensions, &app.settings.trusted_proxies);
        add(&mut headers, "x-forwarded-for", peer.0.to_string());
        if let Some(id) = head.extensions.get::<RequestId>() {
            add(&mut headers, "x-request-id", id.0.clone());
        }
        if let Some(trace) = head.extensions.get::<TraceContext>() {
            add(&mut headers, "traceparent", trace.child().to_string());
        }
        let delegated = Delegated { service: service.clone(), headers, body: bytes.clone() };
        let body = T::from_request(Request::from_parts(head, Body::from(bytes)), app).await?;
        Ok(Self(body, Some(delegated)))
    }
}

/// Refuses what would open an account here, or change its password, while another service keeps the
/// accounts: a number made here could be somebody else's there.
pub fn accounts_are_ours(app: &App) -> Result<()> {
    match app.elsewhere.auth_service {
        None => Ok(()),
        Some(_) => Err(Kind::Forbidden("accounts are kept at the auth service").into()),
    }
}

fn only(names: &[HeaderName], headers: &HeaderMap) -> HeaderMap {
    let known = headers.iter().filter(|(name, _)| names.contains(name));
    known.map(|(name, value)| (name.clone(), value.clone())).collect()
}

fn add(headers: &mut HeaderMap, name: &'static str, value: String) {
    if let Ok(value) = HeaderValue::try_from(value) {
        headers.insert(name, value);
    }
}
