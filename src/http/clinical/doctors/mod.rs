//! Doctors over HTTP (contract §5.6).
//!
//! [`view`] decides how much of a doctor a caller sees; [`directory`] lists and shows them, [`write`]
//! makes, changes and removes them, [`standing`] says whether they practise,
//! [`schedule`] when they receive, [`own`] is what a doctor sees of themselves.

pub(in crate::http::clinical) mod directory;
mod own;
mod schedule;
mod standing;
pub(in crate::http) mod view;
mod write;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::patients::record;
use crate::http::App;

/// The routes of doctors.
pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(directory::list, write::create))
        .routes(routes!(directory::one, write::replace, write::patch, write::delete))
        .routes(routes!(write::restore))
        .routes(routes!(standing::set_status))
        .routes(routes!(standing::verify_license))
        .routes(routes!(own::profile, own::change_profile))
        .routes(routes!(own::institution))
        .routes(routes!(own::patients))
        .routes(routes!(record::of_own_patient))
        .routes(routes!(schedule::availability))
        .routes(routes!(schedule::replace))
}
