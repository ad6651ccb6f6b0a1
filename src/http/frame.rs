//! The edge of the router: what every request gets, whatever answers it.
//!
//! An id, a step of a trace, the security headers, one access-log line, two metrics, and the body
//! of a refusal. Logged, counted and traced is the route's template; the raw URL never is.

use axum::extract::{MatchedPath, Request, State};
use axum::http::header::{
    CACHE_CONTROL, REFERRER_POLICY, STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use opentelemetry::KeyValue;
use opentelemetry::trace::SpanKind;
use tracing::{Instrument as _, error_span, field, info};
use uuid::Uuid;

use super::App;
use super::context::RequestId;
use super::peer;
use super::problem::{self, Asked};
use crate::error::Error;
use crate::telemetry::names;
use crate::telemetry::tracer::Report;
use crate::telemetry::traces::TraceContext;

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const HSTS: HeaderValue = HeaderValue::from_static("max-age=31536000; includeSubDomains");
/// Stands for every method nobody implements.
const OTHER: &str = "other";

/// Wraps everything below.
pub async fn frame(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let id = request_id(request.headers());
    let step = app.tracer.begin(caller(request.headers()));
    let matched = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned());
    let route = matched.as_deref().unwrap_or("unmatched");
    let method = method_label(request.method());
    let asked = Asked::new(&request, &id);
    let by_tls = app.settings.tls
        || peer::came_by_tls(
            request.headers(),
            request.extensions(),
            &app.settings.trusted_proxies,
        );
    request.extensions_mut().insert(RequestId(id.clone()));
    request.extensions_mut().insert(step.context);
    // At the highest level, so that a log of errors alone still names the request.
    let span = error_span!("request", request_id = %id, trace_id = %step.context.trace,
        span_id = %step.context.span, method, path = route, user_id = field::Empty);

    let response = next.run(request).instrument(span.clone()).await;
    let mut response = problem::render(response, &asked);
    protect(response.headers_mut(), by_tls);
    // Generated or checked above: letters, digits and hyphens only.
    if let Ok(id) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(X_REQUEST_ID, id);
    }

    let (status, took) = (response.status(), step.elapsed());
    let labels = [
        ("method", method.to_owned()),
        ("route", route.to_owned()),
        ("status", status.as_u16().to_string()),
    ];
    metrics::counter!(names::HTTP_REQUESTS, &labels).increment(1);
    metrics::histogram!(names::HTTP_REQUEST_SECONDS, &labels).record(took);
    let duration_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
    span.in_scope(|| info!(status = status.as_u16(), duration_ms, "request answered"));
    app.tracer.end(&step, || served(method, matched, status));
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

/// The step of the caller's that this request is part of.
fn caller(headers: &HeaderMap) -> Option<TraceContext> {
    headers.get("traceparent").and_then(|value| value.to_str().ok()?.parse().ok())
}

/// A request in the words of OpenTelemetry's semantic conventions for HTTP servers.
fn served(method: &'static str, route: Option<String>, status: StatusCode) -> Report {
    let (named, method) = if method == OTHER { ("HTTP", "_OTHER") } else { (method, method) };
    let mut attributes = vec![
        KeyValue::new("http.request.method", method),
        KeyValue::new("http.response.status_code", i64::from(status.as_u16())),
    ];
    let name = match &route {
        Some(route) => format!("{named} {route}").into(),
        None => named.into(),
    };
    attributes.extend(route.map(|route| KeyValue::new("http.route", route)));
    let is_failure = status.is_server_error();
    if is_failure {
        attributes.push(KeyValue::new("error.type", status.as_str().to_owned()));
    }
    Report { name, kind: SpanKind::Server, attributes, is_failure }
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
        _ => OTHER,
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

    #[test]
    fn a_step_is_named_by_what_comes_from_closed_sets() {
        let known = served("GET", Some("/users/{id}".into()), StatusCode::OK);
        let lost = served("GET", None, StatusCode::NOT_FOUND);
        let odd = served(OTHER, None, StatusCode::METHOD_NOT_ALLOWED);

        assert_eq!([known.name, lost.name, odd.name], ["GET /users/{id}", "GET", "HTTP"]);
        assert_eq!(odd.attributes[0], KeyValue::new("http.request.method", "_OTHER"));
    }

    #[test]
    fn only_our_own_faults_are_failures() {
        assert!(!served("GET", None, StatusCode::NOT_FOUND).is_failure);
        let failed = served("GET", None, StatusCode::SERVICE_UNAVAILABLE);

        assert!(failed.is_failure);
        assert!(failed.attributes.contains(&KeyValue::new("error.type", "503")));
    }
}
