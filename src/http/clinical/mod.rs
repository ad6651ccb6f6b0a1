//! Care over HTTP: the people and places, and the catalogue.
//!
//! [`viewer`] says what a caller is to the records; every handler asks it before it looks.

pub mod catalogue;
pub(in crate::http) mod doctors;
pub(in crate::http) mod institutions;
pub(in crate::http) mod patients;
pub(in crate::http) mod results;
mod specialties;
pub(in crate::http) mod viewer;

use utoipa_axum::router::OpenApiRouter;

use super::App;

/// The routes of this context.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .merge(catalogue::routes())
        .merge(doctors::routes())
        .merge(specialties::routes())
        .merge(institutions::routes())
        .merge(patients::routes())
        .merge(results::routes())
}
