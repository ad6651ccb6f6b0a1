//! Joining a consultation, and tokens for its room.

use std::time::Duration;

use axum::extract::State;
use garde::Validate;
use serde::{Deserialize, Serialize};
use serde_json::{Map, json};
use utoipa::ToSchema;

use super::access::{Part, Seen};
use super::entry::{Entry, Token, addresses};
use super::media_rooms::keep_open;
use crate::domain::consultations::grant::Pass;
use crate::domain::consultations::reference::Reference;
use crate::domain::contact::one_line;
use crate::domain::events::signaling::SeatRole;
use crate::domain::id::ConsultationId;
use crate::domain::time::Timestamp;
use crate::error::{Error, FieldCode, Kind, Result};
use crate::http::App;
use crate::http::clinical::viewer::Viewer;
use crate::http::context::{Context, Path};
use crate::http::envelope::Success;
use crate::http::json::Json;
use crate::http::problem::ProblemBody;
use crate::persistence::audit;
use crate::persistence::consultations::consultations::Name;

/// How somebody who joins is called.
#[derive(Debug, Default, Deserialize, Validate, ToSchema)]
#[schema(as = ConsultationJoin, example = json!({"name": "María Gómez"}))]
pub(super) struct Joining {
    #[serde(default)]
    #[garde(inner(length(chars, max = 80), custom(one_line)))]
    #[schema(max_length = 80)]
    name: Option<String>,
}

/// For whom a token is asked, and for which room.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = RoomTokenInput, example = json!({"roomName": "consultation-uuid-consultation-001",
    "role": "patient"}))]
pub(super) struct Asked {
    /// The room, or the consultation; this or `consultationId`.
    #[serde(default)]
    #[garde(inner(length(chars, min = 1, max = 128)))]
    #[schema(min_length = 1, max_length = 128)]
    room_name: Option<String>,
    #[serde(default)]
    #[garde(inner(length(chars, min = 1, max = 64)))]
    #[schema(min_length = 1, max_length = 64)]
    consultation_id: Option<String>,
    /// Absent: the caller's own. Others are for administrators and services.
    #[serde(default)]
    #[garde(inner(length(chars, min = 1, max = 64), custom(one_line)))]
    #[schema(min_length = 1, max_length = 64)]
    identity: Option<String>,
    /// Absent: what the caller is.
    #[serde(default)]
    #[garde(skip)]
    role: Option<SeatRole>,
    #[serde(default)]
    #[garde(inner(length(chars, max = 80), custom(one_line)))]
    #[schema(max_length = 80)]
    name: Option<String>,
    #[serde(default)]
    #[garde(inner(range(min = 60, max = 7200)))]
    #[schema(minimum = 60, maximum = 7200)]
    ttl_seconds: Option<u64>,
}

/// A token for a room, with its two most wanted parts once more where simple clients look for them.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RoomTokenAnswer)]
pub(super) struct TokenAnswer {
    /// Always true.
    success: bool,
    data: TokenView,
    token: String,
    /// The media server by WebSocket.
    url: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = RoomToken)]
struct TokenView {
    token: String,
    /// Null where calls go from browser to browser.
    livekit_url: Option<String>,
    livekit_ws_url: Option<String>,
    room_name: String,
    identity: String,
    role: SeatRole,
    expires_at: Timestamp,
}

/// Lets its patient and its doctor into a consultation, and administrators look on.
#[utoipa::path(
    post, path = "/api/consultations/{id}/join", tag = "consultations",
    operation_id = "join_consultation",
    params(("id" = String, Path)),
    request_body = Option<Joining>,
    responses(
        (status = 200, body = Success<Entry>, example = json!({"success": true, "data": {
            "token": "eyJhbGci…", "role": "patient", "identity": "patient-maria-123",
            "roomName": "consultation-uuid-consultation-001", "mode": "sfu",
            "livekitUrl": "https://livekit.example", "livekitWsUrl": "wss://livekit.example",
            "iceServers": [{"urls": ["stun:stun.example:3478"]}],
            "expiresAt": "2025-10-05T14:07:46.000Z"}})),
        (status = 410, description = "It is over", body = ProblemBody),
    ),
)]
pub(super) async fn join(
    State(app): State<App>,
    viewer: Viewer,
    context: Context,
    Path(id): Path<ConsultationId>,
    joining: Option<Json<Joining>>,
) -> Result<Json<Success<Entry>>> {
    let seen = Seen::of(&app, &viewer, Name::Id(&id)).await?;
    let role = seen.seat(&viewer)?;
    seen.consultation.must_be_open()?;
    let name = joining.and_then(|Json(joining)| joining.name);
    let pass = Pass { name, ..seen.pass(&viewer, role) };
    note(&app, &viewer, &context, &seen, &pass).await?;
    if !pass.is_waiting {
        keep_open(&app, &seen.consultation).await;
    }
    let entry = Entry::of(&app, &seen.consultation, pass)?;
    Ok(Success::of(entry))
}

/// Hands out a token for a room: their own to patients and doctors, an observer's to administrators, and
/// to administrators and services anybody's whom they name.
#[utoipa::path(
    post, path = "/api/token", tag = "consultations", operation_id = "create_room_token",
    request_body = Asked,
    responses(
        (status = 200, body = TokenAnswer, example = json!({"success": true, "data": {
            "token": "eyJhbGci…", "livekitUrl": "https://livekit.example",
            "livekitWsUrl": "wss://livekit.example",
            "roomName": "consultation-uuid-consultation-001", "identity": "patient-maria-123",
            "role": "patient", "expiresAt": "2025-10-05T14:07:46.000Z"},
            "token": "eyJhbGci…", "url": "wss://livekit.example"})),
        (status = 404, description = "There is no such room", body = ProblemBody),
        (status = 410, description = "The consultation is over", body = ProblemBody),
    ),
)]
pub(super) async fn token(
    State(app): State<App>,
    viewer: Viewer,
    context: Context,
    Json(asked): Json<Asked>,
) -> Result<Json<TokenAnswer>> {
    let id = asked.consultation_id.as_deref().map(ConsultationId::from);
    let name = match (&id, &asked.room_name) {
        (Some(id), _) => Name::Id(id),
        (None, Some(room)) => Name::Room(room),
        (None, None) => {
            return Err(Error::field("/roomName", FieldCode::Required, "is required"));
        }
    };
    let seen = Seen::of(&app, &viewer, name).await?;
    let pass = asked.pass(&viewer, &seen)?;
    seen.consultation.must_be_open()?;
    let (now, life) = (Timestamp::now(), asked.ttl_seconds.map(Duration::from_secs));
    let token = Token::of(&app, &seen.consultation, &pass, life, now)?;
    note(&app, &viewer, &context, &seen, &pass).await?;
    if !pass.is_waiting {
        keep_open(&app, &seen.consultation).await;
    }
    let (livekit_url, livekit_ws_url) =
        if pass.is_waiting { (None, None) } else { addresses(&app, seen.consultation.mode) };
    Ok(Json(TokenAnswer {
        success: true,
        token: token.text.clone(),
        url: livekit_ws_url.clone(),
        data: TokenView {
            token: token.text,
            livekit_url,
            livekit_ws_url,
            room_name: pass.room,
            identity: pass.identity,
            role: pass.role,
            expires_at: token.expires_at,
        },
    }))
}

impl Asked {
    /// The pass that is asked for, if the caller may have it.
    fn pass(&self, viewer: &Viewer, seen: &Seen) -> Result<Pass> {
        let pass = if seen.part == Part::House {
            self.anybodys(viewer, seen)
        } else {
            let role = seen.party()?;
            if self.role.is_some_and(|asked| asked != role) {
                return Err(Kind::Forbidden("the role is another one's").into());
            }
            let pass = seen.pass(viewer, role);
            let is_own = |asked: &String| *asked == pass.identity || *asked == pass.user;
            if !self.identity.as_ref().is_none_or(is_own) {
                return Err(Kind::Forbidden("the identity is another one's").into());
            }
            pass
        };
        Ok(Pass { name: self.name.clone(), ..pass })
    }

    /// Who names a party of the consultation gets the token of that party.
    fn anybodys(&self, viewer: &Viewer, seen: &Seen) -> Pass {
        let Some(identity) = &self.identity else {
            return seen.pass(viewer, self.role.unwrap_or(SeatRole::Observer));
        };
        let named = |role: &SeatRole| {
            let reference = seen.consultation.reference(*role);
            reference.is_some_and(|it| it.as_str() == identity || it.identity(*role) == *identity)
        };
        let parties = [SeatRole::Patient, SeatRole::Doctor];
        let asked = |role: &SeatRole| self.role.is_none_or(|asked| asked == *role);
        if let Some(role) = parties.iter().find(|role| asked(role) && named(role)) {
            return seen.pass(viewer, *role);
        }
        let role = self.role.unwrap_or(SeatRole::Observer);
        let user = Reference::from(identity.as_str());
        Pass {
            identity: user.identity(role),
            user: user.to_string(),
            session: None,
            ..seen.pass(viewer, role)
        }
    }
}

/// Writes down that somebody got a way into the room.
async fn note(
    app: &App,
    viewer: &Viewer,
    context: &Context,
    seen: &Seen,
    pass: &Pass,
) -> Result<()> {
    let id = &seen.consultation.id;
    let mut entry = context.audit(Some(&viewer.caller), "token_issued", "consultation", id);
    entry.data = Map::from_iter([("role".to_owned(), json!(pass.role))]);
    let mut tx = app.store.begin().await?;
    audit::append(&mut tx, &entry, Timestamp::now()).await?;
    tx.commit().await
}
