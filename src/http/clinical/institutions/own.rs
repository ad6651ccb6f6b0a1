//! The doctors and patients of an institution.

use axum::extract::State;

use crate::domain::id::InstitutionId;
use crate::error::{Kind, Result};
use crate::http::App;
use crate::http::clinical::doctors::directory as doctors;
use crate::http::clinical::doctors::view::DoctorView;
use crate::http::clinical::patients::directory as patients;
use crate::http::clinical::patients::view::PatientSummary;
use crate::http::clinical::viewer::{Standing, Viewer, since};
use crate::http::json::Json;
use crate::http::page::{List, Page, PageParams};
use crate::persistence::clinical::patient_list::Whose;

/// Lists the doctors of the institution that asks, or of the one an administrator names.
#[utoipa::path(
    get, path = "/api/v1/institutions/doctors", tag = "institutions",
    operation_id = "list_institution_doctors",
    params(doctors::Filters, PageParams),
    responses((status = 200, body = Page<DoctorView>)),
)]
pub(super) async fn doctors(
    State(app): State<App>,
    viewer: Viewer,
    list: List<doctors::Filters>,
) -> Result<Json<Page<DoctorView>>> {
    let (mut filters, list) = list.split();
    filters.institution_id = Some(asked(&viewer, filters.institution_id)?);
    let filter = filters.allowed_to(&viewer)?;
    doctors::page(&app, &viewer, &filter, &list).await.map(Json)
}

/// Lists the patients of the institution that asks, or of the one an administrator names.
#[utoipa::path(
    get, path = "/api/v1/institutions/patients", tag = "institutions",
    operation_id = "list_institution_patients",
    params(patients::Filters, PageParams),
    responses((status = 200, body = Page<PatientSummary>)),
)]
pub(super) async fn patients(
    State(app): State<App>,
    viewer: Viewer,
    list: List<patients::Filters>,
) -> Result<Json<Page<PatientSummary>>> {
    let (mut filters, list) = list.split();
    let institution = asked(&viewer, filters.institution_id.take())?;
    let whose = Whose::Institutions(institution, since(&app));
    let filter = filters.of(&viewer, whose)?;
    patients::page(&app, &filter, &list).await.map(Json)
}

/// The institution that asks, or that an administrator asks for.
fn asked(viewer: &Viewer, named: Option<InstitutionId>) -> Result<InstitutionId> {
    match (viewer.standing, named) {
        (Standing::Institution(own), None) => Ok(own),
        (Standing::Institution(own), Some(named)) if own == named => Ok(own),
        (Standing::House, Some(named)) if viewer.is_admin() => Ok(named),
        (Standing::House, None) if viewer.is_admin() => {
            Err(Kind::Malformed("name the institution by institution_id".into()).into())
        }
        _ => Err(Kind::Forbidden("for institutions and administrators only").into()),
    }
}
