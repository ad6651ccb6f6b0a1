//! A token from elsewhere for a session here (contract §3.7).

use axum::extract::State;
use axum::http::header::SET_COOKIE;
use axum::http::{HeaderName, HeaderValue};
use garde::Validate;
use serde::Deserialize;
use serde_json::json;
use utoipa::ToSchema;

use super::linking;
use super::opening::{Device, Opened};
use super::view::TokenPair;
use crate::domain::id::UserId;
use crate::domain::time::Timestamp;
use crate::error::{Error, Kind, Result};
use crate::http::App;
use crate::http::context::Context;
use crate::http::json::Json;
use crate::http::problem::ProblemBody;
use crate::persistence::identity::accounts::{self, User};
use crate::persistence::{Tx, audit};
use crate::telemetry::names;

/// Proof from elsewhere of who someone is.
#[derive(Deserialize, Validate, ToSchema)]
pub struct Exchange {
    #[garde(skip)]
    provider: Provider,
    /// An access token of the provider.
    #[garde(length(min = 1, max = 8192))]
    token: String,
}

#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = IdentityProvider)]
enum Provider {
    Supabase,
}

/// Exchanges a Supabase access token for a session.
///
/// The first use links an account by e-mail, if the project itself says that the address is
/// verified (`email_verified` at the top of the token or in `app_metadata`; what users write in
/// `user_metadata` does not count), or else makes one with the role of `app_metadata.role`.
#[utoipa::path(
    post, path = "/auth/exchange", tag = "auth", request_body = Exchange,
    responses(
        (status = 200, body = TokenPair),
        (status = 401, body = ProblemBody),
        (status = 403, description = "Deactivated, locked, or no account can be made",
            body = ProblemBody),
        (status = 409, description = "The e-mail is an account's that is not linked",
            body = ProblemBody),
        (status = 422, body = ProblemBody),
        (status = 502, description = "The provider's keys could not be had", body = ProblemBody),
        (status = 503, description = "No Supabase project is configured", body = ProblemBody),
        (status = 504, description = "The provider did not answer", body = ProblemBody),
    ),
)]
pub async fn exchange(
    State(app): State<App>,
    context: Context,
    device: Device,
    Json(proof): Json<Exchange>,
) -> Result<([(HeaderName, HeaderValue); 1], Json<TokenPair>)> {
    let user = match proof.provider {
        Provider::Supabase => account(&app, &context, &proof.token).await?,
    };
    let (cookie, pair) = open(&app, &context, &device, user).await?;
    Ok(([(SET_COOKIE, cookie)], Json(pair)))
}

/// The account that a Supabase token stands for; a refusal is recorded.
pub(super) async fn account(app: &App, context: &Context, token: &str) -> Result<User> {
    match linking::account_of(app, context, token).await {
        Ok(user) => Ok(user),
        Err(error) => {
            refused(app, context, None, &error).await?;
            Err(error)
        }
    }
}

/// Signs the account in on this device: its cookie and its tokens.
///
/// The account is held, and refused as a sign-in by password would be: who guesses passwords has it
/// locked for everyone, and somebody vouched for from elsewhere does not unlock it.
pub(super) async fn open(
    app: &App,
    context: &Context,
    device: &Device,
    user: User,
) -> Result<(HeaderValue, TokenPair)> {
    let now = Timestamp::now();
    let mut tx = app.store.begin().await?;
    let user = match usable(&mut tx, user.id, now).await {
        Ok(user) => user,
        Err(error) => {
            drop(tx);
            refused(app, context, Some(user.id), &error).await?;
            return Err(error);
        }
    };
    accounts::note_vouched_login(&mut tx, user.id, now).await?;
    let opened = Opened::insert(app, &mut tx, &user, device, now).await?;
    let mut entry = context.audit(None, "login", "session", &opened.session);
    entry.actor = Some(user.id);
    entry.actor_role = Some(user.primary_role.user_type());
    entry.data.insert("provider".into(), json!("supabase"));
    audit::append(&mut tx, &entry, now).await?;
    tx.commit().await?;

    opened.announce(app, user, false, now)
}

/// The account as it stands, held by the transaction, if it may be used.
async fn usable(tx: &mut Tx, id: UserId, now: Timestamp) -> Result<User> {
    let inactive = |retry_after| Error::from(Kind::AccountInactive { retry_after });
    let user = accounts::hold(tx, id).await?.ok_or_else(|| inactive(None))?;
    let locked_for = user.failures().locked_for(now);
    if locked_for.is_some() || !user.is_active {
        return Err(inactive(locked_for));
    }
    Ok(user)
}

/// Records a refusal; that something does not work here is none.
async fn refused(app: &App, context: &Context, user: Option<UserId>, error: &Error) -> Result<()> {
    let reason = match error.kind() {
        Kind::Unauthenticated(_) => "credentials",
        Kind::AccountInactive { retry_after: Some(_) } => "locked",
        Kind::AccountInactive { retry_after: None } => "inactive",
        Kind::Forbidden(_) => "role",
        Kind::Conflict { .. } => "email",
        _ => return Ok(()),
    };
    metrics::counter!(names::AUTH_FAILURES, "surface" => "exchange", "reason" => reason)
        .increment(1);
    let mut entry = context.audit(None, "login_refused", "user", &user.unwrap_or(UserId(0)));
    entry.actor = user;
    entry.data.insert("provider".into(), json!("supabase"));
    entry.data.insert("reason".into(), json!(reason));
    let mut tx = app.store.begin().await?;
    audit::append(&mut tx, &entry, Timestamp::now()).await?;
    tx.commit().await
}
