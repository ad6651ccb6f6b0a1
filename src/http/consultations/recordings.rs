//! What was recorded: who may watch it, and for how long it is kept.

use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::ETAG;
use axum::response::{IntoResponse, Response};
use garde::Validate;
use serde::{Deserialize, Serialize};
use serde_json::{Map, json};
use utoipa::ToSchema;

use super::access::{Part, Seen};
use super::messages::All;
use super::view::RecordingView;
use crate::domain::clinical::validation::ValidationStatus;
use crate::domain::consultations::recording::RecordingStatus;
use crate::domain::id::{ConsultationId, RecordingId};
use crate::domain::state::State as _;
use crate::domain::time::Timestamp;
use crate::error::{Kind, Result};
use crate::http::App;
use crate::http::author::Author;
use crate::http::caller::Admin;
use crate::http::clinical::viewer::{Standing, Viewer};
use crate::http::context::{Context, Path};
use crate::http::envelope::Success;
use crate::http::json::Json;
use crate::http::page::{CamelPage, List, PageParams};
use crate::http::precondition::{IfMatch, IfNoneMatch, etag};
use crate::http::problem::ProblemBody;
use crate::persistence::audit;
use crate::persistence::clinical::patients::Patient;
use crate::persistence::clinical::row::{find, hold, remove};
use crate::persistence::consultations::consultations::Name;
use crate::persistence::consultations::recordings::{self, Outcome, Recording};

/// How long the address of a film works.
const LIFE: Duration = Duration::from_mins(15);

/// Where a film can be watched.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct FilmAddress {
    url: String,
    expires_at: Timestamp,
}

/// Whether the patient may watch.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = RecordingPatch, example = json!({"visibleToPatient": true}))]
pub(super) struct Patch {
    #[garde(skip)]
    visible_to_patient: bool,
}

/// Why a film goes.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[schema(as = RecordingRemoval, example = json!({"reason": "a pedido del paciente"}))]
pub(super) struct Removal {
    #[garde(length(chars, min = 1, max = 1000))]
    #[schema(min_length = 1, max_length = 1000)]
    reason: String,
}

/// Lists what was recorded of a consultation, the newest first. Patients see what was opened to them
/// once they have full access.
#[utoipa::path(
    get, path = "/api/consultations/{id}/recordings", tag = "recordings",
    operation_id = "list_recordings",
    params(("id" = String, Path), PageParams),
    responses(
        (status = 200, body = Success<CamelPage<RecordingView>>),
        (status = 400, description = "Unknown filter or bad cursor", body = ProblemBody),
    ),
)]
pub(super) async fn list(
    State(app): State<App>,
    viewer: Viewer,
    Path(id): Path<ConsultationId>,
    asked: List<All>,
) -> Result<Json<Success<CamelPage<RecordingView>>>> {
    let seen = Seen::of(&app, &viewer, Name::Id(&id)).await?;
    must_be_watcher(&viewer)?;
    let is_patient = seen.part == Part::Patient;
    let (rows, total) = if is_patient && !has_full_access(&app, &viewer).await? {
        (Vec::new(), 0)
    } else {
        let (store, before) = (&app.store, asked.after_id()?);
        let rows = recordings::page(store, &id, is_patient, before, asked.fetch()).await?;
        let total = if asked.count { recordings::count(store, &id, is_patient).await? } else { 0 };
        (rows, total)
    };
    let page = asked.page(rows, |row| row.id.to_string()).with_total(asked.count.then_some(total));
    Ok(Success::of(page.map(RecordingView::from).camel()))
}

/// Shows a recording.
#[utoipa::path(
    get, path = "/api/recordings/{id}", tag = "recordings", operation_id = "get_recording",
    params(("id" = i64, Path)),
    responses(
        (status = 200, body = Success<RecordingView>, headers(("ETag" = String))),
        (status = 304, description = "The caller has this version"),
    ),
)]
pub(super) async fn one(
    State(app): State<App>,
    viewer: Viewer,
    had: IfNoneMatch,
    Path(id): Path<RecordingId>,
) -> Result<Response> {
    let (recording, _) = watched(&app, &viewer, id).await?;
    let tag = etag(recording.stamp.version);
    Ok(had.answer_as(tag, Success::of(RecordingView::from(recording)).0))
}

/// Hands out an address by which a film can be watched for a quarter of an hour. That is written down.
#[utoipa::path(
    get, path = "/api/recordings/{id}/url", tag = "recordings", operation_id = "get_recording_url",
    params(("id" = i64, Path)),
    responses(
        (status = 200, body = Success<FilmAddress>, example = json!({"success": true, "data": {
            "url": "https://bucket.s3.eu-west-1.amazonaws.com/consultations/uuid-001-2025-10-05T120746.mp4?X-Amz-Signature=…",
            "expiresAt": "2025-10-05T12:22:46.209Z"}})),
        (status = 409, description = "There is no film, or not yet", body = ProblemBody),
        (status = 503, description = "There is no bucket", body = ProblemBody),
    ),
)]
pub(super) async fn url(
    State(app): State<App>,
    viewer: Viewer,
    context: Context,
    Path(id): Path<RecordingId>,
) -> Result<Json<Success<FilmAddress>>> {
    let (recording, _) = watched(&app, &viewer, id).await?;
    if recording.status != RecordingStatus::Completed {
        return Err(Kind::Untenable("there is no film of it").into());
    }
    let missing = || Kind::NotConfigured { missing: vec!["AWS_S3_BUCKET"] };
    let films = app.files.films().ok_or_else(missing)?;
    let now = Timestamp::now();
    let entry = context.audit(Some(&viewer.caller), "read", "recording_url", &id);
    let mut tx = app.store.begin().await?;
    audit::append(&mut tx, &entry, now).await?;
    tx.commit().await?;
    let url = films.address(&recording.filepath, LIFE).await?;
    Ok(Success::of(FilmAddress { url, expires_at: now.plus(LIFE) }))
}

/// Opens a recording to its patient, or closes it; for its doctor and administrators.
#[utoipa::path(
    patch, path = "/api/recordings/{id}", tag = "recordings", operation_id = "patch_recording",
    params(("id" = i64, Path), ("If-Match" = Option<String>, Header)),
    request_body = Patch,
    responses((status = 200, body = Success<RecordingView>, headers(("ETag" = String)))),
)]
pub(super) async fn patch(
    State(app): State<App>,
    viewer: Viewer,
    context: Context,
    condition: IfMatch,
    Path(id): Path<RecordingId>,
    Json(patch): Json<Patch>,
) -> Result<Response> {
    let (_, seen) = watched(&app, &viewer, id).await?;
    if !viewer.is_admin() && seen.part != Part::Doctor {
        return Err(Kind::Forbidden("for the doctor of the consultation").into());
    }
    let author = Author { app: &app, context: &context, caller: &viewer.caller };

    let mut tx = app.store.begin().await?;
    let recording: Recording = hold(&mut tx, id).await?;
    condition.check(recording.stamp.version)?;
    let visible = patch.visible_to_patient;
    let recording = recordings::set_visible(&mut tx, id, visible, Timestamp::now()).await?;
    let data = Map::from_iter([("visibleToPatient".to_owned(), json!(visible))]);
    author.record(&mut tx, "recording", id.0.into(), "updated", data).await?;
    tx.commit().await?;

    app.hub.outbox_ready();
    let tag = etag(recording.stamp.version);
    Ok(([(ETAG, tag)], Success::of(RecordingView::from(recording))).into_response())
}

/// Deletes a film for good, and keeps who did it and why.
#[utoipa::path(
    delete, path = "/api/recordings/{id}", tag = "recordings", operation_id = "delete_recording",
    params(("id" = i64, Path), ("If-Match" = Option<String>, Header)),
    request_body = Removal,
    responses(
        (status = 204),
        (status = 409, description = "There is no film, or not yet", body = ProblemBody),
        (status = 502, description = "The bucket fails", body = ProblemBody),
        (status = 503, description = "There is no bucket", body = ProblemBody),
    ),
)]
pub(super) async fn delete(
    State(app): State<App>,
    Admin(caller): Admin,
    context: Context,
    condition: IfMatch,
    Path(id): Path<RecordingId>,
    Json(removal): Json<Removal>,
) -> Result<StatusCode> {
    let author = Author { app: &app, context: &context, caller: &caller };
    let (now, deleted) = (Timestamp::now(), RecordingStatus::Deleted);

    let recording: Recording = find(&app.store, id).await?;
    condition.check(recording.stamp.version)?;
    recording.status.check_move(deleted)?;
    let missing = || Kind::NotConfigured { missing: vec!["AWS_S3_BUCKET"] };
    let films = app.files.films().ok_or_else(missing)?;
    // A film without a row could not be found again; a row without a film can be deleted once more.
    films.remove(&recording.filepath).await?;

    let mut tx = app.store.begin().await?;
    let recording: Recording = hold(&mut tx, id).await?;
    recording.status.check_move(deleted)?;
    recordings::set_status(&mut tx, id, deleted, &Outcome::default(), now).await?;
    remove::<Recording>(&mut tx, id, now).await?;
    let data = Map::from_iter([("reason".to_owned(), json!(removal.reason))]);
    author.record(&mut tx, "recording", id.0.into(), "deleted", data).await?;
    tx.commit().await?;

    app.hub.outbox_ready();
    Ok(StatusCode::NO_CONTENT)
}

/// A recording the caller may watch, with what the caller is to its consultation.
async fn watched(app: &App, viewer: &Viewer, id: RecordingId) -> Result<(Recording, Seen)> {
    must_be_watcher(viewer)?;
    let recording: Recording = find(&app.store, id).await?;
    let hidden = || Kind::NotFound("recording");
    let seen = match Seen::of(app, viewer, Name::Id(&recording.consultation_id)).await {
        Err(error) if matches!(error.kind(), Kind::NotFound(_)) => return Err(hidden().into()),
        seen => seen?,
    };
    let is_open = seen.part != Part::Patient
        || (recording.visible_to_patient && has_full_access(app, viewer).await?);
    if is_open { Ok((recording, seen)) } else { Err(hidden().into()) }
}

/// Institutions watch nothing.
fn must_be_watcher(viewer: &Viewer) -> Result<()> {
    match viewer.standing {
        Standing::Institution(_) => {
            Err(Kind::Forbidden("recordings are for patient and doctors").into())
        }
        _ => Ok(()),
    }
}

async fn has_full_access(app: &App, viewer: &Viewer) -> Result<bool> {
    let Standing::Patient(patient) = viewer.standing else { return Ok(false) };
    let patient: Patient = find(&app.store, patient).await?;
    Ok(patient.validation_status == ValidationStatus::FullAccess)
}
