//! What becomes of films: the recorder tells, and is asked in case what it told was lost.

use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};
use tracing::warn;

use crate::domain::consultations::draft::room_name;
use crate::domain::consultations::recording::RecordingStatus;
use crate::domain::id::NodeId;
use crate::domain::state::State as _;
use crate::domain::time::Timestamp;
use crate::error::Result;
use crate::http::App;
use crate::media::LiveKit;
use crate::media::webhook::Egress;
use crate::persistence::Tx;
use crate::persistence::consultations::news;
use crate::persistence::consultations::recordings::{self, Outcome, Recording};

/// How often the recorder is asked (contract §9.5).
const EVERY: Duration = Duration::from_secs(30);
/// Films that are asked for in one round.
const AT_ONCE: i64 = 100;
/// Nanoseconds of a second.
const NANOS: i64 = 1_000_000_000;

/// Asks the recorder about the films that are being made, until its task is aborted. Any number of nodes
/// may: a film that is as far already stays as it is.
pub async fn keep_in_step(app: App) {
    let Some(livekit) = app.calls.media.livekit().cloned() else { return };
    let mut ticks = interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        if let Err(error) = ask(&app, &livekit).await {
            warn!(%error, "the recorder was not asked");
        }
    }
}

async fn ask(app: &App, livekit: &LiveKit) -> Result<()> {
    for recording in recordings::filming(&app.store, AT_ONCE).await? {
        let room = room_name(&recording.consultation_id);
        let known = livekit.recordings(&room).await?;
        let own = known.iter().find(|it| Some(&it.egress_id) == recording.egress_id.as_ref());
        let Some(egress) = own else { continue };
        let mut tx = app.store.begin().await?;
        settle(&mut tx, &app.settings.node, egress, Timestamp::now()).await?;
        tx.commit().await?;
        app.hub.outbox_ready();
    }
    Ok(())
}

/// Writes down what became of a film.
pub(super) async fn settle(
    tx: &mut Tx,
    node: &NodeId,
    egress: &Egress,
    now: Timestamp,
) -> Result<()> {
    let Some(recording) = recordings::hold_egress(tx, &egress.egress_id).await? else {
        return Ok(());
    };
    let Some(to) = follows(&recording, &egress.status) else { return Ok(()) };
    let film = egress.film();
    let outcome = Outcome {
        size_bytes: film.map(|film| film.size),
        duration_seconds: film.map(|film| film.duration / NANOS),
        error: (to == RecordingStatus::Failed).then_some("the recorder failed"),
    };
    let recording = recordings::set_status(tx, recording.id, to, &outcome, now).await?;
    news::announce_recording(tx, node, &recording, None, now).await
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
