//! Results of examinations over HTTP (contract §5.12).
//!
//! [`directory`] lists and shows them, [`write`] makes and changes them, [`file`] takes and gives the
//! document, [`status`] moves them on. Who may what, and who hears of it, is in [`access`].

pub(in crate::http) mod access;
mod directory;
mod file;
mod status;
mod write;

use axum::extract::DefaultBodyLimit;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::http::App;

/// The routes of results.
pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(directory::list, write::create))
        .routes(routes!(directory::one, write::patch))
        .routes(routes!(file::give, file::take))
        .routes(routes!(status::ready))
        .routes(routes!(status::deliver))
        .layer(DefaultBodyLimit::disable())
}
