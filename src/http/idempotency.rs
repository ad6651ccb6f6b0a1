//! `Idempotency-Key`: a repeated `POST` gets the first answer again instead of a second effect.
//!
//! A key belongs to an account, a method and a path. The work goes on when its caller hangs up, so
//! that the answer is there for the retry. Answers hold tokens and health data and requests hold
//! passwords, so the table has the one sealed and of the other a mark ([`crate::auth::Seal`]).
//! A form in parts is not held in memory, and sent again it is parted in another way: who takes it
//! in compares what it brought, by [`Keyed`].

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

/// A request under a key, until it is known whether it was made before.
#[derive(Clone)]
pub struct Keyed {
    scope: String,
    key: String,
    asked: Asked,
}

/// Replays, refuses or runs a keyed `POST` of a signed-in caller; anything else passes.
pub async fn replay(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let keyed = match Keyed::of(&request) {
        Ok(Some(keyed)) => keyed,
        Ok(None) => return next.run(request).await,
        Err(error) => return error.into_response(),
    };
    if is_multipart(&request) {
        request.extensions_mut().insert(keyed);
        return next.run(request).await;
    }
    by_its_body(app, request, next, keyed).await.unwrap_or_else(IntoResponse::into_response)
}

async fn by_its_body(app: App, request: Request, next: Next, keyed: Keyed) -> Result<Response> {
    let (parts, body) = request.into_parts();
    let bytes = body::collect(body, app.settings.body).await?;
    let query = parts.uri.query().unwrap_or_default().to_owned();
    let request = Request::from_parts(parts, Body::from(bytes.clone()));
    keyed.once(&app, &[query.as_bytes(), &bytes], next.run(request)).await
}

impl Keyed {
    fn of(request: &Request) -> Result<Option<Self>> {
        let (Some(key), Some(caller)) =
            (request.headers().get(KEY), principal(request.extensions()))
        else {
            return Ok(None);
        };
        if request.method() != Method::POST {
            return Ok(None);
        }
        let key = key.to_str().unwrap_or_default().to_owned();
        if !(1..=128).contains(&key.chars().count()) {
            return Err(Kind::Malformed("bad Idempotency-Key".into()).into());
        }
        let id = request.extensions().get::<RequestId>().map_or("", |id| id.0.as_str());
        Ok(Some(Self { scope: scope(caller, request), key, asked: Asked::new(request, id) }))
    }

    /// Does the work, or answers as it was answered before. What was asked with other `content`
    /// under the same key is refused.
    pub async fn once(
        self,
        app: &App,
        content: &[&[u8]],
        work: impl Future<Output = Response> + Send + 'static,
    ) -> Result<Response> {
        let Self { scope, key, .. } = &self;
        let mark = app.seal.mark(content);
        let now = Timestamp::now();
        let (stale, expired) = (now.minus(STALE_AFTER), now.minus(KEPT_FOR));
        match idempotency::claim(&app.store, scope, key, &mark, now, stale, expired).await? {
            Claim::Taken(kept) => match app.seal.is_mark_of(&kept.request_hash, content) {
                Some(false) => Err(Kind::IdempotencyKeyReuse.into()),
                // Whether it asked for the same cannot be told any more, and the answer is closed
                // too.
                None => Err(unanswered(kept.is_done)),
                Some(true) => replayed(&app.seal, kept, &self.place(), stale),
            },
            Claim::Ours => {
                let run = self.run(app.clone(), work).instrument(Span::current());
                tokio::spawn(run).await.map_err(Error::internal)?
            }
        }
    }

    /// Does the work and keeps its answer, unless it was our fault or says to come back.
    async fn run(self, app: App, work: impl Future<Output = Response>) -> Result<Response> {
        let Self { scope, key, asked } = &self;
        let response = idempotency::within(scope, key, work).await;
        let response = problem::render(response, asked);
        let status = response.status();
        if status.is_server_error() {
            idempotency::abandon(&app.store, scope, key).await?;
            return Ok(response);
        }
        if matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::UNAUTHORIZED) {
            idempotency::retract(&app.store, scope, key).await?;
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
        let sealed = app.seal.close(text, &self.place())?;
        let kept = idempotency::finish(&app.store, scope, key, status.as_u16(), &headers, &sealed);
        // The effect stands; failing the answer now would invite a second one.
        if let Err(error) = kept.await {
            warn!(error = %error, "answer not kept");
        }
        Ok(Response::from_parts(parts, Body::from(bytes)))
    }

    /// What an answer is sealed for: in the row of another key it does not open.
    fn place(&self) -> String {
        format!("{}\n{}", self.scope, self.key)
    }
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

fn is_multipart(request: &Request) -> bool {
    let kind = request.headers().get(CONTENT_TYPE).map(HeaderValue::as_bytes);
    kind.is_some_and(|kind| kind.starts_with(b"multipart/"))
}
