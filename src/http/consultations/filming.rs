//! The media server films, and stops filming, behind the answers of the handlers: it looks for a recorder
//! for up to half a minute, and nobody waits for that.

use tracing::warn;

use super::recorder::{Plan, status};
use crate::domain::consultations::recording::{Layout, RecordingStatus};
use crate::domain::consultations::status::ConsultationStatus;
use crate::domain::events::values::MediaMode;
use crate::domain::id::ConsultationId;
use crate::domain::state::State as _;
use crate::domain::time::Timestamp;
use crate::error::{Kind, Result};
use crate::http::App;
use crate::media::LiveKit;
use crate::persistence::clinical::row::hold;
use crate::persistence::consultations::recordings::{self, Outcome, Recording};
use crate::persistence::consultations::{Consultation, consultations, news};

/// Records a consultation that was created to be recorded, from the moment on that it is live.
pub(super) fn begin(app: &App, consultation: &Consultation) {
    begin_behind(app, consultation, false);
}

/// The same for one that went from browser to browser until now, if nothing was recorded of it before.
pub(super) fn begin_at_server(app: &App, consultation: &Consultation) {
    begin_behind(app, consultation, true);
}

fn begin_behind(app: &App, consultation: &Consultation, is_first: bool) {
    if !consultation.record || consultation.status != ConsultationStatus::Live {
        return;
    }
    let (app, id) = (app.clone(), consultation.id.clone());
    tokio::spawn(async move {
        if let Err(error) = begin_now(&app, &id, is_first).await {
            warn!(%error, consultation.id = %id, "consultation not recorded");
        }
    });
}

async fn begin_now(app: &App, id: &ConsultationId, is_first: bool) -> Result<()> {
    let can_film = app.calls.media.livekit().is_some_and(LiveKit::can_record);
    let mut tx = app.store.begin().await?;
    let consultation = consultations::hold(&mut tx, id).await?;
    let is_between_browsers = can_film && consultation.mode == MediaMode::P2p;
    if is_between_browsers || (is_first && recordings::exist(&mut tx, id).await?) {
        return Ok(());
    }
    let layout = Layout::default();
    let plan = Plan { status: status(app, &consultation, false)?, layout, by: None, consent: None };
    let recording = plan.insert(&mut tx, app, &consultation).await?;
    tx.commit().await?;
    app.hub.outbox_ready();
    film(app, &consultation, &recording);
    Ok(())
}

/// Closes the room of a consultation that is over, and has its films end.
pub(super) fn close(app: &App, consultation: &Consultation) {
    let Some(livekit) = app.calls.media.livekit().cloned() else { return };
    let (store, consultation) = (app.store.clone(), consultation.clone());
    tokio::spawn(async move {
        match recordings::ending(&store, &consultation.id).await {
            Ok(recordings) => {
                for recording in &recordings {
                    stop_film(&livekit, recording).await;
                }
            }
            Err(error) => warn!(%error, "recordings not stopped"),
        }
        // A call that went back to the browsers may have left one behind.
        if let Err(error) = livekit.delete_room(&consultation.room_name).await {
            warn!(%error, consultation.id = %consultation.id, "room not closed");
        }
    });
}

/// Has the media server film, in the background.
pub(super) fn film(app: &App, consultation: &Consultation, recording: &Recording) {
    if recording.status != RecordingStatus::Starting {
        return;
    }
    let Some(livekit) = app.calls.media.livekit().cloned() else { return };
    let (app, recording, room) = (app.clone(), recording.clone(), consultation.room_name.clone());
    tokio::spawn(async move {
        let started = livekit.start_recording(&room, recording.layout, &recording.filepath).await;
        let noted = match &started {
            Ok(egress) => begun(&app, &recording, egress).await,
            // It may be filmed all the same: what becomes of it is found out later.
            Err(error) if matches!(error.kind(), Kind::UpstreamTimeout(_)) => return,
            Err(error) => failed(&app, &recording, &error.to_string()).await,
        };
        match noted {
            // Whoever stopped it meanwhile could not say what.
            Ok(recording) if !recording.status.is_wanted() => {
                stop_film(&livekit, &recording).await;
            }
            Ok(_) => {}
            Err(error) => warn!(%error, recording.id = %recording.id, "recording not written down"),
        }
    });
}

/// Writes down what the media server calls the recording.
async fn begun(app: &App, recording: &Recording, egress: &str) -> Result<Recording> {
    let mut tx = app.store.begin().await?;
    hold::<Recording>(&mut tx, recording.id).await?;
    let recording = recordings::set_egress(&mut tx, recording.id, egress, Timestamp::now()).await?;
    tx.commit().await?;
    Ok(recording)
}

/// Writes down that nothing is filmed.
async fn failed(app: &App, recording: &Recording, why: &str) -> Result<Recording> {
    let now = Timestamp::now();
    let mut tx = app.store.begin().await?;
    let recording: Recording = hold(&mut tx, recording.id).await?;
    recording.status.check_move(RecordingStatus::Failed)?;
    let outcome = Outcome { error: Some(why), ..Outcome::default() };
    let failed = RecordingStatus::Failed;
    let recording = recordings::set_status(&mut tx, recording.id, failed, &outcome, now).await?;
    news::announce_recording(&mut tx, &app.settings.node, &recording, None, now).await?;
    tx.commit().await?;
    app.hub.outbox_ready();
    Ok(recording)
}

/// Has the media server stop a film that is to end, in the background.
pub(super) fn finish(app: &App, recording: &Recording) {
    if recording.status == RecordingStatus::Stopping {
        stop(app, recording);
    }
}

/// Has the media server stop filming, in the background.
pub(super) fn stop(app: &App, recording: &Recording) {
    let Some(livekit) = app.calls.media.livekit().cloned() else { return };
    let recording = recording.clone();
    tokio::spawn(async move { stop_film(&livekit, &recording).await });
}

/// Stops a film; one that has no name yet is stopped when it gets one, and what fails is tried again when the
/// recorder is found to go on.
async fn stop_film(livekit: &LiveKit, recording: &Recording) {
    let Some(egress) = &recording.egress_id else { return };
    if let Err(error) = livekit.stop_recording(egress).await {
        warn!(%error, recording.id = %recording.id, "film not stopped");
    }
}
