//! `Idempotency-Key`: a repeated `POST` gets the first answer again instead of a second effect.
//!
//! A key belongs to an account, a method and a path. The work goes on when its caller hangs up, so
//! that the answer is there for the retry. Answers hold tokens and health data and requests hold
//! passwords, so the table has the one sealed and of the other a mark ([`crate::auth::Seal`]).
//! Uploads in parts are not covered: they are not held in memory to be compared.

use std::time::Duration;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::{CONTENT_TYPE, ETAG, LOCATION};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};
use tracing::{Instrument as _, Span, warn};

use super::App;
use super::body::{self, Bounds};
use super::caller::principal;
use super::context::RequestId;
use super::problem::{self, Asked};
use crate::auth::Seal;
use crate::domain::identity::{Principal, Role};
use crate::domain::time::Timestamp;
use crate::error::{Error, Kind, Result};
use crate::persistence::idempotency::{self, Claim, Headers, Kept};

const KEY: &str = "idempotency-key";
const SERVICE_KEY: &str = "x-service-key";
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");
/// How long an answer is kept.
const KEPT_FOR: Duration = Duration::from_hours(24);
/// A request running longer than this lost its node.
const STALE_AFTER: Duration = Duration::from_mins(2);
/// Answers larger than this are given but not kept.
const MAX_ANSWER: usize = 1 << 20;
const KEPT_HEADERS: [HeaderName; 3] = [CONTENT_TYPE, LOCATION, ETAG];

/// Replays, refuses or runs a keyed `POST` of a signed-in caller; anything else passes.
pub async fn replay(State(app): State<App>, request: Request, next: Next) -> Response {
    let Some(key) = request.headers().get(KEY) else { return next.run(request).await };
    let Some(caller) = principal(request.extensions()) else { return next.run(request).await };
    if request.method() != Method::POST || is_multipart(&request) {
        return next.run(request).await;
    }
    let key = key.to_str().unwrap_or_default().to_owned();
    if !(1..=128).contains(&key.chars().count()) {
        return Error::from(Kind::Malformed("bad Idempotency-Key".into())).into_response();
    }
    let scope = scope(caller, &request);
    keyed(app, request, next, scope, key).await.unwrap_or_else(IntoResponse::into_response)
}

async fn keyed(
    app: App,
    request: Request,
    next: Next,
    scope: String,
    key: String,
) -> Result<Response> {
    let (parts, body) = request.into_parts();
    let bytes = body::collect(body, app.settings.body).await?;
    let query = parts.uri.query().unwrap_or_default().to_owned();
    let asked = [query.as_bytes(), &bytes];
    let request_hash = app.seal.mark(&asked);
    let body = Body::from(bytes.clone());
    let request = Request::from_parts(parts, body);

    let now = Timestamp::now();
    let (stale, expired) = (now.minus(STALE_AFTER), now.minus(KEPT_FOR));
    let claim =
        idempotency::claim(&app.store, &scope, &key, &request_hash, now, stale, expired).await?;
    match claim {
        Claim::Taken(kept) => match app.seal.is_mark_of(&kept.request_hash, &asked) {
            Some(false) => Err(Kind::IdempotencyKeyReuse.into()),
            // Whether it asked for the same cannot be told any more, and the answer is closed too.
            None => Err(unanswered(kept.is_done)),
            Some(true) => replayed(&app.seal, kept, &place(&scope, &key), stale),
        },
        Claim::Ours => {
            let run = run(app, request, next, scope, key).instrument(Span::current());
            tokio::spawn(run).await.map_err(Error::internal)?
        }
    }
}

/// Runs the request and keeps its answer, unless it was our fault or says to come back.
async fn run(
    app: App,
    request: Request,
    next: Next,
    scope: String,
    key: String,
) -> Result<Response> {
    let id = request.extensions().get::<RequestId>().map_or("", |id| id.0.as_str());
    let asked = Asked::new(&request, id);
    let response = idempotency::within(&scope, &key, next.run(request)).await;
    let response = problem::render(response, &asked);
    let status = response.status();
    if status.is_server_error() {
        idempotency::abandon(&app.store, &scope, &key).await?;
        return Ok(response);
    }
    if matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::UNAUTHORIZED) {
        idempotency::retract(&app.store, &scope, &key).await?;
        return Ok(response);
    }
    let (parts, body) = response.into_parts();
    let bytes = body::collect(body, Bounds { bytes: MAX_ANSWER, ..app.settings.body }).await?;
    let headers: Headers = KEPT_HEADERS
        .iter()
        .filter_map(|name| {
            Some((name.to_string(), parts.headers.get(name)?.to_str().ok()?.to_owned()))
        })
        .collect();
    let text = std::str::from_utf8(&bytes).map_err(Error::internal)?;
    let sealed = app.seal.close(text, &place(&scope, &key))?;
    let kept = idempotency::finish(&app.store, &scope, &key, status.as_u16(), &headers, &sealed);
    let kept = kept.await;
    // The effect stands; failing the answer now would invite a second one.
    if let Err(error) = kept {
        warn!(error = %error, "answer not kept");
    }
    Ok(Response::from_parts(parts, Body::from(bytes)))
}

/// The kept answer. Without one the request still runs, or its node died after the change.
fn replayed(seal: &Seal, kept: Kept, place: &str, stale: Timestamp) -> Result<Response> {
    let (Some(status), Some(body)) = (kept.status, kept.body) else {
        return Err(unanswered(kept.is_done && kept.created_at < stale));
    };
    let body = seal.open(&body, place).ok_or_else(|| unanswered(true))?;
    let status = u16::try_from(status).ok().and_then(|code| StatusCode::from_u16(code).ok());
    let status = status.ok_or_else(|| Error::internal("a kept status is none"))?;
    let mut response = (status, body).into_response();
    response.headers_mut().remove(CONTENT_TYPE);
    for (name, value) in kept.headers.0 {
        if let (Ok(name), Ok(value)) = (name.parse::<HeaderName>(), HeaderValue::from_str(&value)) {
            response.headers_mut().insert(name, value);
        }
    }
    response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
    Ok(response)
}

/// Services have no account; each is told by its key.
fn scope(caller: &Principal, request: &Request) -> String {
    let path = request.uri().path();
    if caller.has(Role::Service) {
        let key = request.headers().get(SERVICE_KEY).map(HeaderValue::as_bytes);
        let who: [u8; 32] = Sha256::digest(key.unwrap_or_default()).into();
        return format!("service {} POST {path}", URL_SAFE_NO_PAD.encode(who));
    }
    format!("{} POST {path}", caller.user)
}

/// Why a request that was made before gets no answer.
fn unanswered(is_carried_out: bool) -> Error {
    if is_carried_out {
        Kind::Untenable("the request was carried out, but its answer is lost").into()
    } else {
        Kind::IdempotencyInProgress.into()
    }
}

/// What an answer is sealed for: in the row of another key it does not open.
fn place(scope: &str, key: &str) -> String {
    format!("{scope}\n{key}")
}

fn is_multipart(request: &Request) -> bool {
    let kind = request.headers().get(CONTENT_TYPE).map(HeaderValue::as_bytes);
    kind.is_some_and(|kind| kind.starts_with(b"multipart/"))
}
