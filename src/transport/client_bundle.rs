//! The stock Socket.IO client, served beside the endpoint as Socket.IO servers do (contract §1.2).
//!
//! The bundles are those of the npm package `socket.io-client`, version 4.8.4.

use axum::Router;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

/// Bundles change only with the version, which the tag names.
const TAG: &str = "\"4.8.4\"";

/// Routes of the client bundles.
pub fn router<S: Clone + Send + Sync + 'static>() -> Router<S> {
    Router::new()
        .route(
            "/socket.io/socket.io.js",
            get(async |headers: HeaderMap| {
                bundle(&headers, include_str!("../web/socket.io-client/socket.io.js"))
            }),
        )
        .route(
            "/socket.io/socket.io.min.js",
            get(async |headers: HeaderMap| {
                bundle(&headers, include_str!("../web/socket.io-client/socket.io.min.js"))
            }),
        )
        .route(
            "/socket.io/socket.io.esm.min.js",
            get(async |headers: HeaderMap| {
                bundle(&headers, include_str!("../web/socket.io-client/socket.io.esm.min.js"))
            }),
        )
}

fn bundle(headers: &HeaderMap, text: &'static str) -> Response {
    let tagged = [
        (header::ETAG, HeaderValue::from_static(TAG)),
        (header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=0")),
        (header::CONTENT_TYPE, HeaderValue::from_static("application/javascript; charset=utf-8")),
    ];
    if headers.get(header::IF_NONE_MATCH).is_some_and(|known| known == TAG) {
        return (StatusCode::NOT_MODIFIED, tagged).into_response();
    }
    (tagged, text).into_response()
}
