//! Diagnoses over HTTP (contract §5.9): made and changed by doctors, with the suggestion they began as,
//! and read by the patient once released.

use axum::extract::State;
use axum::http::header::ETAG;
use axum::http::{HeaderName, HeaderValue};
use axum::response::Response;
use serde_json::{Map, Value};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::chart::{self, Change, Filters};
use super::viewer::{PatientRef, Viewer};
use crate::domain::clinical::diagnosis::{DiagnosisDraft, DiagnosisSource};
use crate::domain::clinical::release::seen_as;
use crate::domain::id::{DiagnosisId, PatientId};
use crate::domain::time::Timestamp;
use crate::error::{Error, FieldCode, Result};
use crate::http::App;
use crate::http::author::Author;
use crate::http::context::{Context, Path};
use crate::http::json::Json;
use crate::http::page::{List, Page, PageParams};
use crate::http::patch::Patch;
use crate::http::precondition::{IfMatch, IfNoneMatch, etag};
use crate::http::problem::ProblemBody;
use crate::persistence::Tx;
use crate::persistence::clinical::chart::{count, page};
use crate::persistence::clinical::diagnoses::{self, Diagnosis};
use crate::persistence::clinical::patients::Patient;
use crate::persistence::clinical::row::hold;
use crate::persistence::clinical::suggestions;

/// The routes of diagnoses.
pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list, create)).routes(routes!(one, patch))
}

/// Lists a patient's diagnoses, newest first; patients see those released to them.
#[utoipa::path(
    get, path = "/api/v1/patients/{id}/diagnoses", tag = "diagnoses", operation_id = "list_diagnoses",
    params(
        ("id" = String, Path, description = "An id, or `me`", example = "77"),
        Filters,
        PageParams
    ),
    responses(
        (status = 200, body = Page<Diagnosis>),
        (status = 400, description = "Unknown filter or bad cursor", body = ProblemBody),
        (status = 403, description = "Not for this role", body = ProblemBody),
    ),
)]
async fn list(
    State(app): State<App>,
    viewer: Viewer,
    context: Context,
    Path(id): Path<PatientRef>,
    list: List<Filters>,
) -> Result<Json<Page<Diagnosis>>> {
    let (filters, list) = list.split();
    let filter = filters.of::<Diagnosis>(&app, &viewer, &context, id).await?;
    let rows: Vec<Diagnosis> = page(&app.store, &filter, list.after_id()?, list.fetch()).await?;
    let total =
        if list.count { Some(count::<Diagnosis>(&app.store, &filter).await?) } else { None };
    Ok(Json(list.page(rows, |row| row.id.to_string()).with_total(total)))
}

/// Writes down what a doctor found.
#[utoipa::path(
    post, path = "/api/v1/patients/{id}/diagnoses", tag = "diagnoses",
    operation_id = "create_diagnosis",
    params(("id" = i64, Path, example = 77)),
    request_body = DiagnosisDraft,
    responses(
        (status = 201, body = Diagnosis, headers(("Location" = String), ("ETag" = String))),
        (status = 403, description = "Not a doctor", body = ProblemBody),
    ),
)]
async fn create(
    State(app): State<App>,
    viewer: Viewer,
    context: Context,
    Path(id): Path<PatientRef>,
    Json(draft): Json<DiagnosisDraft>,
) -> Result<Response> {
    let author = Author { app: &app, context: &context, caller: &viewer.caller };
    let (doctor, patient) = chart::written(&app, &viewer, id).await?;
    draft.check()?;

    let mut tx = app.store.begin().await?;
    hold::<Patient>(&mut tx, patient).await?;
    chart::check_visit(&mut tx, draft.consultation_id.as_ref(), patient).await?;
    check_suggestion(&mut tx, &draft, patient).await?;
    let row = diagnoses::insert(&mut tx, patient, doctor, &draft, Timestamp::now()).await?;
    let suggestion = draft.suggestion_id.as_ref().map(|id| id.as_str().into());
    let data = suggestion.map(|id| ("suggestion_id".to_owned(), id)).into_iter().collect();
    announce(&mut tx, &author, &row, "created", data, false).await?;
    tx.commit().await?;

    app.hub.outbox_ready();
    chart::created(&format!("/api/v1/diagnoses/{}", row.id), row.stamp.version, row)
}

/// Shows one diagnosis.
#[utoipa::path(
    get, path = "/api/v1/diagnoses/{id}", tag = "diagnoses", operation_id = "get_diagnosis",
    params(("id" = i64, Path, example = 4)),
    responses(
        (status = 200, body = Diagnosis, headers(("ETag" = String))),
        (status = 304, description = "The caller has this version"),
        (status = 403, description = "Not for this role", body = ProblemBody),
    ),
)]
async fn one(
    State(app): State<App>,
    viewer: Viewer,
    context: Context,
    had: IfNoneMatch,
    Path(id): Path<DiagnosisId>,
) -> Result<Response> {
    let row: Diagnosis = chart::show(&app, &viewer, &context, id).await?;
    Ok(had.answer(row.stamp.version, row))
}

/// Changes some fields of a diagnosis, which any doctor of the patient may. Where it came from stays.
#[utoipa::path(
    patch, path = "/api/v1/diagnoses/{id}", tag = "diagnoses", operation_id = "patch_diagnosis",
    params(("id" = i64, Path, example = 4), ("If-Match" = Option<String>, Header)),
    request_body(content = Patch, example = json!({"status": "resolved"})),
    responses(
        (status = 200, body = Diagnosis, headers(("ETag" = String))),
        (status = 403, description = "Not a doctor", body = ProblemBody),
    ),
)]
async fn patch(
    State(app): State<App>,
    viewer: Viewer,
    context: Context,
    condition: IfMatch,
    Path(id): Path<DiagnosisId>,
    Json(patch): Json<Patch>,
) -> Result<([(HeaderName, HeaderValue); 1], Json<Diagnosis>)> {
    let author = Author { app: &app, context: &context, caller: &viewer.caller };
    chart::check_written::<Diagnosis>(&app, &viewer, id).await?;

    let mut tx = app.store.begin().await?;
    let was: Diagnosis = hold(&mut tx, id).await?;
    condition.check(was.stamp.version)?;
    let data = patch.names();
    let draft = patch.of(&was.draft())?;
    draft.check_origin(&was.draft())?;
    chart::check_visit(&mut tx, draft.consultation_id.as_ref(), was.patient_id).await?;
    let row = diagnoses::update(&mut tx, id, &draft, Timestamp::now()).await?;
    announce(&mut tx, &author, &row, "updated", data, was.released_to_patient).await?;
    tx.commit().await?;

    app.hub.outbox_ready();
    Ok(([(ETAG, etag(row.stamp.version))], Json(row)))
}

/// Keeps and tells a change of a diagnosis, which the patient could see before or not.
async fn announce(
    tx: &mut Tx,
    author: &Author<'_>,
    row: &Diagnosis,
    done: &'static str,
    data: Map<String, Value>,
    was_released: bool,
) -> Result<()> {
    let change = Change {
        kind: "diagnosis",
        id: row.id.0,
        patient: row.patient_id,
        done,
        data,
        seen: seen_as(was_released, row.released_to_patient),
        told: Map::new(),
    };
    chart::announce(tx, author, change).await
}

/// Refuses suggestions that were not made about this patient, and one for the advisor's that is not among them.
async fn check_suggestion(tx: &mut Tx, draft: &DiagnosisDraft, patient: PatientId) -> Result<()> {
    let Some(suggestion) = &draft.suggestion_id else { return Ok(()) };
    if let Some(suggested) = suggestions::about(tx, suggestion, patient).await? {
        let is_among = suggested.iter().any(|it| it.code == draft.code);
        if draft.source == DiagnosisSource::Ai && !is_among {
            return Err(Error::field("/code", FieldCode::Rule, "was not suggested"));
        }
        return Ok(());
    }
    let detail = "there are no such suggestions about the patient";
    Err(Error::field("/suggestion_id", FieldCode::Reference, detail))
}
