//! What becomes of films: the recorder tells, and is asked in case what it told was lost.

use std::time::Duration;

use tracing::warn;

use super::filming;
use crate::domain::consultations::draft::room_name;
use crate::domain::consultations::recording::RecordingStatus;
use crate::domain::id::NodeId;
use crate::domain::state::State as _;
use crate::domain::time::Timestamp;
use crate::error::Result;
use crate::http::App;
use crate::http::rounds::rounds;
use crate::media::LiveKit;
use crate::media::webhook::Egress;
use crate::persistence::Tx;
use crate::persistence::clinical::row::hold;
use crate::persistence::consultations::news;
use crate::persistence::consultations::recordings::{self, Outcome, Recording};

/// How often the recorder is asked (contract §9.5).
const EVERY: Duration = Duration::from_secs(30);
/// Films that are asked for in one round.
const AT_ONCE: i64 = 100;
/// How long a recording stays as it is of which the recorder knows nothing: longer than asking for one takes.
const PATIENCE: Duration = Duration::from_mins(1);
/// How long the bucket is asked for the film of a recording that the recorder forgot.
const GIVEN_UP_AFTER: Duration = Duration::from_hours(1);
/// Nanoseconds of a second.
const NANOS: i64 = 1_000_000_000;

/// Asks the recorder about the films that are being made, until its task is aborted. Any number of nodes
/// may: a film that is as far already stays as it is.
pub async fn keep_in_step(app: App) {
    let Some(livekit) = app.calls.media.livekit().cloned() else { return };
    let mut rounds = rounds(EVERY);
    loop {
        rounds.tick().await;
        if let Err(error) = look(&app, &livekit).await {
            warn!(%error, "the recorder was not asked");
        }
    }
}

async fn look(app: &App, livekit: &LiveKit) -> Result<()> {
    // Films that nobody here knows of yet, or that were given up, are found by what is being filmed.
    let running =
        if livekit.can_record() { livekit.running_recordings().await? } else { Vec::new() };
    for egress in &running {
        follow(app, egress).await?;
    }
    for recording in recordings::filming(&app.store, AT_ONCE).await? {
        if running.iter().any(|egress| is_film_of(egress, &recording)) {
            continue;
        }
        let listed = livekit.recordings(&room_name(&recording.consultation_id)).await?;
        let followed = match listed.iter().find(|egress| is_film_of(egress, &recording)) {
            Some(egress) => follow(app, egress).await,
            None => conclude(app, &recording).await,
        };
        if let Err(error) = followed {
            warn!(%error, recording.id = %recording.id, "what became of a film is not known");
        }
    }
    Ok(())
}

fn is_film_of(egress: &Egress, recording: &Recording) -> bool {
    match &recording.egress_id {
        Some(id) => *id == egress.egress_id,
        None => egress.filepath() == Some(recording.filepath.as_str()),
    }
}

async fn follow(app: &App, egress: &Egress) -> Result<()> {
    let mut tx = app.store.begin().await?;
    let unwanted = settle(&mut tx, &app.settings.node, egress, Timestamp::now()).await?;
    tx.commit().await?;
    app.hub.outbox_ready();
    if let Some(recording) = unwanted {
        filming::stop(app, &recording);
    }
    Ok(())
}

/// Ends a recording that the recorder does not know: it was never asked, or forgot. A film that was named
/// and is in the bucket is complete.
async fn conclude(app: &App, recording: &Recording) -> Result<()> {
    let now = Timestamp::now();
    let unchanged_since = recording.stamp.updated_at;
    if unchanged_since > now.minus(PATIENCE) {
        return Ok(());
    }
    let size = match (&recording.egress_id, app.files.films()) {
        (Some(_), Some(films)) => match films.size(&recording.filepath).await {
            // A bucket that does not answer keeps no consultation from being recorded again.
            Err(_) if unchanged_since < now.minus(GIVEN_UP_AFTER) => None,
            size => size?,
        },
        _ => None,
    };
    let mut tx = app.store.begin().await?;
    let current: Recording = hold(&mut tx, recording.id).await?;
    if current.stamp.version != recording.stamp.version {
        return Ok(());
    }
    let to = if size.is_some() { RecordingStatus::Completed } else { RecordingStatus::Failed };
    let outcome = Outcome {
        size_bytes: size.and_then(|bytes| bytes.try_into().ok()),
        duration_seconds: None,
        error: size.is_none().then_some("the recorder knows nothing of it"),
    };
    let node = &app.settings.node;
    let recording = recordings::set_status(&mut tx, current.id, to, &outcome, now).await?;
    news::announce_recording(&mut tx, node, &recording, None, now).await?;
    tx.commit().await?;
    app.hub.outbox_ready();
    Ok(())
}

/// Writes down what became of a film, and answers its recording where nobody wants it to be filmed: the
/// recorder did not hear that it was stopped, or began when it had been given up.
pub(super) async fn settle(
    tx: &mut Tx,
    node: &NodeId,
    egress: &Egress,
    now: Timestamp,
) -> Result<Option<Recording>> {
    let known = recordings::hold_film(tx, &egress.egress_id, egress.filepath()).await?;
    let Some(mut recording) = known else { return Ok(None) };
    if recording.egress_id.is_none() {
        recording = recordings::set_egress(tx, recording.id, &egress.egress_id, now).await?;
    }
    let Some(to) = follows(&recording, &egress.status) else {
        let is_unwanted = egress.is_filming() && !recording.status.is_wanted();
        return Ok(is_unwanted.then_some(recording));
    };
    let film = egress.film();
    let outcome = Outcome {
        size_bytes: film.map(|film| film.size),
        duration_seconds: film.map(|film| film.duration / NANOS),
        error: (to == RecordingStatus::Failed).then_some("the recorder failed"),
    };
    let recording = recordings::set_status(tx, recording.id, to, &outcome, now).await?;
    news::announce_recording(tx, node, &recording, None, now).await?;
    Ok(None)
}

/// How far the recording is by what the recorder says, where that is farther than it was.
fn follows(recording: &Recording, said: &str) -> Option<RecordingStatus> {
    let to = match said {
        "EGRESS_ACTIVE" => RecordingStatus::Recording,
        "EGRESS_ENDING" => RecordingStatus::Stopping,
        "EGRESS_COMPLETE" | "EGRESS_LIMIT_REACHED" => RecordingStatus::Completed,
        "EGRESS_FAILED" | "EGRESS_ABORTED" => RecordingStatus::Failed,
        _ => return None,
    };
    // A film that is complete was begun, whatever was not told of it.
    let has_skipped =
        recording.status == RecordingStatus::Starting && to == RecordingStatus::Completed;
    (has_skipped || recording.status.check_move(to).is_ok()).then_some(to)
}
