//! Institutions over HTTP (contract §5.7).
//!
//! [`view`] decides how much of an institution a caller sees; [`directory`] lists and shows them,
//! [`write`] makes, changes and removes them, [`verification`] judges their papers, [`own`] lists what
//! belongs to one, [`regions`] where they are.

pub(in crate::http::clinical) mod directory;
mod own;
mod regions;
mod verification;
pub(in crate::http) mod view;
mod write;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::http::App;

/// The routes of institutions.
pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(directory::list, write::create))
        .routes(routes!(directory::one, write::replace, write::patch, write::delete))
        .routes(routes!(write::restore))
        .routes(routes!(verification::verify))
        .routes(routes!(own::doctors))
        .routes(routes!(own::patients))
        .routes(routes!(regions::regions))
}
