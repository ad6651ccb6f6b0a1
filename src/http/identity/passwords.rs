//! Choosing another password: by the present one, or by a token from a mail.

use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use garde::Validate;
use serde::Deserialize;
use serde_json::Map;
use tracing::warn;
use utoipa::ToSchema;

use super::attempts;
use super::delegation;
use super::ending::Ended;
use super::verification;
use crate::auth::failures::{Surface, count_failure};
use crate::auth::{digest, new_secret};
use crate::delivery::{Mail, letters};
use crate::domain::id::{SessionId, UserId};
use crate::domain::identity::Revocation;
use crate::domain::time::Timestamp;
use crate::error::{Kind, Result};
use crate::http::App;
use crate::http::caller::Member;
use crate::http::context::Context;
use crate::http::json::Json;
use crate::http::problem::ProblemBody;
use crate::persistence::deed::Deed;
use crate::persistence::identity::one_time_tokens::{self, Purpose};
use crate::persistence::identity::{accounts, addressees, identities};
use crate::persistence::{Tx, audit};

/// How long a token from a mail works (contract §5.2).
const LIFE: Duration = Duration::from_mins(30);

#[derive(Deserialize, Validate, ToSchema)]
pub struct Change {
    #[garde(length(chars, max = 1024))]
    current_password: String,
    /// 8 to 128 characters, not easy to guess.
    #[garde(length(chars, max = 1024))]
    new_password: String,
}

#[derive(Deserialize, Validate, ToSchema)]
#[schema(as = ForgottenPassword)]
pub struct Forgotten {
    #[garde(length(chars, max = 254))]
    email: String,
}

#[derive(Deserialize, Validate, ToSchema)]
pub struct Reset {
    /// From the mail.
    #[garde(length(max = 256))]
    token: String,
    /// 8 to 128 characters, not easy to guess.
    #[garde(length(chars, max = 1024))]
    new_password: String,
}

/// Changes the caller's password and ends its other sessions.
#[utoipa::path(
    post, path = "/auth/password/change", tag = "auth", request_body = Change,
    responses(
        (status = 204),
        (status = 401, description = "Not signed in, or not the present password", body = ProblemBody),
        (status = 403, description = "Locked after too many failures, or kept at the auth service",
            body = ProblemBody),
        (status = 422, body = ProblemBody),
        (status = 429, body = ProblemBody),
    ),
)]
pub async fn change(
    State(app): State<App>,
    context: Context,
    Member(caller): Member,
    Json(change): Json<Change>,
) -> Result<StatusCode> {
    delegation::accounts_are_ours(&app)?;
    let proven = attempts::once_more(&app, &context, &caller, &change.current_password).await?;
    let email = &proven.user.email;
    let password_hash =
        app.passwords.hash_new(&change.new_password, email, "/new_password").await?;
    let now = Timestamp::now();

    let (mut tx, user) = proven.begin(now).await?;
    accounts::set_password(&mut tx, user.id, &password_hash, now).await?;
    let ended = start_anew(&mut tx, user.id, caller.session.as_ref(), now).await?;
    Deed {
        action: "password_changed",
        entity_type: "user",
        entity_id: user.id.0.into(),
        data: Map::new(),
    }
    .record(&mut tx, &app.settings.node, &caller, &context.provenance())
    .await?;
    tx.commit().await?;

    app.hub.outbox_ready();

    ended.announce(&app);
    Ok(StatusCode::NO_CONTENT)
}

/// Sends a mail by which a new password can be chosen, if there is an account.
///
/// The answer comes before anybody looks, so neither it nor its time tells whether there is one.
#[utoipa::path(
    post, path = "/auth/password/forgot", tag = "auth", request_body = Forgotten,
    responses(
        (status = 202),
        (status = 403, description = "Accounts are kept at the auth service", body = ProblemBody),
        (status = 429, body = ProblemBody),
    ),
)]
pub async fn forgot(
    State(app): State<App>,
    context: Context,
    Json(forgotten): Json<Forgotten>,
) -> Result<StatusCode> {
    delegation::accounts_are_ours(&app)?;
    let email = forgotten.email.trim().to_lowercase();
    app.limits.letter(context.peer, &email)?;
    let deliveries = app.deliveries.clone();
    deliveries.mail(async move {
        letter(&app, &context, &email).await.unwrap_or_else(|error| {
            warn!(%error, "letter about a forgotten password not written");
            None
        })
    });
    Ok(StatusCode::ACCEPTED)
}

/// The letter to the account of that e-mail, if there is one in use.
async fn letter(app: &App, context: &Context, email: &str) -> Result<Option<Mail>> {
    let (token, purpose, now) = (new_secret(), Purpose::PasswordReset, Timestamp::now());
    let hash = digest(token.expose());

    let mut tx = app.store.begin().await?;
    let addressee = addressees::by_email(&mut tx, email).await?.filter(|it| it.is_active);
    let id = addressee.as_ref().map(|it| it.id);
    if let Some(id) = id {
        one_time_tokens::void(&mut tx, id, purpose, now).await?;
        one_time_tokens::insert(&mut tx, &hash, purpose, id, &(), now, now.plus(LIFE)).await?;
    }
    let mut entry = context.audit(None, "password_forgotten", "user", &id.unwrap_or(UserId(0)));
    entry.actor = id;
    audit::append(&mut tx, &entry, now).await?;
    tx.commit().await?;

    Ok(addressee.map(|addressee| {
        let link = app.settings.portals.link(addressee.primary_role, "reset-password", &token);
        letters::password_reset(&addressee.into(), &link, LIFE)
    }))
}

/// Chooses a new password by the token of a mail, and ends every session of the account.
///
/// The token shows as well that the e-mail is the holder's. Where nobody had shown that before,
/// whoever opened the account loses the identities it linked.
#[utoipa::path(
    post, path = "/auth/password/reset", tag = "auth", request_body = Reset,
    responses(
        (status = 204),
        (status = 403, description = "Accounts are kept at the auth service", body = ProblemBody),
        (status = 410, description = "Used or expired", body = ProblemBody),
        (status = 422, body = ProblemBody),
    ),
)]
pub async fn reset(
    State(app): State<App>,
    context: Context,
    Json(reset): Json<Reset>,
) -> Result<StatusCode> {
    delegation::accounts_are_ours(&app)?;
    match choose(&app, &context, &reset).await {
        Ok(ended) => {
            ended.announce(&app);
            Ok(StatusCode::NO_CONTENT)
        }
        Err(error) => {
            if matches!(error.kind(), Kind::Gone(_)) {
                count_failure(Surface::Reset, "token");
                verification::refused(&app, &context, "password_reset_refused").await?;
            }
            Err(error)
        }
    }
}

async fn choose(app: &App, context: &Context, reset: &Reset) -> Result<Ended> {
    let (hash, purpose, now) = (digest(&reset.token), Purpose::PasswordReset, Timestamp::now());
    // Looked at first: a hash is computed for nobody without a token, and a password that breaks a
    // rule does not spend it.
    let id = one_time_tokens::holder(&app.store, &hash, purpose, now).await?;
    let user = accounts::by_id(&app.store, id).await?.filter(|user| user.is_active);
    let user = user.ok_or(Kind::Gone("token"))?;
    let password_hash =
        app.passwords.hash_new(&reset.new_password, &user.email, "/new_password").await?;

    let mut tx = app.store.begin().await?;
    let (id, ()) = one_time_tokens::redeem(&mut tx, &hash, purpose, now).await?;
    let user = accounts::hold(&mut tx, id).await?.ok_or(Kind::Gone("token"))?;
    if !user.email_verified {
        identities::remove_linked(&mut tx, id).await?;
        accounts::note_verified(&mut tx, id).await?;
    }
    accounts::set_password(&mut tx, id, &password_hash, now).await?;
    let ended = start_anew(&mut tx, id, None, now).await?;
    let mut entry = context.audit(None, "password_reset", "user", &id);
    entry.actor = Some(id);
    audit::append(&mut tx, &entry, now).await?;
    tx.commit().await?;
    Ok(ended)
}

/// What comes with a new password: no session but the one to keep goes on, and no token from an
/// earlier mail works.
async fn start_anew(
    tx: &mut Tx,
    user: UserId,
    keep: Option<&SessionId>,
    now: Timestamp,
) -> Result<Ended> {
    one_time_tokens::void(tx, user, Purpose::PasswordReset, now).await?;
    Ended::others(tx, user, keep, Revocation::PasswordChange, now).await
}
