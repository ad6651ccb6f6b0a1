//! Recording a consultation, and having that end, over HTTP.

use axum::extract::State;
use garde::Validate;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::access::Seen;
use super::recorder;
use super::view::RecordingView;
use crate::domain::consultations::recording::{Layout, RecordingStatus};
use crate::domain::id::{ConsultationId, RecordingId};
use crate::error::{Kind, Result};
use crate::http::App;
use crate::http::author::Author;
use crate::http::clinical::viewer::Viewer;
use crate::http::context::{Context, Path};
use crate::http::envelope::Success;
use crate::http::json::Json;
use crate::http::problem::ProblemBody;
use crate::persistence::consultations::consultations::Name;

/// What is recorded, and by whose leave.
#[derive(Debug, Default, Deserialize, Validate, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = RecordingStart, example = json!({"roomName": "consultation-uuid-001",
    "layout": "grid", "consent": true}))]
pub(super) struct Start {
    /// The consultation's own room; for clients that name it.
    #[serde(default)]
    #[garde(inner(length(chars, max = 128)))]
    #[schema(max_length = 128)]
    room_name: Option<String>,
    /// Absent: `grid`, or what was asked for before.
    #[serde(default)]
    #[garde(skip)]
    layout: Option<Layout>,
    /// The word of its doctor, or of a service, that the patient agreed, also while the patient is asked.
    /// Otherwise the patient is asked, where that is needed; so they are by administrators.
    #[serde(default)]
    #[garde(skip)]
    consent: bool,
}

/// A recording that was begun.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Started {
    #[schema(value_type = i64)]
    recording_id: RecordingId,
    egress_id: Option<String>,
    status: RecordingStatus,
    mock: bool,
    filepath: String,
}

/// Which recording ends.
#[derive(Debug, Default, Deserialize, Validate, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = RecordingStop, example = json!({"recordingId": 12}))]
pub(super) struct Stop {
    /// Absent: the one that runs.
    #[serde(default)]
    #[garde(skip)]
    #[schema(value_type = Option<i64>)]
    recording_id: Option<RecordingId>,
}

/// Records a consultation; for its doctor, administrators and services.
#[utoipa::path(
    post, path = "/api/consultations/{id}/recording/start", tag = "recordings",
    operation_id = "start_recording",
    params(("id" = String, Path)),
    request_body = Option<Start>,
    responses(
        (status = 200, body = Success<Started>, example = json!({"success": true, "data": {
            "recordingId": 12, "egressId": null, "status": "starting", "mock": false,
            "filepath": "consultations/uuid-001-2025-10-05T120746.mp4"}})),
        (status = 409, description = "It is recorded already, or encrypted from end to end",
            body = ProblemBody),
        (status = 410, description = "It is over", body = ProblemBody),
    ),
)]
pub(super) async fn start(
    State(app): State<App>,
    viewer: Viewer,
    context: Context,
    Path(id): Path<ConsultationId>,
    start: Option<Json<Start>>,
) -> Result<Json<Success<Started>>> {
    let Json(start) = start.unwrap_or_default();
    let seen = Seen::of(&app, &viewer, Name::Id(&id)).await?;
    seen.must_lead()?;
    let is_its_room = |name: &String| {
        [seen.consultation.room_name.as_str(), id.as_str()].contains(&name.as_str())
    };
    if !start.room_name.as_ref().is_none_or(is_its_room) {
        return Err(Kind::NotFound("room").into());
    }
    let author = Author { app: &app, context: &context, caller: &viewer.caller };
    let consent = if start.consent { seen.consent(&viewer) } else { None };
    let recording = recorder::begin(&author, &id, start.layout, consent).await?;
    Ok(Success::of(Started {
        recording_id: recording.id,
        egress_id: recording.egress_id,
        status: recording.status,
        mock: recording.mock,
        filepath: recording.filepath,
    }))
}

/// Has a recording end; for whoever may begin one.
#[utoipa::path(
    post, path = "/api/consultations/{id}/recording/stop", tag = "recordings",
    operation_id = "stop_recording",
    params(("id" = String, Path)),
    request_body = Option<Stop>,
    responses(
        (status = 200, body = Success<RecordingView>),
        (status = 404, description = "Nothing is being recorded", body = ProblemBody),
        (status = 409, description = "It has ended already", body = ProblemBody),
    ),
)]
pub(super) async fn stop(
    State(app): State<App>,
    viewer: Viewer,
    context: Context,
    Path(id): Path<ConsultationId>,
    stop: Option<Json<Stop>>,
) -> Result<Json<Success<RecordingView>>> {
    let Json(stop) = stop.unwrap_or_default();
    Seen::of(&app, &viewer, Name::Id(&id)).await?.must_lead()?;
    let author = Author { app: &app, context: &context, caller: &viewer.caller };
    Ok(Success::of(recorder::end(&author, &id, stop.recording_id).await?.into()))
}
