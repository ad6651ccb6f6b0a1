//! Showing that an account's e-mail is its owner's.

use std::future::ready;
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use garde::Validate;
use serde::Deserialize;
use serde_json::{Map, json};
use utoipa::ToSchema;

use super::ending::Ended;
use crate::auth::{digest, new_secret};
use crate::delivery::{Mail, letters};
use crate::domain::events::ServerEvent as _;
use crate::domain::events::accounts::UserUpdate;
use crate::domain::id::UserId;
use crate::domain::identity::Revocation;
use crate::domain::time::Timestamp;
use crate::domain::topic::Topic;
use crate::error::{Kind, Result};
use crate::http::App;
use crate::http::caller::Member;
use crate::http::context::Context;
use crate::http::json::Json;
use crate::http::problem::ProblemBody;
use crate::persistence::audit::{self, AuditEntry};
use crate::persistence::deed::Deed;
use crate::persistence::identity::one_time_tokens::{self, Purpose};
use crate::persistence::identity::{accounts, addressees, identities};
use crate::persistence::{Tx, outbox};

/// How long a token from a mail works.
const LIFE: Duration = Duration::from_hours(24);

/// A token from a mail.
#[derive(Deserialize, Validate, ToSchema)]
pub struct Verify {
    #[garde(length(max = 256))]
    token: String,
}

/// A mail that asks an account to show its e-mail is its own; sent once its transaction committed.
#[must_use = "nobody is asked until the verification is sent"]
pub struct Verification(Option<Mail>);

impl Verification {
    /// Makes a token for the account's e-mail, which voids earlier ones. An account whose e-mail is
    /// verified already is asked nothing.
    pub async fn insert(app: &App, tx: &mut Tx, user: UserId, now: Timestamp) -> Result<Self> {
        let Some(addressee) = addressees::by_id(tx, user).await? else { return Ok(Self(None)) };
        if addressee.email_verified {
            return Ok(Self(None));
        }
        let (token, purpose) = (new_secret(), Purpose::EmailVerify);
        let hash = digest(token.expose());
        one_time_tokens::void(tx, user, purpose, now).await?;
        let expires_at = now.plus(LIFE);
        one_time_tokens::insert(tx, &hash, purpose, user, &addressee.email, now, expires_at)
            .await?;
        let link = app.settings.portals.link(addressee.primary_role, "verify-email", &token);
        Ok(Self(Some(letters::email_verification(&addressee.into(), &link, LIFE))))
    }

    /// Called after the commit.
    pub fn send(self, app: &App) {
        if self.0.is_some() {
            app.deliveries.mail(ready(self.0));
        }
    }
}

/// Takes the token of a mail as proof that the account's e-mail is its owner's.
///
/// Whoever linked an identity before that proof may have been somebody else: it is taken from the
/// account, and sessions that it may have opened end.
#[utoipa::path(
    post, path = "/auth/email/verify", tag = "auth", request_body = Verify,
    responses(
        (status = 204),
        (status = 410, description = "Used, expired, or for another e-mail", body = ProblemBody),
    ),
)]
pub async fn verify(
    State(app): State<App>,
    context: Context,
    Json(given): Json<Verify>,
) -> Result<StatusCode> {
    match prove(&app, &context, &given.token).await {
        Ok(ended) => {
            app.hub.outbox_ready();
            if let Some(ended) = ended {
                ended.announce(&app);
            }
            Ok(StatusCode::NO_CONTENT)
        }
        Err(error) => {
            if matches!(error.kind(), Kind::Gone(_)) {
                refused(&app, &context, "email_verification_refused").await?;
            }
            Err(error)
        }
    }
}

async fn prove(app: &App, context: &Context, token: &str) -> Result<Option<Ended>> {
    let (hash, now) = (digest(token), Timestamp::now());

    let mut tx = app.store.begin().await?;
    let (user, email): (UserId, String) =
        one_time_tokens::redeem(&mut tx, &hash, Purpose::EmailVerify, now).await?;
    let held = accounts::hold(&mut tx, user).await?.ok_or(Kind::Gone("token"))?;
    if !accounts::verify_email(&mut tx, user, &email, now).await? {
        return Err(Kind::Gone("token").into());
    }
    let ended = if !held.email_verified && identities::remove_linked(&mut tx, user).await? {
        Some(Ended::all(&mut tx, user, Revocation::PasswordChange, now).await?)
    } else {
        None
    };
    let mut entry = context.audit(None, "email_verified", "user", &user);
    entry.actor = Some(user);
    audit::append(&mut tx, &entry, now).await?;
    let update = UserUpdate::account([("emailVerified", json!(true))], now);
    let update = update.event_to(vec![Topic::User(user)]);
    outbox::append(&mut tx, &update, Some(&app.settings.node)).await?;
    tx.commit().await?;
    Ok(ended)
}

/// Records that the token of a mail was none, whoever brought it.
pub(super) async fn refused(app: &App, context: &Context, action: &'static str) -> Result<()> {
    let entry = AuditEntry { entity_id: None, ..context.audit(None, action, "user", &"") };
    let mut tx = app.store.begin().await?;
    audit::append(&mut tx, &entry, Timestamp::now()).await?;
    tx.commit().await
}

/// Sends the mail with the token once more; earlier ones stop working.
#[utoipa::path(
    post, path = "/auth/email/resend", tag = "auth",
    responses((status = 204), (status = 401, body = ProblemBody), (status = 429, body = ProblemBody)),
)]
pub async fn resend(
    State(app): State<App>,
    context: Context,
    Member(caller): Member,
) -> Result<StatusCode> {
    app.limits.letter(context.peer, &caller.user.to_string())?;
    let now = Timestamp::now();

    let mut tx = app.store.begin().await?;
    let verification = Verification::insert(&app, &mut tx, caller.user, now).await?;
    let deed = Deed {
        action: "email_verification_sent",
        entity_type: "user",
        entity_id: caller.user.0.into(),
        data: Map::new(),
    };
    deed.record(&mut tx, &app.settings.node, &caller, &context.provenance()).await?;
    tx.commit().await?;

    verification.send(&app);
    Ok(StatusCode::NO_CONTENT)
}
