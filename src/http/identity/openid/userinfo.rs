//! The user behind a client's access token (OpenID Connect Core §5.3).

use axum::extract::State;
use axum::http::HeaderValue;
use axum::http::header::WWW_AUTHENTICATE;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use super::OpenId;
use crate::domain::identity::openid::Scope;
use crate::domain::identity::{Principal, Role};
use crate::error::{Error, Kind, Result, Unauthenticated};
use crate::http::App;
use crate::http::caller::Caller;
use crate::http::json::Json;
use crate::http::problem::ProblemBody;
use crate::persistence::identity::accounts;
use crate::persistence::identity::openid::grants;

/// Claims about the user, as far as the client was granted them.
#[derive(Debug, Serialize, ToSchema)]
pub struct UserInfo {
    sub: String,
    #[serde(flatten)]
    profile: Option<Profile>,
    #[serde(flatten)]
    email: Option<Email>,
}

/// What `profile` tells.
#[derive(Debug, Serialize, ToSchema)]
pub struct Profile {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    given_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    family_name: Option<String>,
    user_type: Role,
    roles: Vec<Role>,
}

/// What `email` tells.
#[derive(Debug, Serialize, ToSchema)]
pub struct Email {
    email: String,
    email_verified: bool,
}

/// Tells a client who its user is.
#[utoipa::path(
    get, path = "/oidc/userinfo", tag = "oidc",
    responses(
        (status = 200, body = UserInfo),
        (status = 401, body = ProblemBody),
        (status = 403, body = ProblemBody),
        (status = 503, body = ProblemBody),
    ),
)]
pub async fn userinfo(State(app): State<App>, _: OpenId, caller: Result<Caller>) -> Response {
    respond(&app, caller).await
}

/// The same by `POST`.
#[utoipa::path(
    post, path = "/oidc/userinfo", tag = "oidc",
    responses(
        (status = 200, body = UserInfo),
        (status = 401, body = ProblemBody),
        (status = 403, body = ProblemBody),
        (status = 503, body = ProblemBody),
    ),
)]
pub async fn userinfo_by_post(
    State(app): State<App>,
    _: OpenId,
    caller: Result<Caller>,
) -> Response {
    respond(&app, caller).await
}

async fn respond(app: &App, caller: Result<Caller>) -> Response {
    let outcome = match caller {
        Ok(Caller(caller)) => claims(app, &caller).await,
        Err(error) => Err(error),
    };
    outcome.map_or_else(refused, |claims| Json(claims).into_response())
}

async fn claims(app: &App, caller: &Principal) -> Result<UserInfo> {
    let missing = || Error::from(Kind::Unauthenticated(Unauthenticated::Missing));
    // A cookie is for browsers, and another site could make a browser send it.
    let session = caller.session.as_ref().filter(|_| caller.expires_at.is_some());
    let scope = grants::token_scope(&app.store, session.ok_or_else(missing)?).await?;
    let scope = scope.and_then(|scope| Scope::parse(&scope));
    let scope = scope.ok_or(Kind::Forbidden("the token was not given to an OpenID client"))?;
    let user = accounts::by_id(&app.store, caller.user).await?.ok_or_else(missing)?;
    let names = [&user.nombre, &user.apellido].into_iter().flatten();
    let name = names.map(String::as_str).collect::<Vec<_>>().join(" ");
    Ok(UserInfo {
        sub: user.id.to_string(),
        profile: scope.profile.then(|| Profile {
            name: Some(name).filter(|name| !name.is_empty()),
            given_name: user.nombre,
            family_name: user.apellido,
            user_type: user.primary_role,
            roles: user.roles.0,
        }),
        email: scope
            .email
            .then_some(Email { email: user.email, email_verified: user.email_verified }),
    })
}

/// Says in the header what is wrong with the token (RFC 6750 §3).
fn refused(error: Error) -> Response {
    let challenge = match error.kind() {
        Kind::Unauthenticated(Unauthenticated::Missing) => Some("Bearer"),
        Kind::Unauthenticated(_) | Kind::AccountInactive { .. } => {
            Some("Bearer error=\"invalid_token\"")
        }
        Kind::Forbidden(_) => Some("Bearer error=\"insufficient_scope\", scope=\"openid\""),
        _ => None,
    };
    let mut response = error.into_response();
    if let Some(challenge) = challenge {
        response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
    }
    response
}
