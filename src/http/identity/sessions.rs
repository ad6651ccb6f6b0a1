//! What becomes of a session once it is open: looked at, ended. See [`super::refresh`] for how it
//! goes on.

use axum::extract::State;
use axum::http::header::{AUTHORIZATION, SET_COOKIE};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use garde::Validate;
use serde::Deserialize;
use utoipa::ToSchema;

use super::delegation::Delegable;
use super::ending::Ended;
use super::opening;
use super::view::{Inspection, Session, User, Validation};
use crate::auth::bearer_token;
use crate::domain::id::SessionId;
use crate::domain::identity::{Principal, Revocation};
use crate::domain::time::Timestamp;
use crate::error::{Error, Kind, Result, Unauthenticated};
use crate::http::App;
use crate::http::caller::Caller;
use crate::http::context::Context;
use crate::http::json::Json;
use crate::http::problem::ProblemBody;
use crate::persistence::deed::Deed;
use crate::persistence::identity::{accounts, session_sync, sessions};

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

/// Looks at an access token. Anyone may ask; a bad token is an answer, not an error.
#[utoipa::path(
    post, path = "/auth/verify-token", tag = "auth", request_body = VerifyToken,
    responses(
        (status = 200, body = Inspection),
        (status = 502, description = "The auth service that is to look failed", body = ProblemBody),
        (status = 504, description = "It did not answer in time", body = ProblemBody),
    ),
)]
pub async fn verify_token(
    State(app): State<App>,
    headers: HeaderMap,
    Delegable(body, delegated): Delegable<Option<Json<VerifyToken>>>,
) -> Result<Response> {
    if let Some(delegated) = delegated {
        return delegated.ask("/auth/verify-token").await.map(IntoResponse::into_response);
    }
    let header = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let token = body.and_then(|Json(body)| body.token);
    let token = token.as_deref().or_else(|| header.and_then(bearer_token)).unwrap_or_default();
    let reason = match app.auth.inspect(token).await {
        Ok(claims) => {
            let expires_in = (claims.exp - Timestamp::now().seconds()).max(0);
            let payload = Box::new(claims);
            let good = Inspection::Good { valid: true, payload, expires_in };
            return Ok(Json(good).into_response());
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
    Ok(Json(Inspection::Bad { valid: false, reason }).into_response())
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
    let session = Session::seen_from(session, Some(own));
    Ok(Json(Validation { valid: true, session, user: User::from(user) }))
}

/// Ends the caller's session, or all of the account's, and clears the cookie.
///
/// With the session that a sign-on began with, those end that tickets opened from it on other domains;
/// one that a ticket opened ends alone.
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
    } else if session_sync::began(&mut tx, own).await? {
        Ended::sign_on(&mut tx, own, reason, now).await?
    } else {
        Ended::one(&mut tx, own, reason, now).await?
    };
    Deed::of_session(own, reason.name())
        .record(&mut tx, &app.settings.node, &caller, &context.provenance())
        .await?;
    tx.commit().await?;

    ended.announce(&app);
    let cookie = opening::clear_cookie(&app.settings.cookie)?;
    Ok((StatusCode::NO_CONTENT, [(SET_COOKIE, cookie)]))
}

pub(super) fn session_of(caller: &Principal) -> Result<&SessionId> {
    caller.session.as_ref().ok_or_else(|| Kind::Unauthenticated(Unauthenticated::Missing).into())
}

pub(super) fn revoked() -> Error {
    Kind::Unauthenticated(Unauthenticated::Revoked).into()
}
