//! Files over HTTP (contract §5.21): brought in parts, given whole or by ranges.
//!
//! [`upload`] takes one in, [`content`] gives its bytes, [`access`] says who may have them, [`remove`]
//! takes one away. Bytes are in [`storage`](crate::storage); a row without them is made by none of
//! these, and bytes without a row are removed again.

pub(in crate::http) mod access;
pub(in crate::http) mod content;
mod download;
pub(in crate::http) mod kept;
mod range;
mod remove;
mod sockets;
mod upload;
mod view;

use axum::extract::DefaultBodyLimit;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::App;

pub use sockets::SocketDesk;

/// The routes of files. How much is taken of an upload is up to `MAX_FILE_BYTES`.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(upload::upload))
        .routes(routes!(download::download, remove::remove))
        .layer(DefaultBodyLimit::disable())
}
