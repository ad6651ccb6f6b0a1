//! Signing in.

use axum::extract::State;
use axum::http::header::SET_COOKIE;
use axum::response::{IntoResponse, Response};
use garde::Validate;
use serde::Deserialize;
use serde_json::json;
use utoipa::ToSchema;

use super::attempts::{self, Attempt};
use super::delegation::{Answer, Delegable, Delegated};
use super::mirroring;
use super::opening::{Device, Opened};
use super::view::TokenPair;
use crate::auth::failures::{Surface, count_failure};
use crate::domain::id::UserId;
use crate::domain::identity::Role;
use crate::domain::time::Timestamp;
use crate::error::{Error, FieldCode, Kind, Result};
use crate::http::App;
use crate::http::context::Context;
use crate::http::form::{AnyForm, Form};
use crate::http::json::Json;
use crate::http::problem::ProblemBody;
use crate::persistence::audit;
use crate::persistence::identity::accounts;

/// Who signs in. One of `username` and `email` is needed; they mean the same.
#[derive(Deserialize, Validate, ToSchema)]
#[schema(example = json!({"username": "ana@example.com", "password": "correct horse battery",
    "remember": true}))]
pub struct Login {
    #[garde(length(chars, max = 254))]
    username: Option<String>,
    #[garde(length(chars, max = 254))]
    email: Option<String>,
    #[garde(length(chars, min = 1, max = 1024))]
    password: String,
    /// Whether the cookie outlives the browser.
    #[garde(skip)]
    #[schema(default = false)]
    remember: Option<bool>,
    /// Refuses an account without this role.
    #[garde(skip)]
    user_type: Option<Role>,
}

/// Signs an account in on one device.
///
/// An unknown account and a wrong password get the same answer in the same time.
#[utoipa::path(
    post, path = "/auth/login", tag = "auth",
    request_body(content(
        (Login = "application/json"),
        (Login = "application/x-www-form-urlencoded"),
        (Login = "multipart/form-data"),
    )),
    responses(
        (status = 200, body = TokenPair),
        (status = 401, body = ProblemBody),
        (status = 403, body = ProblemBody),
        (status = 422, body = ProblemBody),
        (status = 429, body = ProblemBody),
        (status = 502, description = "The auth service that is to judge failed", body = ProblemBody),
        (status = 504, description = "It did not answer in time", body = ProblemBody),
    ),
)]
pub async fn login(
    State(app): State<App>,
    context: Context,
    device: Device,
    Delegable(AnyForm(login), delegated): Delegable<AnyForm<Login>>,
) -> Result<Response> {
    let name = login.name()?;
    app.limits.sign_in(context.peer, &name)?;
    if let Some(delegated) = delegated {
        return elsewhere(&app, &context, &name, &delegated).await.map(IntoResponse::into_response);
    }

    let now = Timestamp::now();
    let user = accounts::by_email(&app.store, &name).await?;
    let attempt = Attempt { app: &app, context: &context, surface: Surface::Login, now };
    let proven = attempt.prove(user, &name, &login.password).await?;
    if login.user_type.is_some_and(|role| !proven.user.roles.0.contains(&role)) {
        attempt.refuse(Some(&proven.user), "role").await?;
        return Err(Kind::Forbidden("the account does not have this role").into());
    }
    let renewed = proven.renewed_hash(&app, &login.password).await?;

    let (mut tx, user) = proven.admit(renewed.as_deref(), now).await?;
    let opened = Opened::insert(&app, &mut tx, &user, &device, now).await?;
    let entry = attempts::signed_in(&context, &user, &opened.session);
    audit::append(&mut tx, &entry, now).await?;
    tx.commit().await?;

    let (cookie, pair) = opened.announce(&app, user, login.remember.unwrap_or(false), now)?;
    Ok(([(SET_COOKIE, cookie)], Json(pair)).into_response())
}

/// Has the auth service judge, and notes what became of it.
async fn elsewhere(
    app: &App,
    context: &Context,
    name: &str,
    delegated: &Delegated,
) -> Result<Answer> {
    let answer = delegated.ask("/auth/login").await?;
    let now = Timestamp::now();
    let user = match answer.json::<Issued>().filter(|_| answer.status.is_success()) {
        Some(issued) => mirroring::signed_in(app, &issued.access_token, name, now).await?,
        None => None,
    };
    let action = if answer.status.is_success() { "login" } else { "login_refused" };
    let id = user.as_ref().map_or(UserId(0), |user| user.id);
    let mut entry = context.audit(None, action, "user", &id);
    entry.actor = user.as_ref().map(|user| user.id);
    entry.actor_role = user.as_ref().map(|user| user.primary_role.user_type());
    entry.data.insert("by".into(), json!("auth-service"));
    if !answer.status.is_success() {
        count_failure(Surface::Login, "elsewhere");
    }
    let mut tx = app.store.begin().await?;
    audit::append(&mut tx, &entry, now).await?;
    tx.commit().await?;
    Ok(answer)
}

/// What is read of the auth service's answer.
#[derive(Deserialize)]
struct Issued {
    access_token: String,
}

impl Form for Login {
    const FLAGS: &'static [&'static str] = &["remember"];
}

impl Login {
    /// The name as accounts are found by.
    fn name(&self) -> Result<String> {
        let given = [&self.username, &self.email].into_iter().flatten().map(|name| name.trim());
        let name = given.into_iter().find(|name| !name.is_empty());
        let missing = || Error::field("/username", FieldCode::Required, "is required");
        name.map(str::to_lowercase).ok_or_else(missing)
    }
}
