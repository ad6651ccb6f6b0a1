//! Care over HTTP: the people and places, the catalogue, and visits.
//!
//! [`viewer`] says what a caller is to the records; every handler asks it before it looks.

pub(in crate::http) mod appointments;
pub mod catalogue;
mod chart;
mod dashboards;
mod diagnoses;
pub(in crate::http) mod doctors;
pub(in crate::http) mod institutions;
mod notes;
pub(in crate::http) mod patients;
mod prescriptions;
mod reading;
pub(in crate::http) mod results;
mod specialties;
pub mod suggestions;
mod ties;
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
        .merge(dashboards::routes())
        .merge(notes::routes())
        .merge(prescriptions::routes())
        .merge(diagnoses::routes())
        .merge(suggestions::routes())
        .merge(appointments::routes())
        .merge(results::routes())
}
