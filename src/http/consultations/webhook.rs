//! What the media server tells by itself: who came and went, and what became of a film.
//!
//! Events of one room come in their order, most of the time; one that comes late or twice changes
//! nothing. Each is noted in the transaction of what it brings about, so what failed is told again.

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::http::header::AUTHORIZATION;

use super::{eviction, filming, films, moves};
use crate::auth::digest;
use crate::domain::consultations::grant::is_guest;
use crate::domain::consultations::status::Move;
use crate::domain::events::signaling::SeatRole;
use crate::domain::events::signaling::notices::EndReason;
use crate::domain::events::values::MediaMode;
use crate::domain::state::State as _;
use crate::domain::time::Timestamp;
use crate::error::{Kind, Result, Unauthenticated};
use crate::http::App;
use crate::http::body;
use crate::http::problem::ProblemBody;
use crate::media::webhook::{Participant, Told};
use crate::persistence::consultations::participants::{self, Arrival};
use crate::persistence::consultations::removals::{self, Due};
use crate::persistence::consultations::{Consultation, consultations, news, progress};
use crate::persistence::{Tx, provider_events};

/// Who tells.
const PROVIDER: &str = "livekit";
/// What is told when somebody comes.
const JOINED: &str = "participant_joined";
/// What is told when they go.
const LEFT: &str = "participant_left";
/// The same of somebody whose media may never have come about: then it was not told that they came either.
const ABORTED: &str = "participant_connection_aborted";

/// Takes an event of the media server, signed by it.
#[utoipa::path(
    post, path = "/webhooks/livekit", tag = "rooms", operation_id = "receive_livekit_event",
    request_body(content = String, content_type = "application/webhook+json",
        description = "As the media server sends it; `Authorization` is a bare JWT that names its hash",
        example = r#"{"event": "room_started", "id": "EV_a1", "createdAt": "1795479008",
            "room": {"sid": "RM_dLZxmFRPxzcP", "name": "consultation-uuid-001"}}"#),
    responses(
        (status = 204, description = "Taken, or known already"),
        (status = 401, description = "Not signed by the media server, or there is none",
            body = ProblemBody),
    ),
)]
pub(super) async fn receive(State(app): State<App>, request: Request) -> Result<StatusCode> {
    // Without a media server nobody's signature is good.
    let webhooks = app.calls.webhooks.as_ref();
    let webhooks = webhooks.ok_or(Kind::Unauthenticated(Unauthenticated::Signature))?;
    let signature = request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let signature = signature.ok_or(Kind::Unauthenticated(Unauthenticated::Missing))?.to_owned();
    let body = body::read(request, app.settings.body).await?;
    let told = webhooks.read(&signature, &body)?;
    let is_welcome = match (&told.room, &told.participant) {
        (Some(room), Some(who)) if told.event == JOINED => {
            eviction::is_welcome_in(&app, &room.name, who).await?
        }
        _ => true,
    };

    let now = Timestamp::now();
    let mut tx = app.store.begin().await?;
    let hash = digest(&String::from_utf8_lossy(&body));
    if !provider_events::note(&mut tx, PROVIDER, &told.id, &hash, now).await? {
        return Ok(StatusCode::NO_CONTENT);
    }
    let (mut moved, mut unwanted) = (None, None);
    if let Some(egress) = &told.egress_info {
        unwanted = films::settle(&mut tx, &app.settings.node, egress, now).await?;
    } else {
        moved = follow(&mut tx, &app, &told, is_welcome, now).await?;
    }
    tx.commit().await?;

    app.hub.outbox_ready();
    if let Some(moved) = moved {
        moves::after(&app, &moved);
    }
    if let Some(recording) = unwanted {
        filming::stop(&app, &recording);
    }
    Ok(StatusCode::NO_CONTENT)
}

/// Does what follows from an event, and answers the consultation if that moved it on. What the media server
/// tells of a call that left it comes too late.
async fn follow(
    tx: &mut Tx,
    app: &App,
    told: &Told,
    is_welcome: bool,
    now: Timestamp,
) -> Result<Option<Consultation>> {
    let Some(room) = &told.room else { return Ok(None) };
    let Some(consultation) = consultations::hold_room(tx, &room.name).await? else {
        return Ok(None);
    };
    let is_here = consultation.mode == MediaMode::Sfu;
    if !is_here && told.event != JOINED {
        return Ok(None);
    }
    match (told.event.as_str(), &told.participant) {
        (JOINED, Some(who)) => joined(tx, app, &consultation, who, is_welcome, now).await,
        (LEFT | ABORTED, Some(who)) => {
            left(tx, app, &consultation, who, told.event == LEFT, now).await?;
            Ok(None)
        }
        // The server opens a room anew for whoever comes after it closed.
        ("room_started", _) if room.sid != consultation.room_sid => {
            let (id, mode) = (&consultation.id, consultation.mode);
            consultations::set_mode(tx, id, mode, room.sid.as_deref(), now).await?;
            Ok(None)
        }
        ("room_finished", _) if room.sid == consultation.room_sid => {
            finished(tx, app, &consultation, now).await
        }
        _ => Ok(None),
    }
}

async fn joined(
    tx: &mut Tx,
    app: &App,
    consultation: &Consultation,
    who: &Participant,
    is_welcome: bool,
    now: Timestamp,
) -> Result<Option<Consultation>> {
    // Recorders and agents are no people, and whoever has no token of ours is nobody we know.
    let Some(role) = role(who) else { return Ok(None) };
    let has_left = participants::has_left(tx, consultation, who.at(), &who.identity).await?;
    if has_left {
        return Ok(None);
    }
    // Somebody came who had been sent away, or where there is no call.
    let is_elsewhere = consultation.status.is_over() || consultation.mode == MediaMode::P2p;
    if is_elsewhere || !is_welcome {
        removals::review(tx, &Due::new(&consultation.id, &who.identity, now)).await?;
        return Ok(None);
    }
    // Who comes again has left, whether or not that is told later.
    let before = Timestamp(who.at().0 - 1);
    participants::leave(tx, &consultation.id, &who.identity, before, who.at()).await?;
    let arrival = Arrival { identity: &who.identity, user: None, role, at: who.at() };
    if !participants::enter(tx, &consultation.id, &arrival).await? || role == SeatRole::Observer {
        return Ok(None);
    }
    let present = participants::present(tx, &consultation.id).await?;
    let is_there =
        |role: SeatRole| present.iter().any(|it| it.role == role.name() && !is_guest(&it.identity));
    let both = is_there(SeatRole::Doctor) && is_there(SeatRole::Patient);
    let to = if both { Move::Live } else { Move::Waiting };
    let node = &app.settings.node;
    if consultation.status.check_move(to.status()).is_ok() {
        return progress::advance(tx, node, consultation, to, None, now).await.map(Some);
    }
    let consultation = consultations::touch(tx, &consultation.id, now).await?;
    news::announce(tx, node, &consultation).await?;
    Ok(None)
}

async fn left(
    tx: &mut Tx,
    app: &App,
    consultation: &Consultation,
    who: &Participant,
    was_there: bool,
    now: Timestamp,
) -> Result<()> {
    let id = &consultation.id;
    let Some(role) = role(who) else { return Ok(()) };
    if !participants::leave(tx, id, &who.identity, who.at(), now).await? {
        if was_there && !participants::has_left(tx, consultation, who.at(), &who.identity).await? {
            // It came before the arrival it ends.
            let stay = Arrival { identity: &who.identity, user: None, role, at: who.at() };
            participants::note_stay(tx, id, &stay, now).await?;
        }
        return Ok(());
    }
    let consultation = consultations::touch(tx, id, now).await?;
    news::announce(tx, &app.settings.node, &consultation).await
}

async fn finished(
    tx: &mut Tx,
    app: &App,
    consultation: &Consultation,
    now: Timestamp,
) -> Result<Option<Consultation>> {
    let to = Move::Over(EndReason::Ended);
    if consultation.status.check_move(to.status()).is_err() {
        return Ok(None);
    }
    progress::advance(tx, &app.settings.node, consultation, to, None, now).await.map(Some)
}

/// What a person is in the room, by the token they came with.
fn role(who: &Participant) -> Option<SeatRole> {
    let is_person = who.kind.as_deref().is_none_or(|kind| kind == "STANDARD");
    eviction::role(&who.metadata).filter(|_| is_person)
}
