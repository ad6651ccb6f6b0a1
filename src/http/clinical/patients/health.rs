//! What is measured of a patient, and what was.

use axum::extract::State;
use axum::http::header::ETAG;
use axum::http::{HeaderName, HeaderValue};
use axum::response::Response;
use serde::Deserialize;
use serde_json::Map;
use utoipa::IntoParams;

use super::view::{PatientWithProfile, day_of, read};
use crate::domain::clinical::health::HealthProfile;
use crate::domain::date::Date;
use crate::domain::id::PatientId;
use crate::domain::time::Timestamp;
use crate::error::{Kind, Result};
use crate::http::App;
use crate::http::author::Author;
use crate::http::clinical::reading;
use crate::http::clinical::viewer::{PatientRef, Viewer};
use crate::http::context::{Context, Path};
use crate::http::json::Json;
use crate::http::page::{List, Page, PageParams};
use crate::http::precondition::{IfMatch, IfNoneMatch, etag};
use crate::http::problem::ProblemBody;
use crate::persistence::Tx;
use crate::persistence::clinical::health_profiles::{self, Recorded};
use crate::persistence::clinical::patients::{self, Patient};
use crate::persistence::clinical::row::hold;

/// Which measurements a list shows.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Filters {
    #[param(value_type = Option<Timestamp>)]
    created_from: Option<Timestamp>,
    #[param(value_type = Option<Timestamp>)]
    created_to: Option<Timestamp>,
}

/// Shows a patient with the health profile.
#[utoipa::path(
    get, path = "/api/v1/patients/{id}/profile", tag = "patients", operation_id = "get_patient_profile",
    params(("id" = String, Path, description = "An id, or `me`", example = "77")),
    responses(
        (status = 200, body = PatientWithProfile, headers(("ETag" = String))),
        (status = 304, description = "The caller has this version"),
    ),
)]
pub(super) async fn with_profile(
    State(app): State<App>,
    viewer: Viewer,
    context: Context,
    had: IfNoneMatch,
    Path(id): Path<PatientRef>,
) -> Result<Response> {
    let id = viewer.patient(&app, id).await?.id;
    let patient = read(&app, id).await?;
    reading::note(&app, &viewer, &context, ("patient", id.0), id).await?;
    let (version, health_profile) = (patient.row.stamp.version, patient.profile.clone());
    Ok(had.answer(version, PatientWithProfile { patient: patient.view(), health_profile }))
}

/// Shows a patient's health profile.
#[utoipa::path(
    get, path = "/api/v1/patients/{id}/health-profile", tag = "patients",
    operation_id = "get_health_profile",
    params(("id" = String, Path, description = "An id, or `me`", example = "77")),
    responses(
        (status = 200, body = HealthProfile, headers(("ETag" = String))),
        (status = 304, description = "The caller has this version"),
        (status = 404, description = "Nothing was measured yet", body = ProblemBody),
    ),
)]
pub(super) async fn profile(
    State(app): State<App>,
    viewer: Viewer,
    context: Context,
    had: IfNoneMatch,
    Path(id): Path<PatientRef>,
) -> Result<Response> {
    let patient = viewer.patient(&app, id).await?;
    let profile = health_profiles::find(&app.store, patient.id).await?;
    let profile = profile.ok_or(Kind::NotFound("health profile"))?;
    let what = ("health_profile", patient.id.0);
    reading::note(&app, &viewer, &context, what, patient.id).await?;
    Ok(had.answer(patient.stamp.version, profile))
}

/// Writes a patient's health profile. What stood before stays in its history.
#[utoipa::path(
    put, path = "/api/v1/patients/{id}/health-profile", tag = "patients",
    operation_id = "replace_health_profile",
    params(
        ("id" = String, Path, description = "An id, or `me`", example = "77"),
        ("If-Match" = Option<String>, Header)
    ),
    request_body = HealthProfile,
    responses((status = 200, body = HealthProfile, headers(("ETag" = String)))),
)]
pub(super) async fn replace(
    State(app): State<App>,
    viewer: Viewer,
    context: Context,
    condition: IfMatch,
    Path(id): Path<PatientRef>,
    Json(profile): Json<HealthProfile>,
) -> Result<([(HeaderName, HeaderValue); 1], Json<HealthProfile>)> {
    may_write(&viewer)?;
    let author = Author { app: &app, context: &context, caller: &viewer.caller };
    let (id, now) = (viewer.patient(&app, id).await?.id, Timestamp::now());

    let mut tx = app.store.begin().await?;
    let patient: Patient = hold(&mut tx, id).await?;
    condition.check(patient.stamp.version)?;
    write(&mut tx, &author, id, &patient.date_of_birth, &profile, now).await?;
    patients::touch(&mut tx, id, now).await?;
    author.record(&mut tx, "patient", id.0.into(), "measured", Map::new()).await?;
    if let Some(user) = patient.user_id {
        let changes = Map::from_iter([("fields".to_owned(), vec!["health_profile"].into())]);
        author.tell(&mut tx, user, "profile", "updated", changes).await?;
    }
    tx.commit().await?;

    app.hub.outbox_ready();
    Ok(([(ETAG, etag(patient.stamp.version + 1))], Json(profile)))
}

/// Lists what was measured of a patient, newest first.
#[utoipa::path(
    get, path = "/api/v1/patients/{id}/health-profile/history", tag = "patients",
    operation_id = "list_health_profiles",
    params(
        ("id" = String, Path, description = "An id, or `me`", example = "77"),
        Filters,
        PageParams
    ),
    responses((status = 200, body = Page<Recorded>)),
)]
pub(super) async fn history(
    State(app): State<App>,
    viewer: Viewer,
    context: Context,
    Path(id): Path<PatientRef>,
    list: List<Filters>,
) -> Result<Json<Page<Recorded>>> {
    let id = viewer.patient(&app, id).await?.id;
    reading::note_list(&app, &viewer, &context, "health_profile_history", [id]).await?;
    let (store, time) = (&app.store, (list.filters.created_from, list.filters.created_to));
    let rows = health_profiles::history(store, id, time, list.after_id()?, list.fetch()).await?;
    let total = if list.count {
        Some(health_profiles::count_history(store, id, time).await?)
    } else {
        None
    };
    Ok(Json(list.page(rows, |row| row.id.to_string()).with_total(total)))
}

/// Refuses to whom health profiles are only to be read.
pub(super) fn may_write(viewer: &Viewer) -> Result<()> {
    if viewer.is_house() && !viewer.is_admin() {
        return Err(Kind::Forbidden("services read health profiles only").into());
    }
    Ok(())
}

/// Makes this the health profile of a patient that the transaction holds.
pub(super) async fn write(
    tx: &mut Tx,
    author: &Author<'_>,
    id: PatientId,
    born: &Date,
    profile: &HealthProfile,
    now: Timestamp,
) -> Result<()> {
    let kpis = profile.kpis(born.civil(), day_of(now));
    health_profiles::write(tx, id, profile, &kpis, author.user(), now).await
}
