//! Moving a call between browsers and the media server (contract §6.4).
//!
//! The media server has its room ready before anybody is told to go there, and the row says where the call
//! is before the room does: who comes meanwhile finds the right way in. Rooms follow the row's order, on
//! every node.

use std::time::Duration;

use axum::extract::State;
use garde::Validate;
use metrics::counter;
use serde::Deserialize;
use serde_json::{Map, json};
use tracing::warn;
use utoipa::ToSchema;

use super::access::Seen;
use super::filming;
use super::media_rooms::open_room;
use super::view::ConsultationView;
use crate::domain::consultations::carrying::ModeChange;
use crate::domain::events::consultation::RecordingMark;
use crate::domain::events::signaling::notices::HandOverReason;
use crate::domain::events::values::MediaMode;
use crate::domain::id::ConsultationId;
use crate::domain::time::Timestamp;
use crate::error::{Kind, Result};
use crate::http::App;
use crate::http::author::Author;
use crate::http::clinical::viewer::Viewer;
use crate::http::context::{Context, Path};
use crate::http::envelope::Success;
use crate::http::json::Json;
use crate::http::problem::ProblemBody;
use crate::http::rounds::rounds;
use crate::media::LiveKit;
use crate::persistence::Tx;
use crate::persistence::consultations::consultations::{self, Name};
use crate::persistence::consultations::{Consultation, news, participants};
use crate::telemetry::names;

/// How often the media server is asked whether it lives, while it carries calls.
const EVERY: Duration = Duration::from_secs(3);
/// How often in a row it does not answer before its calls fall back.
const SILENCES: u32 = 2;

/// Where a call goes.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[schema(as = HandOverInput, example = json!({"mode": "sfu", "reason": "se suma la familia"}))]
pub(super) struct HandOver {
    #[garde(skip)]
    mode: MediaMode,
    #[serde(default)]
    #[garde(inner(length(chars, max = 1000)))]
    #[schema(max_length = 1000)]
    reason: Option<String>,
}

/// Moves a call to the media server or back to the browsers; for its doctor, administrators and services.
/// A call that is there already stays.
#[utoipa::path(
    post, path = "/api/consultations/{id}/handover", tag = "consultations",
    operation_id = "hand_over_consultation",
    params(("id" = String, Path)),
    request_body = HandOver,
    responses(
        (status = 200, body = Success<ConsultationView>),
        (status = 409, description = "It is recorded, or more are in it than browsers can carry",
            body = ProblemBody),
        (status = 410, description = "It is over", body = ProblemBody),
        (status = 502, description = "The media server fails", body = ProblemBody),
        (status = 503, description = "There is no media server", body = ProblemBody),
        (status = 504, description = "The media server does not answer", body = ProblemBody),
    ),
)]
pub(super) async fn hand_over(
    State(app): State<App>,
    viewer: Viewer,
    context: Context,
    Path(id): Path<ConsultationId>,
    Json(asked): Json<HandOver>,
) -> Result<Json<Success<ConsultationView>>> {
    Seen::of(&app, &viewer, Name::Id(&id)).await?.must_lead()?;
    let author = Author { app: &app, context: &context, caller: &viewer.caller };
    let moved =
        move_call(&app, Some((&author, asked.reason)), &id, asked.mode, HandOverReason::Requested)
            .await?;
    let participants = participants::all(&app.store, &id).await?;
    Ok(Success::of(ConsultationView::of(&app, moved, participants)))
}

/// Moves a call, for somebody and for what they say is the reason, or of the hub's own accord.
pub(super) async fn move_call(
    app: &App,
    by: Option<(&Author<'_>, Option<String>)>,
    id: &ConsultationId,
    to: MediaMode,
    why: HandOverReason,
) -> Result<Consultation> {
    let known = consultations::find(&app.store, Name::Id(id), consultations::Whose::Everyones);
    let known = known.await?;
    known.must_be_open()?;
    if known.mode == to {
        return Ok(known);
    }
    let moved = move_known(app, by, &known, to, why).await;
    let result = if moved.is_ok() { "ok" } else { "failed" };
    counter!(names::HANDOVERS, "reason" => why.name(), "result" => result).increment(1);
    moved
}

async fn move_known(
    app: &App,
    by: Option<(&Author<'_>, Option<String>)>,
    known: &Consultation,
    to: MediaMode,
    why: HandOverReason,
) -> Result<Consultation> {
    let id = &known.id;
    let room_sid = match to {
        MediaMode::Sfu => Some(open_room(app, &known.room_name, known.max_participants).await?),
        MediaMode::P2p => None,
    };

    let now = Timestamp::now();
    let mut tx = app.store.begin().await?;
    let current = consultations::hold(&mut tx, id).await?;
    current.must_be_open()?;
    if current.mode == to {
        return Ok(current);
    }
    must_fit(app, &current, to, why)?;
    let moved = consultations::set_mode(&mut tx, id, to, room_sid.as_deref(), now).await?;
    if let Some((author, reason)) = by {
        note(&mut tx, author, &moved, reason).await?;
    }
    news::announce_move(&mut tx, &app.settings.node, &moved, why).await?;
    tx.commit().await?;

    app.hub.outbox_ready();
    app.hub.hand_over(id, ModeChange { to, reason: why, version: moved.stamp.version });
    filming::begin_at_server(app, &moved);
    Ok(moved)
}

async fn note(
    tx: &mut Tx,
    author: &Author<'_>,
    moved: &Consultation,
    reason: Option<String>,
) -> Result<()> {
    let data = [("mode", json!(moved.mode)), ("reason", json!(reason))];
    let data = Map::from_iter(data.map(|(name, value)| (name.to_owned(), value)));
    author.record(tx, "consultation", moved.id.as_str().into(), "handed_over", data).await
}

/// What browsers can carry: few peers, and no recorder.
fn must_fit(
    app: &App,
    consultation: &Consultation,
    to: MediaMode,
    why: HandOverReason,
) -> Result<()> {
    if to == MediaMode::Sfu {
        return Ok(());
    }
    // A recorder that is away with its server records nothing.
    if consultation.recording == RecordingMark::Active && why != HandOverReason::Fallback {
        return Err(Kind::Untenable("what is being recorded stays at the media server").into());
    }
    if app.hub.peers_in(&consultation.id) > app.calls.settings.p2p_max_peers {
        return Err(Kind::Untenable("more are in the call than browsers can carry").into());
    }
    Ok(())
}

/// Brings the calls of this node back to the browsers while the media server is away, until its task is
/// aborted.
pub async fn fall_back(app: App) {
    let Some(livekit) = app.calls.media.livekit().cloned() else { return };
    let mut rounds = rounds(EVERY);
    let mut silences = 0;
    loop {
        rounds.tick().await;
        let carried = app.hub.carried_by_server();
        let is_away = !carried.is_empty() && is_away(&livekit).await;
        silences = if is_away { silences + 1 } else { 0 };
        if silences < SILENCES {
            continue;
        }
        for id in carried {
            let (to, why) = (MediaMode::P2p, HandOverReason::Fallback);
            if let Err(error) = move_call(&app, None, &id, to, why).await {
                warn!(%error, consultation.id = %id, "call without a media server");
            }
        }
    }
}

async fn is_away(livekit: &LiveKit) -> bool {
    livekit.rooms().await.is_err()
}
