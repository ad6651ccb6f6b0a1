//! The rooms in which somebody is: the media server's, and those of calls from browser to browser.

use std::collections::HashSet;

use axum::extract::State;
use garde::Validate;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use tracing::warn;
use utoipa::ToSchema;

use super::access::{Part, Seen};
use super::eviction;
use crate::domain::consultations::grant::Source;
use crate::domain::consultations::seat::Seat;
use crate::domain::events::consultation::RecordingMark;
use crate::domain::events::signaling::MediaKind;
use crate::domain::events::values::MediaMode;
use crate::domain::id::ConsultationId;
use crate::domain::time::Timestamp;
use crate::error::{Kind, Result};
use crate::http::App;
use crate::http::author::Author;
use crate::http::clinical::viewer::{Standing, Viewer};
use crate::http::context::{Context, Path};
use crate::http::envelope::Success;
use crate::http::json::Json;
use crate::http::problem::ProblemBody;
use crate::media::LiveKit;
use crate::persistence::consultations::consultations::{Name, Whose};
use crate::persistence::consultations::{Consultation, list, participants};

/// Rooms at most.
const MOST: i64 = 500;

/// The rooms there are.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Rooms {
    rooms: Vec<RoomInfo>,
    count: usize,
}

/// A room.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct RoomInfo {
    name: String,
    sid: Option<String>,
    #[schema(value_type = String)]
    consultation_id: ConsultationId,
    mode: MediaMode,
    num_participants: usize,
    /// Identities.
    participants: Vec<String>,
    created_at: Timestamp,
    recording: bool,
}

/// Lists the rooms the media server has open, and those somebody is in; doctors see their own. A media
/// server that fails is left out. Also at `GET /rooms/active`.
#[utoipa::path(
    get, path = "/api/rooms/active", tag = "rooms", operation_id = "list_active_rooms",
    responses(
        (status = 200, body = Success<Rooms>, example = json!({"success": true, "data": {
            "rooms": [{"name": "consultation-uuid-001", "sid": "RM_dLZxmFRPxzcP",
                "consultationId": "uuid-001", "mode": "sfu", "numParticipants": 2,
                "participants": ["patient-maria-123", "doctor-carlos-456"],
                "createdAt": "2025-10-05T12:07:46.209Z", "recording": false}], "count": 1}})),
    ),
)]
pub(super) async fn active(State(app): State<App>, viewer: Viewer) -> Result<Json<Success<Rooms>>> {
    let whose = match viewer.standing {
        Standing::House => Whose::Everyones,
        Standing::Doctor(own) => Whose::DoctorsOwn(own),
        _ => return Err(Kind::Forbidden("for doctors, administrators and services").into()),
    };
    let at_server = at_server(&app).await;
    let rows = list::open(&app.store, whose, MOST).await?;
    let ids: Vec<_> = rows.iter().map(|row| row.id.clone()).collect();
    let mut present = participants::of_each(&app.store, &ids).await?;
    present.retain(|(_, participant)| participant.left_at.is_none());
    let rooms = rows.into_iter().filter_map(|row| {
        let own = present.iter().filter(|(id, _)| *id == row.id);
        let mut participants: Vec<_> = own.map(|(_, stay)| stay.identity.clone()).collect();
        let seated = app.hub.seats_in(&row.id).into_iter().filter(Seat::is_inside);
        let seated = seated.map(|seat| seat.pass.identity.clone());
        participants.extend(seated.filter(|it| !participants.contains(it)).collect::<Vec<_>>());
        let is_at_server = row.mode == MediaMode::Sfu && at_server.contains(&row.room_name);
        (is_at_server || !participants.is_empty()).then(|| RoomInfo {
            name: row.room_name,
            sid: row.room_sid,
            consultation_id: row.id,
            mode: row.mode,
            num_participants: participants.len(),
            participants,
            created_at: row.stamp.created_at,
            recording: row.recording != RecordingMark::None,
        })
    });
    let rooms: Vec<_> = rooms.collect();
    Ok(Success::of(Rooms { count: rooms.len(), rooms }))
}

/// The names of the rooms the media server has open; none are known of one that fails.
async fn at_server(app: &App) -> HashSet<String> {
    let Some(livekit) = app.calls.media.livekit() else { return HashSet::new() };
    match livekit.rooms().await {
        Ok(rooms) => rooms.into_iter().map(|room| room.name).collect(),
        Err(error) => {
            warn!(%error, "rooms listed without those of the media server");
            HashSet::new()
        }
    }
}

/// Why somebody is sent away.
#[derive(Debug, Default, Deserialize, Validate, ToSchema)]
#[schema(as = Disconnection, example = json!({"reason": "se equivocó de sala"}))]
pub(super) struct Disconnection {
    #[serde(default)]
    #[garde(inner(length(chars, max = 1000)))]
    #[schema(max_length = 1000)]
    reason: Option<String>,
}

/// That somebody was sent away.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Disconnected {
    disconnected: bool,
}

/// What is silenced, or let through again.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[schema(as = ParticipantMute, example = json!({"source": "microphone", "muted": true}))]
pub(super) struct Mute {
    #[garde(skip)]
    source: Source,
    #[garde(skip)]
    muted: bool,
}

/// How a source is now.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Muted {
    source: Source,
    muted: bool,
}

/// Sends somebody out of a room; for its doctor, administrators and services. The tokens they have let
/// them in no more.
#[utoipa::path(
    post, path = "/api/rooms/{roomName}/participants/{identity}/disconnect", tag = "rooms",
    operation_id = "disconnect_participant",
    params(("roomName" = String, Path), ("identity" = String, Path)),
    request_body = Option<Disconnection>,
    responses(
        (status = 200, body = Success<Disconnected>,
            example = json!({"success": true, "data": {"disconnected": true}})),
        (status = 502, description = "The media server fails; it is asked until they are gone",
            body = ProblemBody),
        (status = 504, description = "The media server does not answer; it is asked until they are gone",
            body = ProblemBody),
    ),
)]
pub(super) async fn disconnect(
    State(app): State<App>,
    viewer: Viewer,
    context: Context,
    Path((room, identity)): Path<(String, String)>,
    disconnection: Option<Json<Disconnection>>,
) -> Result<Json<Success<Disconnected>>> {
    let seen = Seen::of(&app, &viewer, Name::Room(&room)).await?;
    seen.must_lead()?;
    let reason = disconnection.and_then(|Json(it)| it.reason);
    let author = Author { app: &app, context: &context, caller: &viewer.caller };
    // Kept out first, so that nobody is quicker who comes back.
    let was_carried =
        eviction::keep_out(&author, &seen.consultation, &identity, reason.clone()).await;
    let was_seated = app.hub.send_away(&seen.consultation.id, &identity, reason).await;
    if !was_carried? && !was_seated {
        return Err(Kind::NotFound("participant").into());
    }
    Ok(Success::of(Disconnected { disconnected: true }))
}

/// Silences somebody, or lets them be heard and seen again; for its doctor and administrators. In a call
/// from browser to browser they are asked to be silent.
#[utoipa::path(
    post, path = "/api/rooms/{roomName}/participants/{identity}/mute", tag = "rooms",
    operation_id = "mute_participant",
    params(("roomName" = String, Path), ("identity" = String, Path)),
    request_body = Mute,
    responses(
        (status = 200, body = Success<Muted>,
            example = json!({"success": true, "data": {"source": "microphone", "muted": true}})),
        (status = 404, description = "Nobody, or nothing of theirs, is there", body = ProblemBody),
        (status = 409, description = "Only browsers let themselves be heard again",
            body = ProblemBody),
        (status = 502, description = "The media server fails", body = ProblemBody),
        (status = 504, description = "The media server does not answer", body = ProblemBody),
    ),
)]
pub(super) async fn mute(
    State(app): State<App>,
    viewer: Viewer,
    context: Context,
    Path((room, identity)): Path<(String, String)>,
    Json(Mute { source, muted }): Json<Mute>,
) -> Result<Json<Success<Muted>>> {
    let seen = Seen::of(&app, &viewer, Name::Room(&room)).await?;
    if !viewer.is_admin() && seen.part != Part::Doctor {
        return Err(Kind::Forbidden("for the doctor of the consultation").into());
    }
    let consultation = seen.consultation;
    let author = Author { app: &app, context: &context, caller: &viewer.caller };
    let by = peer_of(&app, &viewer, &consultation);
    match server(&app, &consultation) {
        Some(server) => {
            server.mute(&consultation.room_name, &identity, source, muted).await?;
            if muted {
                // Whoever is at the media server alone has no seat here to be told of it.
                drop(app.hub.silence(&consultation.id, &identity, by, source.kind()).await);
            }
        }
        None if !muted => {
            return Err(Kind::Untenable("only browsers let themselves be heard again").into());
        }
        None => {
            let asked = app.hub.silence(&consultation.id, &identity, by, source.kind()).await;
            asked.map_err(|_| Kind::NotFound("participant"))?;
        }
    }
    let deed = ("participant_muted", [("source", json!(source)), ("muted", json!(muted))]);
    record(&author, &consultation, deed).await?;
    Ok(Success::of(Muted { source, muted }))
}

/// What those in the room know the caller by: their peer, or else, for who does not sit there, the account.
fn peer_of(app: &App, viewer: &Viewer, consultation: &Consultation) -> String {
    let user = viewer.caller.user;
    let seats = app.hub.seats_in(&consultation.id);
    let own = seats.iter().find(|seat| seat.user == user && seat.is_inside());
    own.map_or_else(|| user.to_string(), |seat| seat.peer.to_string())
}

/// Silences somebody whom the media server carries.
pub(super) async fn silence_at_server(
    author: &Author<'_>,
    consultation: &Consultation,
    identity: &str,
    kind: MediaKind,
) -> Result<()> {
    let source = Source::of(kind);
    if let Some(server) = server(author.app, consultation) {
        server.mute(&consultation.room_name, identity, source, true).await?;
    }
    let deed = ("participant_muted", [("source", json!(source)), ("muted", json!(true))]);
    record(author, consultation, deed).await
}

/// The media server, where it carries the consultation.
fn server<'a>(app: &'a App, consultation: &Consultation) -> Option<&'a LiveKit> {
    app.calls.media.livekit().filter(|_| consultation.mode == MediaMode::Sfu)
}

/// Writes down what was done to somebody in a room.
pub(super) async fn record(
    author: &Author<'_>,
    consultation: &Consultation,
    (deed, data): (&'static str, [(&str, Value); 2]),
) -> Result<()> {
    let data = Map::from_iter(data.map(|(name, value)| (name.to_owned(), value)));
    let id = consultation.id.as_str().into();
    let mut tx = author.app.store.begin().await?;
    author.record(&mut tx, "consultation", id, deed, data).await?;
    tx.commit().await?;
    author.app.hub.outbox_ready();
    Ok(())
}
