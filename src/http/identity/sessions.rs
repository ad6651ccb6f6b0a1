//! What becomes of a session once it is open: looked at, refreshed, ended.

use std::time::Duration;

use axum::extract::State;
use axum::http::header::{AUTHORIZATION, SET_COOKIE};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use garde::Validate;
use serde::Deserialize;
use utoipa::ToSchema;

use super::ending::Ended;
use super::opening::{self, Device};
use super::view::{Inspection, Session, TokenPair, User, Validation};
use crate::auth::{bearer_token, digest};
use crate::domain::id::{SessionId, UserId};
use crate::domain::identity::{Principal, Revocation};
use crate::domain::secret::Secret;
use crate::domain::time::Timestamp;
use crate::error::{Error, Kind, Result, Unauthenticated};
use crate::http::App;
use crate::http::caller::Caller;
use crate::http::context::Context;
use crate::http::json::Json;
use crate::http::problem::ProblemBody;
use crate::persistence::Tx;
use crate::persistence::audit;
use crate::persistence::identity::{accounts, sessions};

/// A client whose answer got lost asks again within this time (contract §3.3).
const RETRY: Duration = Duration::from_secs(10);

/// A token to look at; absent, the `Authorization` header's is meant.
#[derive(Deserialize, Validate, ToSchema)]
pub struct VerifyToken {
    #[garde(length(max = 8192))]
    token: Option<String>,
}

#[derive(Deserialize, Validate, ToSchema)]
pub struct ValidateSession {
    /// Must be the caller's own.
    #[garde(length(max = 64))]
    session_id: Option<String>,
}

#[derive(Deserialize, Validate, ToSchema)]
pub struct Logout {
    /// Ends every session of the account.
    #[garde(skip)]
    #[serde(default)]
    all: bool,
}

#[derive(Deserialize, Validate, ToSchema)]
pub struct Refresh {
    /// Absent, the session of the cookie is meant.
    #[garde(length(max = 256))]
    refresh_token: Option<String>,
}

/// Looks at an access token. Anyone may ask; a bad token is an answer, not an error.
#[utoipa::path(
    post, path = "/auth/verify-token", tag = "auth", request_body = VerifyToken,
    responses((status = 200, body = Inspection)),
)]
pub async fn verify_token(
    State(app): State<App>,
    headers: HeaderMap,
    body: Option<Json<VerifyToken>>,
) -> Result<Json<Inspection>> {
    let header = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let token = body.and_then(|Json(body)| body.token);
    let token = token.as_deref().or_else(|| header.and_then(bearer_token)).unwrap_or_default();
    let reason = match app.auth.inspect(token).await {
        Ok(claims) => {
            let expires_in = (claims.exp - Timestamp::now().seconds()).max(0);
            let payload = Box::new(claims);
            return Ok(Json(Inspection::Good { valid: true, payload, expires_in }));
        }
        Err(error) => match error.kind() {
            Kind::Unauthenticated(Unauthenticated::Expired) => "expired",
            Kind::Unauthenticated(Unauthenticated::Signature) => "signature",
            Kind::Unauthenticated(Unauthenticated::Revoked) | Kind::AccountInactive { .. } => {
                "revoked"
            }
            Kind::Unauthenticated(_) => "malformed",
            _ => return Err(error),
        },
    };
    Ok(Json(Inspection::Bad { valid: false, reason }))
}

/// Confirms the caller's session and tells whose it is.
#[utoipa::path(
    post, path = "/auth/session/validate", tag = "auth", request_body = ValidateSession,
    responses((status = 200, body = Validation), (status = 401, body = ProblemBody)),
)]
pub async fn validate(
    State(app): State<App>,
    Caller(caller): Caller,
    body: Option<Json<ValidateSession>>,
) -> Result<Json<Validation>> {
    let own = session_of(&caller)?;
    let asked = body.and_then(|Json(body)| body.session_id);
    if asked.is_some_and(|asked| asked != own.as_str()) {
        return Err(Kind::Unauthenticated(Unauthenticated::Malformed).into());
    }
    let session = sessions::live(&app.store, own, Timestamp::now()).await?.ok_or_else(revoked)?;
    let user = accounts::by_id(&app.store, caller.user).await?.ok_or_else(revoked)?;
    let session = Session::seen_from(session, own);
    Ok(Json(Validation { valid: true, session, user: User::from(user) }))
}

/// Ends the caller's session, or all of the account's, and clears the cookie.
#[utoipa::path(
    post, path = "/auth/logout", tag = "auth", request_body = Logout,
    responses((status = 204), (status = 401, body = ProblemBody)),
)]
pub async fn logout(
    State(app): State<App>,
    context: Context,
    Caller(caller): Caller,
    body: Option<Json<Logout>>,
) -> Result<(StatusCode, [(HeaderName, HeaderValue); 1])> {
    let own = session_of(&caller)?;
    let all = body.is_some_and(|Json(body)| body.all);
    let reason = if all { Revocation::LogoutAll } else { Revocation::Logout };
    let now = Timestamp::now();

    let mut tx = app.store.begin().await?;
    let ended = if all {
        Ended::all(&mut tx, caller.user, reason, now).await?
    } else {
        Ended::one(&mut tx, own, reason, now).await?
    };
    let entry = context.audit(Some(&caller), reason.name(), "session", own);
    audit::append(&mut tx, &entry, now).await?;
    tx.commit().await?;

    ended.announce(&app);
    let cookie = opening::clear_cookie(&app.settings.cookie)?;
    Ok((StatusCode::NO_CONTENT, [(SET_COOKIE, cookie)]))
}

/// Exchanges a refresh token, or the cookie, for new tokens.
///
/// A token works once. Spent again within ten seconds by the same device it gets the same
/// successor; otherwise somebody has a copy, and the whole session ends.
#[utoipa::path(
    post, path = "/auth/refresh", tag = "auth", request_body = Refresh,
    responses((status = 200, body = TokenPair), (status = 401, body = ProblemBody)),
)]
pub async fn refresh(
    State(app): State<App>,
    context: Context,
    device: Device,
    caller: Result<Caller>,
    body: Option<Json<Refresh>>,
) -> Result<Json<TokenPair>> {
    let now = Timestamp::now();
    let (user, session, token) = match body.and_then(|Json(body)| body.refresh_token) {
        Some(spent) => rotate(&app, &context, &device, &spent, now).await?,
        None => renew(&app, caller?.0, now).await?,
    };
    // The remembered expiry is the old one.
    app.auth.forget(&session);
    let user = accounts::by_id(&app.store, user).await?.ok_or_else(revoked)?;
    if !user.is_active {
        return Err(Kind::AccountInactive { retry_after: None }.into());
    }
    opening::token_pair(&app, user, session, &token, now).map(Json)
}

type Renewed = (UserId, SessionId, Secret);

/// Spends a refresh token.
async fn rotate(
    app: &App,
    context: &Context,
    device: &Device,
    spent: &str,
    now: Timestamp,
) -> Result<Renewed> {
    let refused = || Error::from(Kind::Unauthenticated(Unauthenticated::Malformed));
    let (session, generation) = app.auth.refresh().read(spent).ok_or_else(refused)?;
    let spent = digest(spent);
    let next = app.auth.refresh().token(&session, generation + 1);
    let expires_at = now.plus(app.settings.refresh_ttl);

    let mut tx = app.store.begin().await?;
    let rotated =
        sessions::rotate(&mut tx, &session, &spent, &digest(next.expose()), expires_at, now)
            .await?;
    let leaf = sessions::leaf(&mut tx, &session, now).await?.ok_or_else(revoked)?;
    let is_retry = leaf.prev_refresh_hash.as_deref() == Some(&spent)
        && now.since(leaf.refreshed_at) <= RETRY
        && leaf.fingerprint == device.fingerprint;
    if rotated || is_retry {
        tx.commit().await?;
        return Ok((leaf.user_id, session, next));
    }
    if generation >= leaf.refresh_generation {
        return Err(refused());
    }
    reused(app, context, tx, &session, leaf.user_id, now).await?;
    Err(revoked())
}

/// Ends a session whose spent token came back.
async fn reused(
    app: &App,
    context: &Context,
    mut tx: Tx,
    session: &SessionId,
    user: UserId,
    now: Timestamp,
) -> Result<()> {
    let ended = Ended::one(&mut tx, session, Revocation::RefreshReuse, now).await?;
    let mut entry = context.audit(None, Revocation::RefreshReuse.name(), "session", session);
    entry.actor = Some(user);
    audit::append(&mut tx, &entry, now).await?;
    tx.commit().await?;
    ended.announce(app);
    Ok(())
}

/// Lets the session of a cookie live on; its current refresh token stays the current one.
async fn renew(app: &App, caller: Principal, now: Timestamp) -> Result<Renewed> {
    let session = session_of(&caller)?.clone();
    let mut tx = app.store.begin().await?;
    let leaf = sessions::leaf(&mut tx, &session, now).await?.ok_or_else(revoked)?;
    sessions::extend(&mut tx, &session, now.plus(app.settings.refresh_ttl), now).await?;
    tx.commit().await?;
    let token = app.auth.refresh().token(&session, leaf.refresh_generation);
    Ok((caller.user, session, token))
}

pub(super) fn session_of(caller: &Principal) -> Result<&SessionId> {
    caller.session.as_ref().ok_or_else(|| Kind::Unauthenticated(Unauthenticated::Missing).into())
}

pub(super) fn revoked() -> Error {
    Kind::Unauthenticated(Unauthenticated::Revoked).into()
}
