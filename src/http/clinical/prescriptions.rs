//! Prescriptions over HTTP (contract §5.9): ordered and cancelled by doctors, over when their last day
//! is, and the patient hears of each step.

use axum::extract::State;
use axum::http::header::ETAG;
use axum::http::{HeaderName, HeaderValue};
use axum::response::Response;
use serde_json::{Map, json};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::chart::{self, Change, Filters};
use super::viewer::{PatientRef, Viewer};
use crate::domain::clinical::prescription::{PrescriptionDraft, PrescriptionStatus};
use crate::domain::date::Date;
use crate::domain::id::PrescriptionId;
use crate::domain::state::State as _;
use crate::domain::time::Timestamp;
use crate::error::Result;
use crate::http::App;
use crate::http::author::Author;
use crate::http::context::{Context, Path};
use crate::http::json::Json;
use crate::http::page::{List, Page, PageParams};
use crate::http::precondition::{IfMatch, IfNoneMatch, etag};
use crate::http::problem::ProblemBody;
use crate::persistence::Tx;
use crate::persistence::clinical::chart::count;
use crate::persistence::clinical::patients::Patient;
use crate::persistence::clinical::prescriptions::{self, Prescription};
use crate::persistence::clinical::row::hold;

/// The routes of prescriptions.
pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list, create)).routes(routes!(one)).routes(routes!(cancel))
}

/// Lists a patient's prescriptions, newest first.
#[utoipa::path(
    get, path = "/api/v1/patients/{id}/prescriptions", tag = "prescriptions",
    operation_id = "list_prescriptions",
    params(
        ("id" = String, Path, description = "An id, or `me`", example = "77"),
        Filters,
        PageParams
    ),
    responses(
        (status = 200, body = Page<Prescription>),
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
) -> Result<Json<Page<Prescription>>> {
    let (filters, list) = list.split();
    let filter = filters.of::<Prescription>(&app, &viewer, &context, id).await?;
    let (after, limit) = (list.after_id()?, list.fetch());
    let rows = prescriptions::page(&app.store, &filter, &today(), after, limit).await?;
    let total =
        if list.count { Some(count::<Prescription>(&app.store, &filter).await?) } else { None };
    Ok(Json(list.page(rows, |row| row.id.to_string()).with_total(total)))
}

/// Orders drugs for a patient.
#[utoipa::path(
    post, path = "/api/v1/patients/{id}/prescriptions", tag = "prescriptions",
    operation_id = "create_prescription",
    params(("id" = i64, Path, example = 77)),
    request_body = PrescriptionDraft,
    responses(
        (status = 201, body = Prescription, headers(("Location" = String), ("ETag" = String))),
        (status = 403, description = "Not a doctor", body = ProblemBody),
    ),
)]
async fn create(
    State(app): State<App>,
    viewer: Viewer,
    context: Context,
    Path(id): Path<PatientRef>,
    Json(draft): Json<PrescriptionDraft>,
) -> Result<Response> {
    let author = Author { app: &app, context: &context, caller: &viewer.caller };
    let (doctor, patient) = chart::written(&app, &viewer, id).await?;
    let now = Timestamp::now();
    draft.check(&Date::of(now))?;

    let mut tx = app.store.begin().await?;
    hold::<Patient>(&mut tx, patient).await?;
    chart::check_visit(&mut tx, draft.consultation_id.as_ref(), patient).await?;
    let row = prescriptions::insert(&mut tx, patient, doctor, &draft, now).await?;
    announce(&mut tx, &author, &row, "created", "created").await?;
    tx.commit().await?;

    app.hub.outbox_ready();
    chart::created(&format!("/api/v1/prescriptions/{}", row.id), row.stamp.version, row)
}

/// Shows one prescription.
#[utoipa::path(
    get, path = "/api/v1/prescriptions/{id}", tag = "prescriptions",
    operation_id = "get_prescription",
    params(("id" = i64, Path, example = 2)),
    responses(
        (status = 200, body = Prescription, headers(("ETag" = String))),
        (status = 304, description = "The caller has this version"),
        (status = 403, description = "Not for this role", body = ProblemBody),
    ),
)]
async fn one(
    State(app): State<App>,
    viewer: Viewer,
    context: Context,
    had: IfNoneMatch,
    Path(id): Path<PrescriptionId>,
) -> Result<Response> {
    let row: Prescription = chart::show(&app, &viewer, &context, id).await?;
    let row = row.on(&today());
    Ok(had.answer(row.stamp.version, row))
}

/// Ends a prescription before its time, which any doctor of the patient may.
#[utoipa::path(
    post, path = "/api/v1/prescriptions/{id}/cancel", tag = "prescriptions",
    operation_id = "cancel_prescription",
    params(("id" = i64, Path, example = 2), ("If-Match" = Option<String>, Header)),
    responses(
        (status = 200, body = Prescription, headers(("ETag" = String))),
        (status = 403, description = "Not a doctor", body = ProblemBody),
        (status = 409, description = "It is over already", body = ProblemBody),
    ),
)]
async fn cancel(
    State(app): State<App>,
    viewer: Viewer,
    context: Context,
    condition: IfMatch,
    Path(id): Path<PrescriptionId>,
) -> Result<([(HeaderName, HeaderValue); 1], Json<Prescription>)> {
    let author = Author { app: &app, context: &context, caller: &viewer.caller };
    chart::check_written::<Prescription>(&app, &viewer, id).await?;
    let now = Timestamp::now();

    let mut tx = app.store.begin().await?;
    let row: Prescription = hold(&mut tx, id).await?;
    let row = row.on(&Date::of(now));
    condition.check(row.stamp.version)?;
    row.status.check_move(PrescriptionStatus::Cancelled)?;
    let row = prescriptions::cancel(&mut tx, id, now).await?;
    announce(&mut tx, &author, &row, "cancelled", "updated").await?;
    tx.commit().await?;

    app.hub.outbox_ready();
    Ok(([(ETAG, etag(row.stamp.version))], Json(row)))
}

/// Keeps and tells what was `done` to a prescription, which to the patient was `created` or `updated`.
async fn announce(
    tx: &mut Tx,
    author: &Author<'_>,
    row: &Prescription,
    done: &'static str,
    became: &'static str,
) -> Result<()> {
    let change = Change {
        kind: "prescription",
        id: row.id.0,
        patient: row.patient_id,
        done,
        data: Map::new(),
        seen: Some(became),
        told: Map::from_iter([("status".to_owned(), json!(row.status))]),
    };
    chart::announce(tx, author, change).await
}

fn today() -> Date {
    Date::of(Timestamp::now())
}
