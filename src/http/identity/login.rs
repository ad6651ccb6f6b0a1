//! Signing in.

use axum::extract::State;
use axum::http::HeaderValue;
use axum::http::header::SET_COOKIE;
use garde::Validate;
use serde::{Deserialize, Deserializer};
use utoipa::ToSchema;

use super::attempts::Attempt;
use super::opening::{Device, Opened};
use super::view::TokenPair;
use crate::domain::identity::Role;
use crate::domain::time::Timestamp;
use crate::error::{Error, FieldCode, Result};
use crate::http::App;
use crate::http::context::Context;
use crate::http::form::AnyForm;
use crate::http::json::Json;
use crate::http::problem::ProblemBody;

/// Who signs in. One of `username` and `email` is needed; they mean the same.
#[derive(Deserialize, Validate, ToSchema)]
pub struct Login {
    #[garde(length(chars, max = 254))]
    username: Option<String>,
    #[garde(length(chars, max = 254))]
    email: Option<String>,
    #[garde(length(chars, min = 1, max = 1024))]
    password: String,
    /// Whether the cookie outlives the browser.
    #[garde(skip)]
    #[serde(default, deserialize_with = "flag")]
    remember: bool,
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
    ),
)]
pub async fn login(
    State(app): State<App>,
    context: Context,
    device: Device,
    AnyForm(login): AnyForm<Login>,
) -> Result<([(axum::http::HeaderName, HeaderValue); 1], Json<TokenPair>)> {
    let (name, password) = (login.name()?, login.password.as_str());
    let now = Timestamp::now();
    let attempt = Attempt { name, password, role: login.user_type };
    let proven = attempt.prove(&app, &context, now).await?;

    let mut tx = app.store.begin().await?;
    let opened = Opened::insert(&app, &mut tx, &proven.user, &device, now).await?;
    proven.note(&mut tx, &context, &opened.session, now).await?;
    tx.commit().await?;

    let (cookie, pair) = opened.announce(&app, proven.user, login.remember, now)?;
    Ok(([(SET_COOKIE, cookie)], Json(pair)))
}

impl Login {
    fn name(&self) -> Result<&str> {
        let name = self.username.as_deref().or(self.email.as_deref());
        name.filter(|name| !name.trim().is_empty())
            .ok_or_else(|| Error::field("/username", FieldCode::Required, "is required"))
    }
}

/// A flag as JSON or as the text a form sends.
pub(super) fn flag<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Flag {
        Bool(bool),
        Text(String),
        Absent(()),
    }
    match Flag::deserialize(deserializer)? {
        Flag::Bool(value) => Ok(value),
        Flag::Text(text) => Ok(matches!(text.as_str(), "true" | "1" | "on")),
        Flag::Absent(()) => Ok(false),
    }
}
