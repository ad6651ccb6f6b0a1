//! The edge of the router: what every request gets, whatever answers it.
//!
//! An id, a span, the security headers, one access-log line, two metrics, and the body of a
//! refusal. Logged and counted is the route's template; the raw URL never is.

use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::http::header::{
    CACHE_CONTROL, REFERRER_POLICY, STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tracing::{Instrument as _, error_span, field, info};
use uuid::Uuid;

use super::App;
use super::context::RequestId;
use super::problem::{self, Asked};
use crate::error::Error;
use crate::telemetry::names;
use crate::telemetry::traces::TraceContext;

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const HSTS: HeaderValue = HeaderValue::from_static("max-age=31536000; includeSubDomains");

/// Wraps everything below.
pub async fn frame(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let id = request_id(request.headers());
    let trace = trace(request.headers(), app.settings.trace_ratio);
    let route = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned());
    let route = route.unwrap_or_else(|| "unmatched".to_owned());
    let method = method_label(request.method());
    let asked = Asked::new(&request, &id);
    request.extensions_mut().insert(RequestId(id.clone()));
    request.extensions_mut().insert(trace);
    // At the highest level, so that a log of errors alone still names the request.
    let span = error_span!("request", request_id = %id, trace_id = %trace.trace,
        span_id = %trace.span, method, path = %route, user_id = field::Empty);

    let started = Instant::now();
    let response = next.run(request).instrument(span.clone()).await;
    let mut response = problem::render(response, &asked);
    protect(response.headers_mut(), app.settings.tls);
    // Generated or checked above: letters, digits and hyphens only.
    if let Ok(id) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(X_REQUEST_ID, id);
    }

    let (status, took) = (response.status().as_u16(), started.elapsed());
    let labels = [("method", method.to_owned()), ("route", route), ("status", status.to_string())];
    metrics::counter!(names::HTTP_REQUESTS, &labels).increment(1);
    metrics::histogram!(names::HTTP_REQUEST_SECONDS, &labels).record(took);
    let duration_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
    span.in_scope(|| info!(status, duration_ms, "request answered"));
    response
}

/// The answer in place of a handler that panicked.
#[expect(clippy::needless_pass_by_value, reason = "the signature tower-http calls")]
pub fn after_panic(panic: Box<dyn std::any::Any + Send>) -> Response {
    let said = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied());
    Error::internal(format!("handler panicked: {}", said.unwrap_or("no message"))).into_response()
}

/// The caller's own id when it is fit to be echoed, else a new one.
fn request_id(headers: &HeaderMap) -> String {
    headers
        .get(X_REQUEST_ID)
        .and_then(|value| value.to_str().ok())
        .filter(|id| (8..=64).contains(&id.len()))
        .filter(|id| id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-'))
        .map_or_else(|| Uuid::now_v7().to_string(), ToOwned::to_owned)
}

/// A step of the trace the caller began, else a new one.
fn trace(headers: &HeaderMap, ratio: f64) -> TraceContext {
    let begun = headers.get("traceparent").and_then(|value| value.to_str().ok()?.parse().ok());
    begun.map_or_else(|| TraceContext::begin(ratio), TraceContext::child)
}

/// A closed set: a made-up method would be a made-up label.
fn method_label(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}

/// Answers may hold personal data, so nothing is cached, and no address told to the next site, unless
/// the handler says otherwise.
fn protect(headers: &mut HeaderMap, tls: bool) {
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.entry(REFERRER_POLICY).or_insert(HeaderValue::from_static("no-referrer"));
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    if tls {
        headers.insert(STRICT_TRANSPORT_SECURITY, HSTS);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: &'static str, value: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(name, value.parse().unwrap());
        headers
    }

    #[test]
    fn a_fit_request_id_is_kept_and_any_other_replaced() {
        let given = |id| request_id(&headers("x-request-id", id));

        assert_eq!(given("abc-12345"), "abc-12345");
        assert_ne!(given("short"), "short");
        assert_ne!(given("has spaces in it"), "has spaces in it");
    }
}
