//! Refusals on the wire: RFC 9457, one shape for every path.
//!
//! A handler answers with [`Error`]; here it becomes status, headers and a [`Problem`] carried in
//! the response. [`render`] writes the body at the edge of the router, where path and request id
//! are known. What axum itself refuses (no route, no method) becomes a problem there too.

use std::borrow::Cow;

use axum::Json;
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, Request, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::{Map, Value, json};
use tracing::error;
use utoipa::ToSchema;

use super::limits;
use crate::error::{Error, FieldCode, FieldError, Kind, Unauthenticated};

const MEDIA_TYPE: HeaderValue = HeaderValue::from_static("application/problem+json");

/// Paths whose answers come in the envelope `{"success":…}` (contract §2.3), with what is below.
const ENVELOPED: [&str; 8] = [
    "/api/consultations",
    "/api/recordings",
    "/api/rooms",
    "/api/token",
    "/api/session-sync",
    "/consultations",
    "/recordings",
    "/rooms",
];

/// What Engine.IO clients read in a refused handshake: the protocol's error 4, beside the problem.
const ENGINE_FORBIDDEN: (u8, &str) = (4, "Forbidden");

/// A refusal, before it knows the request it answers.
#[derive(Debug, Clone)]
pub struct Problem {
    slug: &'static str,
    title: &'static str,
    status: StatusCode,
    detail: Cow<'static, str>,
    more: Map<String, Value>,
}

/// Marks an answer whose status says failure but whose body is meant as it is.
#[derive(Debug, Clone, Copy)]
pub struct Explained;

/// The body of every refusal. Some kinds add members: `retryAfter`, `missing`, `field`, `from`,
/// `current`.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Problem)]
pub struct ProblemBody {
    /// `urn:latido:problem:` and the slug
    pub r#type: String,
    pub title: String,
    pub status: u16,
    pub detail: String,
    /// The path that was asked for.
    pub instance: String,
    pub request_id: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldError>,
}

/// Where a problem is rendered: the path and the id of its request.
#[derive(Debug, Clone)]
pub struct Asked {
    path: String,
    request_id: String,
}

impl Asked {
    pub fn new<B>(request: &Request<B>, request_id: &str) -> Self {
        Self { path: request.uri().path().to_owned(), request_id: request_id.to_owned() }
    }
}

impl Problem {
    fn new(slug: &'static str, title: &'static str, status: StatusCode) -> Self {
        Self { slug, title, status, detail: title.into(), more: Map::new() }
    }

    fn with(mut self, member: &str, value: Value) -> Self {
        self.more.insert(member.to_owned(), value);
        self
    }

    /// What a bare status means when no handler of ours explained it.
    fn of_status(status: StatusCode) -> Self {
        match status {
            StatusCode::NOT_FOUND => Self::new("not-found", "Not found", status),
            StatusCode::METHOD_NOT_ALLOWED => {
                Self::new("method-not-allowed", "Method not allowed", status)
            }
            StatusCode::PAYLOAD_TOO_LARGE => {
                Self::new("payload-too-large", "Payload too large", status)
            }
            StatusCode::UNSUPPORTED_MEDIA_TYPE => {
                Self::new("unsupported-media-type", "Unsupported media type", status)
            }
            StatusCode::PRECONDITION_FAILED => {
                Self::new("precondition-failed", "Precondition failed", status)
            }
            StatusCode::UPGRADE_REQUIRED => {
                Self::new("upgrade-required", "Upgrade required", status)
            }
            // Says in `Content-Range` what there is.
            StatusCode::RANGE_NOT_SATISFIABLE => {
                Self::new("malformed", "Range not satisfiable", status)
            }
            status if status.is_server_error() => Self::new("internal", "Internal error", status),
            _ => Self::new("malformed", "Malformed request", StatusCode::BAD_REQUEST),
        }
    }

    fn of_kind(kind: &Kind) -> Self {
        use StatusCode as S;
        let mut problem = match kind {
            Kind::Malformed(_) => Self::new("malformed", "Malformed request", S::BAD_REQUEST),
            Kind::Unauthenticated(_) => {
                Self::new("unauthenticated", "Unauthenticated", S::UNAUTHORIZED)
            }
            Kind::InvalidCredentials => {
                Self::new("invalid-credentials", "Invalid credentials", S::UNAUTHORIZED)
            }
            Kind::Forbidden(_) => Self::new("forbidden", "Forbidden", S::FORBIDDEN),
            Kind::AccountInactive { retry_after } => {
                let problem = Self::new("account-inactive", "Account inactive", S::FORBIDDEN);
                match retry_after {
                    Some(seconds) => problem.with("retryAfter", json!(seconds)),
                    None => problem,
                }
            }
            Kind::OriginNotAllowed => {
                let (code, message) = ENGINE_FORBIDDEN;
                Self::new("origin-not-allowed", "Origin not allowed", S::FORBIDDEN)
                    .with("code", json!(code))
                    .with("message", json!(message))
            }
            Kind::NotFound(_) => Self::new("not-found", "Not found", S::NOT_FOUND),
            Kind::Conflict { field } | Kind::Overlap { field } => {
                Self::new("conflict", "Conflict", S::CONFLICT).with("field", json!(field))
            }
            Kind::Untenable(_) => Self::new("conflict", "Conflict", S::CONFLICT),
            Kind::Stale { current } => {
                Self::new("conflict", "Conflict", S::CONFLICT).with("current", current.clone())
            }
            Kind::InvalidTransition { from, to, allowed } => {
                Self::new("invalid-transition", "Invalid transition", S::CONFLICT)
                    .with("from", json!(from))
                    .with("to", json!(to))
                    .with("allowed", json!(allowed))
            }
            Kind::IdempotencyInProgress => {
                Self::new("idempotency-in-progress", "Request in progress", S::CONFLICT)
            }
            Kind::IdempotencyKeyReuse => Self::new(
                "idempotency-key-reuse",
                "Idempotency key reused",
                S::UNPROCESSABLE_ENTITY,
            ),
            Kind::Gone(_) => Self::new("gone", "Gone", S::GONE),
            Kind::PreconditionFailed => Self::of_status(S::PRECONDITION_FAILED),
            Kind::PayloadTooLarge { limit } => {
                Self::new("payload-too-large", "Payload too large", S::PAYLOAD_TOO_LARGE)
                    .with("limit", json!(limit))
            }
            Kind::UnsupportedMediaType => Self::of_status(S::UNSUPPORTED_MEDIA_TYPE),
            Kind::Validation(fields) => {
                Self::new("validation", "Validation failed", S::UNPROCESSABLE_ENTITY)
                    .with("errors", json!(fields))
            }
            Kind::UpgradeRequired => Self::of_status(S::UPGRADE_REQUIRED),
            Kind::RateLimited { .. } => {
                Self::new("rate-limited", "Too many requests", S::TOO_MANY_REQUESTS)
            }
            Kind::NotConfigured { missing } => {
                Self::new("not-configured", "Not configured", S::SERVICE_UNAVAILABLE)
                    .with("missing", json!(missing))
            }
            Kind::UpstreamFailed(_) => {
                Self::new("upstream-failed", "Upstream failed", S::BAD_GATEWAY)
            }
            Kind::UpstreamTimeout(_) => {
                Self::new("upstream-timeout", "Upstream timeout", S::GATEWAY_TIMEOUT)
            }
            Kind::Unavailable { .. } => {
                Self::new("unavailable", "Unavailable", S::SERVICE_UNAVAILABLE)
            }
            Kind::Internal(_) => Self::new("internal", "Internal error", S::INTERNAL_SERVER_ERROR),
        };
        problem.detail = kind.to_string().into();
        problem
    }

    /// The body of one that has this status, as a document may show it.
    pub fn sample(status: StatusCode, path: &str) -> Value {
        let asked =
            Asked { path: path.into(), request_id: "01890a5d-ac96-774b-bcce-b302099a8057".into() };
        let kind = match status {
            StatusCode::BAD_REQUEST => Kind::Malformed("bad cursor".into()),
            StatusCode::UNAUTHORIZED => Kind::Unauthenticated(Unauthenticated::Missing),
            StatusCode::FORBIDDEN => Kind::Forbidden("not for this role"),
            StatusCode::NOT_FOUND => Kind::NotFound("patient"),
            StatusCode::CONFLICT => Kind::Conflict { field: "email" },
            StatusCode::GONE => Kind::Gone("the ticket"),
            StatusCode::PAYLOAD_TOO_LARGE => Kind::PayloadTooLarge { limit: 1 << 20 },
            StatusCode::UNPROCESSABLE_ENTITY => Kind::Validation(vec![FieldError {
                pointer: "/email".into(),
                code: FieldCode::Format,
                detail: "not an e-mail address".into(),
            }]),
            StatusCode::TOO_MANY_REQUESTS => Kind::RateLimited { retry_after: 7, limit: None },
            StatusCode::BAD_GATEWAY => Kind::UpstreamFailed("the provider"),
            StatusCode::SERVICE_UNAVAILABLE => Kind::Unavailable { retry_after: 5 },
            StatusCode::GATEWAY_TIMEOUT => Kind::UpstreamTimeout("the provider"),
            other => return Self::of_status(other).body(&asked),
        };
        Self::of_kind(&kind).body(&asked)
    }

    fn body(&self, asked: &Asked) -> Value {
        let mut body = Map::new();
        body.insert("type".into(), json!(format!("urn:latido:problem:{}", self.slug)));
        body.insert("title".into(), json!(self.title));
        body.insert("status".into(), json!(self.status.as_u16()));
        body.insert("detail".into(), json!(self.detail));
        body.insert("instance".into(), json!(asked.path));
        body.insert("requestId".into(), json!(asked.request_id));
        body.extend(self.more.clone());
        if is_enveloped(&asked.path) {
            body.insert("success".into(), json!(false));
            body.insert("error".into(), json!(self.title));
        }
        Value::Object(body)
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let problem = Problem::of_kind(self.kind());
        let mut response = problem.status.into_response();
        let headers = response.headers_mut();
        match self.kind() {
            Kind::Unauthenticated(_) | Kind::InvalidCredentials => {
                headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            }
            Kind::RateLimited { retry_after, limit } => {
                headers.insert(RETRY_AFTER, HeaderValue::from(*retry_after));
                if let Some(limit) = limit {
                    limits::announce_refusal(headers, *limit, *retry_after);
                }
            }
            Kind::Unavailable { retry_after }
            | Kind::AccountInactive { retry_after: Some(retry_after) } => {
                headers.insert(RETRY_AFTER, HeaderValue::from(*retry_after));
            }
            Kind::Internal(cause) => error!(error = %cause, "request failed"),
            _ => {}
        }
        response.extensions_mut().insert(problem);
        response
    }
}

/// Writes the body of a refusal; any other answer passes unchanged.
pub fn render(mut response: Response, asked: &Asked) -> Response {
    let explained = response.extensions_mut().remove::<Problem>();
    let problem = match explained {
        Some(problem) => problem,
        None if is_unexplained(&response) => Problem::of_status(response.status()),
        None => return response,
    };
    let (mut kept, _) = response.into_parts();
    kept.headers.remove(CONTENT_LENGTH);
    let (parts, body) = Json(problem.body(asked)).into_response().into_parts();
    kept.headers.extend(parts.headers);
    kept.headers.insert(CONTENT_TYPE, MEDIA_TYPE);
    kept.status = problem.status;
    Response::from_parts(kept, body)
}

/// A refusal by axum itself, which answers in plain text or with nothing.
fn is_unexplained(response: &Response) -> bool {
    let status = response.status();
    let kind = response.headers().get(CONTENT_TYPE).map(HeaderValue::as_bytes);
    (status.is_client_error() || status.is_server_error())
        && response.extensions().get::<Explained>().is_none()
        && kind.is_none_or(|kind| kind.starts_with(b"text/plain"))
}

fn is_enveloped(path: &str) -> bool {
    ENVELOPED.iter().any(|surface| {
        path.strip_prefix(surface).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    })
}

#[cfg(test)]
mod tests {
    use axum::body::to_bytes;

    use super::*;

    async fn rendered(error: Error, path: &str) -> (Response, Value) {
        let asked = Asked { path: path.into(), request_id: "01JB".into() };
        let (parts, body) = render(error.into_response(), &asked).into_parts();
        let body = to_bytes(body, usize::MAX).await.unwrap();
        let value = serde_json::from_slice(&body).unwrap();
        (Response::from_parts(parts, axum::body::Body::empty()), value)
    }

    #[tokio::test]
    async fn a_refused_field_is_named_by_its_pointer() {
        let error = Error::field("/email", FieldCode::Format, "not an e-mail address");

        let (response, body) = rendered(error, "/api/v1/patients").await;

        assert_eq!(response.headers()[CONTENT_TYPE], "application/problem+json");
        assert_eq!(
            body,
            json!({"type": "urn:latido:problem:validation", "title": "Validation failed",
                "status": 422, "detail": "1 field is invalid", "instance": "/api/v1/patients",
                "requestId": "01JB", "errors": [{"pointer": "/email", "code": "format",
                "detail": "not an e-mail address"}]})
        );
    }

    #[tokio::test]
    async fn an_enveloped_surface_says_success_false() {
        for (path, enveloped) in
            [("/api/rooms/r1/stats", true), ("/rooms", true), ("/roomservice", false)]
        {
            let (_, body) = rendered(Kind::NotFound("room").into(), path).await;
            assert_eq!(body.get("success").is_some(), enveloped, "{path}");
        }
    }

    #[tokio::test]
    async fn headers_say_how_to_sign_in_and_when_to_come_back() {
        let missing = Kind::Unauthenticated(Unauthenticated::Missing);
        let (response, _) = rendered(missing.into(), "/").await;
        assert_eq!(response.headers()[WWW_AUTHENTICATE], "Bearer");

        let (response, _) = rendered(Kind::Unavailable { retry_after: 5 }.into(), "/").await;
        assert_eq!(response.headers()[RETRY_AFTER], "5");
    }

    #[tokio::test]
    async fn the_cause_of_an_internal_error_stays_inside() {
        let (_, body) = rendered(Error::internal("the disk is on fire"), "/").await;

        assert_eq!(body["detail"], "internal error");
    }
}
