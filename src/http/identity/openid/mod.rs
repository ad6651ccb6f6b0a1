//! The OpenID Connect provider: first-party portals have their users sign in here.
//!
//! Authorization code with PKCE and nothing else. Each redemption opens a session of its own for the
//! client, a child of the browser's session: it lives by the same refresh tokens as any other, and
//! ends with its parent. Whatever ends a session goes through [`super::ending`], which owes clients
//! the news; [`back_channel`] delivers it.
//!
//! The rules are in `domain/identity/openid`. Bodies and errors are those of the specifications:
//! OpenID Connect Core, Discovery, RP-Initiated Logout and Back-Channel Logout 1.0, RFC 6749, 7636,
//! 9207 and 9700.

pub mod authorize;
pub mod back_channel;
mod browser;
mod client;
pub mod discovery;
pub mod logout;
mod page;
mod parameters;
mod refusal;
pub mod sign_in;
pub mod token;
pub mod userinfo;
mod words;

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use tokio::sync::Notify;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::domain::identity::openid::Clients;
use crate::error::{Error, Kind, Result};
use crate::http::App;

/// Who we are to clients, and who they are.
pub struct Provider {
    issuer: String,
    clients: Clients,
    /// Rung when clients are owed the end of a session.
    owed: Notify,
}

/// The provider, for handlers that need it complete: 503 while keys or clients are missing.
pub struct OpenId(pub Arc<Provider>);

impl Provider {
    /// The issuer is the address of this hub, without a slash at the end.
    pub fn new(issuer: &str, clients: Clients) -> Self {
        Self { issuer: issuer.to_owned(), clients, owed: Notify::new() }
    }

    /// Clients are owed the end of a session; they are told soon.
    pub fn tell_clients(&self) {
        self.owed.notify_one();
    }
}

impl FromRequestParts<App> for OpenId {
    type Rejection = Error;

    async fn from_request_parts(_: &mut Parts, app: &App) -> Result<Self> {
        let mut missing = Vec::new();
        if app.auth.tokens().public_algorithm().is_none() {
            missing.push("JWT_PRIVATE_KEY_FILE");
        }
        if app.openid.clients.is_empty() {
            missing.push("OIDC_CLIENTS");
        }
        if missing.is_empty() {
            Ok(Self(Arc::clone(&app.openid)))
        } else {
            Err(Kind::NotConfigured { missing }.into())
        }
    }
}

/// The routes of the provider.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(discovery::configuration))
        .routes(routes!(authorize::authorize, authorize::authorize_by_form))
        .routes(routes!(sign_in::sign_in))
        .routes(routes!(token::token))
        .routes(routes!(userinfo::userinfo, userinfo::userinfo_by_post))
        .routes(routes!(logout::end_session, logout::end_session_by_form))
        .routes(routes!(logout::confirm_end_session))
}
