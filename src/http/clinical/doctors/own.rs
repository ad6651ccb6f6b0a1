//! What doctors see of themselves: profile, institution, patients.

use axum::extract::State;
use axum::response::Response;

use super::directory::read;
use super::view::FullDoctor;
use super::write::{Shown, author, change};
use crate::error::{Kind, Result};
use crate::http::App;
use crate::http::clinical::institutions::directory as institutions;
use crate::http::clinical::institutions::view::FullInstitution;
use crate::http::clinical::patients::directory as patients;
use crate::http::clinical::patients::view::PatientSummary;
use crate::http::clinical::viewer::Viewer;
use crate::http::context::Context;
use crate::http::json::Json;
use crate::http::page::{List, Page, PageParams};
use crate::http::patch::Patch;
use crate::http::precondition::{IfMatch, IfNoneMatch};
use crate::http::problem::ProblemBody;

/// Shows a doctor their own profile.
#[utoipa::path(
    get, path = "/api/v1/doctors/me/profile", tag = "doctors", operation_id = "get_own_doctor",
    responses(
        (status = 200, body = FullDoctor, headers(("ETag" = String))),
        (status = 304, description = "The caller has this version"),
    ),
)]
pub(super) async fn profile(
    State(app): State<App>,
    viewer: Viewer,
    had: IfNoneMatch,
) -> Result<Response> {
    let doctor = read(&app, viewer.doctor()?).await?.full();
    Ok(had.answer(doctor.stamp.version, doctor))
}

/// Writes the fields of one's own profile that are given; licence, status and institution are not
/// one's own to change.
#[utoipa::path(
    put, path = "/api/v1/doctors/me/profile", tag = "doctors", operation_id = "change_own_doctor",
    params(("If-Match" = Option<String>, Header)),
    request_body = Patch,
    responses(
        (status = 200, body = FullDoctor, headers(("ETag" = String))),
        (status = 409, description = "The e-mail is taken", body = ProblemBody),
    ),
)]
pub(super) async fn change_profile(
    State(app): State<App>,
    viewer: Viewer,
    context: Context,
    condition: IfMatch,
    Json(patch): Json<Patch>,
) -> Result<Shown> {
    let author = author(&app, &context, &viewer);
    let (id, data) = (viewer.doctor()?, patch.names());
    change(&author, &viewer, &condition, id, data, |current| patch.of(current)).await
}

/// Shows a doctor the institution they belong to.
#[utoipa::path(
    get, path = "/api/v1/doctors/me/institution", tag = "doctors",
    operation_id = "get_own_institution",
    responses(
        (status = 200, body = FullInstitution, headers(("ETag" = String))),
        (status = 304, description = "The caller has this version"),
        (status = 404, description = "The doctor belongs to none", body = ProblemBody),
    ),
)]
pub(super) async fn institution(
    State(app): State<App>,
    viewer: Viewer,
    had: IfNoneMatch,
) -> Result<Response> {
    let doctor = read(&app, viewer.doctor()?).await?.row;
    let id = doctor.institution_id.ok_or(Kind::NotFound("institution"))?;
    let institution = institutions::read(&app, id).await?.full();
    Ok(had.answer(institution.stamp.version, institution))
}

/// Lists a doctor's patients, newest first.
#[utoipa::path(
    get, path = "/api/v1/doctors/me/patients", tag = "doctors", operation_id = "list_own_patients",
    params(patients::OwnFilters, PageParams),
    responses((status = 200, body = Page<PatientSummary>)),
)]
pub(super) async fn patients(
    State(app): State<App>,
    viewer: Viewer,
    list: List<patients::OwnFilters>,
) -> Result<Json<Page<PatientSummary>>> {
    viewer.doctor()?;
    let (filters, list) = list.split();
    let filter = filters.of(viewer.whose(&app)?)?;
    patients::page(&app, &filter, &list).await.map(Json)
}
