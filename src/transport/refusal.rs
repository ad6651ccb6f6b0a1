//! Refusals before a connection exists, as the protocols want them.

use axum::body::Body;
use axum::http::{Response, StatusCode, header};
use latido_protocol::engine::RequestError;
use serde_json::json;

/// An Engine.IO request error: 400 with a code and a message (Engine.IO protocol, "handshake").
pub fn engine(error: RequestError) -> Response<Body> {
    let status = match error {
        RequestError::Forbidden => StatusCode::FORBIDDEN,
        _ => StatusCode::BAD_REQUEST,
    };
    json(status, "application/json", error.body())
}

/// The request's `Origin` is not allowed: a problem (RFC 9457) that an Engine.IO client reads too.
pub fn origin(path: &str) -> Response<Body> {
    let mut body = problem("origin-not-allowed", "Origin not allowed", 403, path);
    body["code"] = json!(RequestError::Forbidden.code());
    body["message"] = json!(RequestError::Forbidden.message());
    json(StatusCode::FORBIDDEN, PROBLEM, body.to_string())
}

/// Credentials offered in a WebSocket upgrade were not accepted.
pub fn unauthenticated(path: &str) -> Response<Body> {
    let body = problem("unauthenticated", "Unauthenticated", 401, path);
    let mut response = json(StatusCode::UNAUTHORIZED, PROBLEM, body.to_string());
    response
        .headers_mut()
        .insert(header::WWW_AUTHENTICATE, header::HeaderValue::from_static("Bearer"));
    response
}

/// The account of the credentials is switched off.
pub fn inactive(path: &str) -> Response<Body> {
    let body = problem("account-inactive", "Account inactive", 403, path);
    json(StatusCode::FORBIDDEN, PROBLEM, body.to_string())
}

/// Whoever offered the credentials opens no sockets.
pub fn forbidden(path: &str) -> Response<Body> {
    let body = problem("forbidden", "Forbidden", 403, path);
    json(StatusCode::FORBIDDEN, PROBLEM, body.to_string())
}

/// The node is shutting down or cannot read; another one, or this one later, will answer.
pub fn unavailable(path: &str) -> Response<Body> {
    let body = problem("unavailable", "Unavailable", 503, path);
    let mut response = json(StatusCode::SERVICE_UNAVAILABLE, PROBLEM, body.to_string());
    response.headers_mut().insert(header::RETRY_AFTER, header::HeaderValue::from_static("1"));
    response
}

/// A WebSocket path was asked for without an upgrade.
pub fn upgrade_required(path: &str) -> Response<Body> {
    let body = problem("upgrade-required", "Upgrade required", 426, path);
    let mut response = json(StatusCode::UPGRADE_REQUIRED, PROBLEM, body.to_string());
    let headers = response.headers_mut();
    headers.insert(header::UPGRADE, header::HeaderValue::from_static("websocket"));
    headers.insert(header::CONNECTION, header::HeaderValue::from_static("upgrade"));
    response
}

/// The upgrade request is not one of RFC 6455 §4.2.1.
pub fn malformed_upgrade(path: &str) -> Response<Body> {
    let body = problem("malformed", "Malformed upgrade request", 400, path);
    let mut response = json(StatusCode::BAD_REQUEST, PROBLEM, body.to_string());
    response
        .headers_mut()
        .insert(header::SEC_WEBSOCKET_VERSION, header::HeaderValue::from_static("13"));
    response
}

const PROBLEM: &str = "application/problem+json";

fn problem(slug: &str, title: &str, status: u16, path: &str) -> serde_json::Value {
    json!({
        "type": format!("urn:latido:problem:{slug}"),
        "title": title,
        "status": status,
        "instance": path,
    })
}

fn json(status: StatusCode, content_type: &'static str, body: String) -> Response<Body> {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, header::HeaderValue::from_static(content_type));
    response
}
