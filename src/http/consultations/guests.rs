//! Guests: whoever has the link gets in once, and the link is theirs from then on.

use std::future::ready;

use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::LOCATION;
use axum::response::{IntoResponse, Response};
use garde::Validate;
use serde::{Deserialize, Serialize};
use serde_json::{Map, json};
use utoipa::ToSchema;

use super::access::Seen;
use super::entry::Entry;
use super::media_rooms::keep_open;
use super::view::Urls;
use crate::auth::{digest, new_secret};
use crate::delivery::letters::{self, Reader};
use crate::domain::consultations::grant::{self, Pass};
use crate::domain::consultations::invite::InviteDraft;
use crate::domain::id::{ConsultationId, InviteId};
use crate::domain::language::Language;
use crate::domain::time::Timestamp;
use crate::error::{Kind, Result};
use crate::http::App;
use crate::http::author::Author;
use crate::http::clinical::viewer::Viewer;
use crate::http::context::{Context, Path};
use crate::http::envelope::Success;
use crate::http::json::Json;
use crate::http::problem::ProblemBody;
use crate::persistence::audit;
use crate::persistence::consultations::consultations::{self, Name};
use crate::persistence::consultations::invites::{self, New};
use crate::persistence::consultations::removals::{self, Due};

/// An invitation that was made.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Invitation {
    #[schema(value_type = i64)]
    invite_id: InviteId,
    /// The code stands behind the `#`, so no server gets to see it.
    url: String,
    expires_at: Timestamp,
}

/// The code of an invitation.
#[derive(Deserialize, Validate, ToSchema)]
#[schema(as = InviteCode, example = json!({"code": "Zk3T…"}))]
pub(super) struct Code {
    #[garde(length(max = 256))]
    #[schema(max_length = 256)]
    code: String,
}

/// Invites a guest without an account; for its doctor, administrators and services.
#[utoipa::path(
    post, path = "/api/consultations/{id}/invite", tag = "consultations",
    operation_id = "invite_to_consultation",
    params(("id" = String, Path)),
    request_body = InviteDraft,
    responses(
        (status = 201, body = Success<Invitation>, headers(("Location" = String)),
            example = json!({"success": true, "data": {"inviteId": 3,
                "url": "https://patients.example/consultation/uuid-001#code=Zk3T…",
                "expiresAt": "2025-10-05T13:07:46.209Z"}})),
        (status = 410, description = "It is over", body = ProblemBody),
    ),
)]
pub(super) async fn invite(
    State(app): State<App>,
    viewer: Viewer,
    context: Context,
    Path(id): Path<ConsultationId>,
    Json(draft): Json<InviteDraft>,
) -> Result<Response> {
    let seen = Seen::of(&app, &viewer, Name::Id(&id)).await?;
    seen.must_lead()?;
    seen.consultation.must_be_open()?;
    let author = Author { app: &app, context: &context, caller: &viewer.caller };
    let (now, code) = (Timestamp::now(), new_secret());
    let expires_at = now.plus(draft.life());

    let mut tx = app.store.begin().await?;
    let new = New {
        consultation: &id,
        code_hash: &digest(code.expose()),
        role: draft.role,
        name: draft.name.as_deref(),
        created_by: author.user(),
        expires_at,
    };
    let invite_id = invites::insert(&mut tx, &new, now).await?;
    let data = [("invite", json!(invite_id)), ("role", json!(draft.role))];
    let data = Map::from_iter(data.map(|(name, value)| (name.to_owned(), value)));
    author.record(&mut tx, "consultation", id.as_str().into(), "guest_invited", data).await?;
    tx.commit().await?;

    app.hub.outbox_ready();
    let url = format!("{}#code={}", Urls::of(&app, &id).patient(), code.expose());
    if let Some(email) = draft.email.clone() {
        let to = Reader { email, language: Language::default() };
        app.deliveries.mail(ready(Some(letters::invitation(&to, &url, draft.life()))));
    }
    let place = format!("/api/consultations/{id}/invites/{invite_id}");
    let body = Success::of(Invitation { invite_id, url, expires_at });
    Ok((StatusCode::CREATED, [(LOCATION, place)], body).into_response())
}

/// Takes the code of an invitation, once, and lets its bearer in.
#[utoipa::path(
    post, path = "/api/consultations/redeem", tag = "consultations",
    operation_id = "redeem_consultation_invite",
    request_body = Code,
    responses(
        (status = 200, body = Success<Entry>),
        (status = 410, description = "Used, revoked, expired, or the consultation is over",
            body = ProblemBody),
    ),
)]
pub(super) async fn redeem(
    State(app): State<App>,
    context: Context,
    Json(given): Json<Code>,
) -> Result<Json<Success<Entry>>> {
    let now = Timestamp::now();
    let mut tx = app.store.begin().await?;
    let guest = invites::redeem(&mut tx, &digest(&given.code), now).await?;
    let consultation = consultations::hold(&mut tx, &guest.consultation_id).await?;
    consultation.must_be_open()?;
    let identity = grant::guest(guest.id);
    let pass = Pass {
        consultation: consultation.id.clone(),
        room: consultation.room_name.clone(),
        role: guest.role.into(),
        user: identity.clone(),
        identity,
        name: guest.name,
        is_waiting: consultation.waiting_room,
        session: None,
    };
    let entry = Entry::of(&app, &consultation, pass)?;
    let mut line = context.audit(None, "invite_redeemed", "consultation", &consultation.id);
    line.data = Map::from_iter([("invite".to_owned(), json!(guest.id))]);
    audit::append(&mut tx, &line, now).await?;
    tx.commit().await?;
    if !consultation.waiting_room {
        keep_open(&app, &consultation).await;
    }
    Ok(Success::of(entry))
}

/// Takes an invitation back, for whoever may make one. A guest who took it is out within a second: of the
/// room, of the media server, and of what their token opens.
#[utoipa::path(
    delete, path = "/api/consultations/{id}/invites/{inviteId}", tag = "consultations",
    operation_id = "revoke_consultation_invite",
    params(("id" = String, Path), ("inviteId" = i64, Path)),
    responses((status = 204)),
)]
pub(super) async fn revoke(
    State(app): State<App>,
    viewer: Viewer,
    context: Context,
    Path((id, invite)): Path<(ConsultationId, String)>,
) -> Result<StatusCode> {
    Seen::of(&app, &viewer, Name::Id(&id)).await?.must_lead()?;
    let invite = invite.parse().map(InviteId).map_err(|_| Kind::NotFound("invitation"))?;
    let author = Author { app: &app, context: &context, caller: &viewer.caller };

    let now = Timestamp::now();

    let mut tx = app.store.begin().await?;
    invites::revoke(&mut tx, &id, invite, now).await?;
    removals::note(&mut tx, &Due::new(&id, &grant::guest(invite), now), now).await?;
    let data = Map::from_iter([("invite".to_owned(), json!(invite))]);
    author.record(&mut tx, "consultation", id.as_str().into(), "invite_revoked", data).await?;
    tx.commit().await?;

    app.hub.dismiss_guest(&id, invite);
    app.hub.outbox_ready();
    Ok(StatusCode::NO_CONTENT)
}
