//! How well a call goes: what its participants measure, and what comes of it.

use axum::extract::State;
use axum::http::StatusCode;
use garde::Validate;
use serde::{Deserialize, Serialize};
use tracing::warn;
use utoipa::ToSchema;

use super::access::{Part, Seen};
use super::handover::move_call;
use crate::actors::hub::{Sitting, count_quality};
use crate::domain::consultations::quality::{self, Quality, WINDOW};
use crate::domain::consultations::seat::Place;
use crate::domain::events::signaling::QualitySample;
use crate::domain::events::signaling::notices::HandOverReason;
use crate::domain::events::values::MediaMode;
use crate::domain::id::ConsultationId;
use crate::domain::shape::Rules;
use crate::domain::time::Timestamp;
use crate::error::{Error, Kind, Result};
use crate::http::App;
use crate::http::clinical::viewer::Viewer;
use crate::http::context::Path;
use crate::http::envelope::Success;
use crate::http::json::Json;
use crate::media::livekit::Participant;
use crate::persistence::consultations::consultations::Name;
use crate::persistence::consultations::{Consultation, participants, samples};

/// How a room is.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct RoomStats {
    room_name: String,
    room_sid: Option<String>,
    mode: MediaMode,
    num_participants: usize,
    participants: Vec<Seat>,
    quality: Option<Quality>,
    window_seconds: u64,
    /// Always `clients`: it is they who measure.
    source: &'static str,
}

/// Somebody in the room.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = RoomParticipant)]
struct Seat {
    identity: String,
    role: String,
    /// `active`, or what the media server says: `joining`, `joined`, `disconnected`.
    state: String,
    joined_at: Timestamp,
    /// What they show and let hear.
    publishing: Vec<String>,
    quality: Option<Quality>,
}

/// What somebody measured.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(transparent)]
#[schema(value_type = QualitySample)]
pub(super) struct Sample(#[garde(skip)] QualitySample);

/// That it was taken.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Taken {
    accepted: bool,
}

/// Shows who is in a room, and how well they see and hear each other; for those whose room it is,
/// administrators and services. Also at `GET /rooms/{roomName}/stats`.
#[utoipa::path(
    get, path = "/api/rooms/{roomName}/stats", tag = "rooms", operation_id = "get_room_stats",
    params(("roomName" = String, Path, description = "A room, or its consultation")),
    responses((status = 200, body = Success<RoomStats>, example = json!({"success": true, "data": {
        "roomName": "consultation-uuid-001", "roomSid": "RM_dLZxmFRPxzcP", "mode": "sfu",
        "numParticipants": 1, "participants": [{"identity": "patient-maria-123",
            "role": "patient", "state": "active", "joinedAt": "2025-10-05T12:09:12.000Z",
            "publishing": ["camera"], "quality": null}],
        "quality": {"latencyMs": 84.0, "packetLossPct": 0.3, "bitrateKbps": 1800.0,
            "resolution": "1280x720", "frameRate": 30.0, "jitterMs": 6.1, "samples": 12},
        "windowSeconds": 60, "source": "clients"}}))),
)]
pub(super) async fn show(
    State(app): State<App>,
    viewer: Viewer,
    Path(room): Path<String>,
) -> Result<Json<Success<RoomStats>>> {
    let seen = Seen::of(&app, &viewer, Name::Room(&room)).await?;
    if seen.part != Part::House {
        seen.party()?;
    }
    seen.must_be_let_in(&app, &viewer)?;
    let consultation = seen.consultation;
    let since = Timestamp::now().minus(WINDOW);
    let measured = samples::recent(&app.store, &consultation.room_name, since).await?;
    let quality_of = |identity: &str| {
        let own = measured.iter().filter(|it| it.identity == identity);
        Quality::of(own.map(|it| &it.sample))
    };
    let mut seats = seats(&app, &consultation).await?;
    for seat in &mut seats {
        seat.quality = quality_of(&seat.identity);
    }
    Ok(Success::of(RoomStats {
        room_name: consultation.room_name,
        room_sid: consultation.room_sid,
        mode: consultation.mode,
        num_participants: seats.len(),
        participants: seats,
        quality: Quality::of(measured.iter().map(|it| &it.sample)),
        window_seconds: WINDOW.as_secs(),
        source: "clients",
    }))
}

/// Takes what a participant measured.
#[utoipa::path(
    post, path = "/api/rooms/{roomName}/stats", tag = "rooms", operation_id = "report_room_stats",
    params(("roomName" = String, Path, description = "A room, or its consultation")),
    request_body(content = Sample, example = json!({"latencyMs": 84.0, "packetLossPct": 0.3,
        "bitrateKbps": 1800, "resolution": "1280x720", "frameRate": 30, "jitterMs": 6.1})),
    responses((status = 202, body = Success<Taken>)),
)]
pub(super) async fn report(
    State(app): State<App>,
    viewer: Viewer,
    Path(room): Path<String>,
    Json(Sample(sample)): Json<Sample>,
) -> Result<(StatusCode, Json<Success<Taken>>)> {
    let seen = Seen::of(&app, &viewer, Name::Room(&room)).await?;
    let role = seen.party()?;
    seen.must_be_let_in(&app, &viewer)?;
    let mut rules = Rules::default();
    sample.rules(&mut rules);
    rules.finish().map_err(Kind::Validation)?;
    let identity = seen.pass(&viewer, role).identity;

    let consultation = &seen.consultation;
    count_quality(consultation.mode, &sample);
    keep(&app, &consultation.room_name, &identity, &sample).await?;
    rescue(&app, &consultation.id, &consultation.room_name, consultation.mode).await;
    Ok((StatusCode::ACCEPTED, Success::of(Taken { accepted: true })))
}

/// Takes what somebody in a room measured.
pub(super) async fn take(app: &App, by: &Sitting, sample: &QualitySample) -> Result<()> {
    let pass = &by.seat.pass;
    keep(app, &pass.room, &pass.identity, sample).await?;
    rescue(app, &by.consultation, &pass.room, by.mode).await;
    Ok(())
}

async fn keep(app: &App, room: &str, identity: &str, sample: &QualitySample) -> Result<()> {
    let mut tx = app.store.begin().await?;
    samples::insert(&mut tx, room, identity, sample, Timestamp::now()).await?;
    tx.commit().await
}

/// Moves a call to the media server that goes badly between browsers, where that is wanted. Who measured
/// it is not told if that fails.
async fn rescue(app: &App, id: &ConsultationId, room: &str, mode: MediaMode) {
    let can = app.calls.settings.moves_bad_calls && app.calls.media.livekit().is_some();
    if mode != MediaMode::P2p || !can {
        return;
    }
    let moved = async {
        let since = Timestamp::now().minus(quality::PATIENCE);
        if samples::is_older(&app.store, room, since).await? {
            let measured = samples::recent(&app.store, room, since).await?;
            if quality::is_poor(measured.iter().map(|it| &it.sample)) {
                let (to, why) = (MediaMode::Sfu, HandOverReason::Quality);
                move_call(app, None, id, to, why).await?;
            }
        }
        Ok::<_, Error>(())
    };
    if let Err(error) = moved.await {
        warn!(%error, consultation.id = %id, "a bad call was not moved");
    }
}

/// Who is in the room: as the media server says, or, where that carries nothing or fails, as the hub knows.
async fn seats(app: &App, consultation: &Consultation) -> Result<Vec<Seat>> {
    let written = participants::all(&app.store, &consultation.id).await?;
    let written: Vec<_> = written.into_iter().filter(|it| it.left_at.is_none()).collect();
    let Some(carried) = carried(app, consultation).await else {
        let seated = app.hub.seats_in(&consultation.id).into_iter().filter_map(|seat| {
            let Place::Inside { joined_at, .. } = seat.place else { return None };
            Some((seat.pass.identity.clone(), seat.role.name().to_owned(), joined_at))
        });
        let is_written = |identity: &str| written.iter().any(|it| it.identity == identity);
        let seated: Vec<_> = seated.filter(|(identity, ..)| !is_written(identity)).collect();
        let known = written.into_iter().map(|it| (it.identity, it.role, it.joined_at));
        let seat = |(identity, role, joined_at)| Seat {
            identity,
            role,
            state: "active".to_owned(),
            joined_at,
            publishing: Vec::new(),
            quality: None,
        };
        return Ok(known.chain(seated).map(seat).collect());
    };
    let role_of = |identity: &str| {
        let known = written.iter().find(|it| it.identity == identity);
        known.map_or_else(|| role(consultation, identity).to_owned(), |it| it.role.clone())
    };
    let seat = |it: Participant| Seat {
        role: role_of(&it.identity),
        state: it.state.to_ascii_lowercase(),
        joined_at: it.joined_at,
        publishing: publishing(&it),
        identity: it.identity,
        quality: None,
    };
    Ok(carried.into_iter().map(seat).collect())
}

/// Who is at the media server, where that carries the call and answers.
async fn carried(app: &App, consultation: &Consultation) -> Option<Vec<Participant>> {
    let livekit = app.calls.media.livekit().filter(|_| consultation.mode == MediaMode::Sfu)?;
    match livekit.participants(&consultation.room_name).await {
        Ok(mut present) => {
            present.retain(|it| !it.permission.recorder);
            Some(present)
        }
        Err(error) => {
            warn!(%error, consultation.id = %consultation.id, "figures without the media server");
            None
        }
    }
}

fn role(consultation: &Consultation, identity: &str) -> &'static str {
    use crate::domain::events::signaling::SeatRole::{Doctor, Patient};
    [Doctor, Patient]
        .into_iter()
        .find(|role| consultation.reference(*role).is_some_and(|it| it.identity(*role) == identity))
        .map_or("observer", |role| role.name())
}

fn publishing(participant: &Participant) -> Vec<String> {
    let audible = participant.tracks.iter().filter(|track| !track.muted);
    audible.map(|track| track.source.to_ascii_lowercase()).collect()
}
