//! Patients over HTTP (contract §5.8).
//!
//! [`directory`] lists and shows them, [`write`] makes, changes and removes them, [`health`] keeps
//! what is measured, [`record`] shows all that is kept and [`dashboard`] how they stand, [`validation`] how far they are validated, [`care_team`] who cares for them.
//! Paths take `me` for the patient who calls.

pub(in crate::http::clinical) mod care_team;
mod dashboard;
pub(in crate::http::clinical) mod directory;
mod health;
pub(in crate::http::clinical) mod record;
mod validation;
pub(in crate::http) mod view;
mod write;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::http::App;

/// The routes of patients.
pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(directory::list, write::create))
        .routes(routes!(directory::one, write::replace, write::patch, write::delete))
        .routes(routes!(write::restore))
        .routes(routes!(health::with_profile))
        .routes(routes!(health::profile, health::replace))
        .routes(routes!(health::history))
        .routes(routes!(dashboard::show))
        .routes(routes!(record::show))
        .routes(routes!(validation::validate))
        .routes(routes!(care_team::show, care_team::add))
        .routes(routes!(care_team::remove))
}
