//! Recording a consultation, and having that end.
//!
//! The media server is slow to say whether it films, so the caller is told `starting`, and hears the rest as
//! an event; see [`filming`](super::filming). Without a bucket or a media server everything is done but
//! filming.

use axum::extract::State;
use garde::Validate;
use serde::{Deserialize, Serialize};
use serde_json::{Map, json};
use utoipa::ToSchema;

use super::access::Seen;
use super::filming::{film, finish};
use super::view::RecordingView;
use crate::domain::consultations::recording::{Layout, RecordingStatus, filepath};
use crate::domain::events::values::MediaMode;
use crate::domain::id::{ConsultationId, RecordingId, UserId};
use crate::domain::state::State as _;
use crate::domain::time::Timestamp;
use crate::error::{Kind, Result};
use crate::http::App;
use crate::http::author::Author;
use crate::http::clinical::viewer::Viewer;
use crate::http::context::{Context, Path};
use crate::http::envelope::Success;
use crate::http::json::Json;
use crate::http::problem::ProblemBody;
use crate::media::LiveKit;
use crate::persistence::Tx;
use crate::persistence::clinical::row::hold;
use crate::persistence::consultations::consultations::{self, Name};
use crate::persistence::consultations::recordings::{self, New, Outcome, Recording};
use crate::persistence::consultations::{Consultation, news};

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
    #[serde(default)]
    #[garde(skip)]
    layout: Layout,
    /// Says that the patient agreed. Otherwise the patient is asked, where that is needed.
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

    let mut tx = app.store.begin().await?;
    let consultation = consultations::hold(&mut tx, &id).await?;
    let status = status(&app, &consultation, start.consent)?;
    let plan = Plan { status, by: author.user(), attested: start.consent.then_some("doctor") };
    let recording = plan.insert(&mut tx, &app, &consultation).await?;
    let data = [("recording", json!(recording.id)), ("status", json!(status))];
    let data = Map::from_iter(data.map(|(name, value)| (name.to_owned(), value)));
    author.record(&mut tx, "recording", recording.id.0.into(), "started", data).await?;
    tx.commit().await?;

    app.hub.outbox_ready();
    film(&app, &consultation, &recording, start.layout);
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
    let now = Timestamp::now();

    let mut tx = app.store.begin().await?;
    consultations::hold(&mut tx, &id).await?;
    let recording = match stop.recording_id {
        Some(recording) => hold::<Recording>(&mut tx, recording).await?,
        None => recordings::hold_running(&mut tx, &id).await?,
    };
    if recording.consultation_id != id {
        return Err(Kind::NotFound("recording").into());
    }
    let to = recording.status.stopped();
    recording.status.check_move(to)?;
    let outcome = Outcome::default();
    let recording = recordings::set_status(&mut tx, recording.id, to, &outcome, now).await?;
    let consultation = consultations::touch(&mut tx, &id, now).await?;
    author.record(&mut tx, "recording", recording.id.0.into(), "stopped", Map::new()).await?;
    news::announce(&mut tx, &app.settings.node, &consultation).await?;
    tx.commit().await?;

    app.hub.outbox_ready();
    finish(&app, &recording);
    Ok(Success::of(recording.into()))
}

/// How a recording begins that is asked for now.
pub(super) fn status(
    app: &App,
    consultation: &Consultation,
    consent: bool,
) -> Result<RecordingStatus> {
    consultation.must_be_open()?;
    if consultation.e2ee {
        let detail = "what is encrypted from end to end cannot be recorded";
        return Err(Kind::Untenable(detail).into());
    }
    if !app.calls.media.livekit().is_some_and(LiveKit::can_record) {
        return Ok(RecordingStatus::Mock);
    }
    if consultation.mode == MediaMode::P2p {
        let detail = "a call from browser to browser cannot be recorded";
        return Err(Kind::Untenable(detail).into());
    }
    let must_ask = app.calls.settings.needs_consent && !consent;
    Ok(if must_ask { RecordingStatus::Requested } else { RecordingStatus::Starting })
}

/// A recording to be written.
pub(super) struct Plan {
    pub status: RecordingStatus,
    pub by: Option<UserId>,
    /// Who says that the patient agreed.
    pub attested: Option<&'static str>,
}

impl Plan {
    pub(super) async fn insert(
        &self,
        tx: &mut Tx,
        app: &App,
        consultation: &Consultation,
    ) -> Result<Recording> {
        let now = Timestamp::now();
        let new = New {
            consultation: &consultation.id,
            status: self.status,
            filepath: &filepath(&consultation.id, now),
            bucket: app.calls.settings.bucket.as_deref(),
            started_by: self.by,
            consent_by: self.attested,
        };
        let recording = recordings::insert(tx, &new, now).await?;
        let consultation = consultations::touch(tx, &consultation.id, now).await?;
        news::announce(tx, &app.settings.node, &consultation).await?;
        Ok(recording)
    }
}
