//! Refusals before a connection exists, as the protocols want them.
//!
//! What no protocol words is an [`Error`], which the edge of the router makes a problem of.

use axum::body::Body;
use axum::http::{HeaderValue, Response, StatusCode, header};
use axum::response::IntoResponse as _;
use latido_protocol::engine::RequestError;

use crate::error::{Error, Kind};

/// Seconds after which another node, or this one, may answer.
const RETRY_AFTER: u64 = 1;

/// An Engine.IO request error: 400 with a code and a message (Engine.IO protocol, "handshake").
pub fn engine(error: RequestError) -> Response<Body> {
    let status = match error {
        RequestError::Forbidden => StatusCode::FORBIDDEN,
        _ => StatusCode::BAD_REQUEST,
    };
    let json = HeaderValue::from_static("application/json");
    (status, [(header::CONTENT_TYPE, json)], error.body()).into_response()
}

/// The request's `Origin` is not allowed.
pub fn origin() -> Response<Body> {
    refuse(Kind::OriginNotAllowed)
}

/// Credentials offered in an upgrade open no connection.
pub fn credentials(error: Error) -> Response<Body> {
    match error.kind() {
        Kind::AccountInactive { .. } | Kind::Forbidden(_) | Kind::Unauthenticated(_) => {
            error.into_response()
        }
        _ => unavailable(),
    }
}

/// The node is shutting down or cannot read; another one, or this one later, will answer.
pub fn unavailable() -> Response<Body> {
    refuse(Kind::Unavailable { retry_after: RETRY_AFTER })
}

/// A WebSocket path was asked for without an upgrade.
pub fn upgrade_required() -> Response<Body> {
    let mut response = refuse(Kind::UpgradeRequired);
    let headers = response.headers_mut();
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
    response
}

/// The upgrade request is not one of RFC 6455 §4.2.1.
pub fn malformed_upgrade() -> Response<Body> {
    let mut response = refuse(Kind::Malformed("not a WebSocket handshake of version 13".into()));
    let version = HeaderValue::from_static("13");
    response.headers_mut().insert(header::SEC_WEBSOCKET_VERSION, version);
    response
}

fn refuse(kind: Kind) -> Response<Body> {
    Error::from(kind).into_response()
}
