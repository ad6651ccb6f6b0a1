//! Single sign-on across domains: a ticket carries a sign-in from one portal to another.
//!
//! A ticket lives for a minute, works once, and only for a page of the origin it was made for. What
//! it opens is a session of its own, with a cookie and refresh tokens of its own, so that each can
//! be lost or ended by itself; it belongs to the sign-on of the session it came from, shares its
//! apps and data, and ends with it when the user signs out.

use std::time::Duration;

use axum::extract::State;
use axum::http::header::{LOCATION, ORIGIN, SET_COOKIE};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use garde::Validate;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use super::opening::{Device, Opened};
use super::sessions::session_of;
use super::view::TokenPair;
use crate::auth;
use crate::domain::id::{SessionId, UserId};
use crate::domain::origin;
use crate::domain::time::Timestamp;
use crate::error::{Error, FieldCode, Kind, Result};
use crate::http::App;
use crate::http::caller::Member;
use crate::http::context::Context;
use crate::http::envelope::Success;
use crate::http::json::Json;
use crate::http::problem::ProblemBody;
use crate::persistence::identity::accounts;
use crate::persistence::identity::one_time_tokens::{self, Purpose};
use crate::persistence::identity::session_sync::{self, Held};
use crate::persistence::{Tx, audit};
use crate::telemetry::names;

/// How long a ticket may take from one portal to the other.
const LIFE: Duration = Duration::from_mins(1);

const REDEEM: HeaderValue = HeaderValue::from_static("/api/session-sync/redeem");

#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct NewTicket {
    /// The portal to go to: an origin of `CORS_ORIGIN`.
    #[garde(length(chars, max = 256))]
    #[schema(max_length = 256)]
    target_origin: String,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Issued {
    ticket: String,
    expires_at: Timestamp,
    /// Where to send the browser. The ticket stands behind the `#`, so no server gets to see it.
    url: String,
}

#[derive(Debug, Deserialize, Validate, ToSchema)]
pub struct Redemption {
    #[garde(length(max = 128))]
    ticket: String,
}

/// Makes a ticket that signs the caller in at another portal.
#[utoipa::path(
    post, path = "/api/session-sync/ticket", tag = "session sync", operation_id = "issueTicket",
    request_body(content = NewTicket, example = json!({"targetOrigin": "https://patients.example"})),
    responses(
        (status = 201, body = Success<Issued>, example = json!({"success": true,
            "data": {"ticket": "t_Zk3…", "expiresAt": "2025-10-13T04:59:18.128Z",
                "url": "https://patients.example/sso#ticket=t_Zk3…"}})),
        (status = 401, body = ProblemBody),
        (status = 403, body = ProblemBody),
        (status = 422, body = ProblemBody),
    ),
)]
pub async fn issue(
    State(app): State<App>,
    context: Context,
    Member(caller): Member,
    Json(new): Json<NewTicket>,
) -> Result<(StatusCode, [(HeaderName, HeaderValue); 1], Json<Success<Issued>>)> {
    let session = session_of(&caller)?;
    let target = allowed(&app, &new.target_origin).ok_or_else(|| {
        Error::field("/targetOrigin", FieldCode::Rule, "is not an allowed origin")
    })?;
    let now = Timestamp::now();
    let expires_at = now.plus(LIFE);
    let ticket = format!("t_{}", auth::new_secret().expose());

    let mut tx = app.store.begin().await?;
    let hash = hash(&ticket, &target);
    let purpose = Purpose::SsoTicket;
    one_time_tokens::insert(&mut tx, &hash, purpose, caller.user, session, now, expires_at).await?;
    let mut entry = context.audit(Some(&caller), "ticket_issued", "session", session);
    entry.data.insert("target".into(), json!(target));
    audit::append(&mut tx, &entry, now).await?;
    tx.commit().await?;

    let url = format!("{target}/sso#ticket={ticket}");
    let issued = Issued { ticket, expires_at, url };
    Ok((StatusCode::CREATED, [(LOCATION, REDEEM)], Success::of(issued)))
}

/// Signs in by a ticket, once, from a page of the origin it was made for.
///
/// From any other origin the ticket is as unknown as one that never was, and stays good.
#[utoipa::path(
    post, path = "/api/session-sync/redeem", tag = "session sync", operation_id = "redeemTicket",
    request_body(content = Redemption, example = json!({"ticket": "t_Zk3…"})),
    responses(
        (status = 200, body = Success<TokenPair>),
        (status = 403, description = "Not from a page of an allowed origin", body = ProblemBody),
        (status = 410, description = "Used, expired, or not for this origin", body = ProblemBody),
    ),
)]
pub async fn redeem(
    State(app): State<App>,
    context: Context,
    device: Device,
    headers: HeaderMap,
    Json(Redemption { ticket }): Json<Redemption>,
) -> Result<([(HeaderName, HeaderValue); 1], Json<Success<TokenPair>>)> {
    let origin = headers.get(ORIGIN).and_then(|value| value.to_str().ok());
    let now = Timestamp::now();
    let mut tx = app.store.begin().await?;
    let Some(origin) = origin.and_then(|origin| allowed(&app, origin)) else {
        // Which one it is is anybody's to write, so it is not kept.
        refused(&context, tx, "origin", None, now).await?;
        return Err(Kind::OriginNotAllowed.into());
    };
    let from = match spend(&mut tx, &hash(&ticket, &origin), now).await {
        Err(error) if matches!(error.kind(), Kind::Gone(_)) => {
            refused(&context, tx, "ticket", Some(&origin), now).await?;
            return Err(error);
        }
        outcome => outcome?,
    };
    let user = accounts::within(&mut tx, from.user_id).await?.filter(|user| user.is_active);
    let Some(user) = user else {
        refused(&context, tx, "inactive", Some(&origin), now).await?;
        return Err(Kind::AccountInactive { retry_after: None }.into());
    };
    let opened = Opened::insert(&app, &mut tx, &user, &device, now).await?;
    let session = opened.session.clone();
    session_sync::tie(&mut tx, &session, &from).await?;
    let mut entry = context.audit(None, "ticket_redeemed", "session", &session);
    entry.actor = Some(user.id);
    entry.actor_role = Some(user.primary_role.user_type());
    entry.data.insert("sign_on".into(), json!(from.first));
    entry.data.insert("origin".into(), json!(origin));
    audit::append(&mut tx, &entry, now).await?;
    tx.commit().await?;

    let (cookie, pair) = opened.announce(&app, user, false, now)?;
    // It ends with the session it came from, which may be sooner than a sign-in's would.
    app.auth.forget(&session);
    Ok(([(SET_COOKIE, cookie)], Success::of(pair)))
}

/// Spends the ticket and answers the session it was made by, if that may still be used.
async fn spend(tx: &mut Tx, hash: &str, now: Timestamp) -> Result<Held> {
    let (_, from): (UserId, SessionId) =
        one_time_tokens::redeem(tx, hash, Purpose::SsoTicket, now).await?;
    session_sync::hold(tx, &from, now).await?.ok_or_else(|| Kind::Gone("ticket").into())
}

/// Whoever presented it is unknown, and so is whether there was such a ticket.
async fn refused(
    context: &Context,
    mut tx: Tx,
    reason: &'static str,
    origin: Option<&str>,
    now: Timestamp,
) -> Result<()> {
    metrics::counter!(names::AUTH_FAILURES, "surface" => "sso", "reason" => reason).increment(1);
    let mut entry = context.audit(None, "ticket_refused", "session", &"");
    entry.entity_id = None;
    entry.data.insert("reason".into(), json!(reason));
    entry.data.extend(origin.map(|origin| ("origin".to_owned(), json!(origin))));
    audit::append(&mut tx, &entry, now).await?;
    tx.commit().await
}

/// What the ticket is found by. The origin is part of it, so that no other page can find it.
fn hash(ticket: &str, origin: &str) -> String {
    auth::digest(&format!("{ticket}\n{origin}"))
}

/// The origin as browsers write it, if its pages may call.
fn allowed(app: &App, origin: &str) -> Option<String> {
    origin::canonical(origin).filter(|origin| (app.settings.allows_origin)(origin))
}
