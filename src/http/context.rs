//! What the audit trail wants to know of a request, and the path as a typed extractor.

use axum::extract::FromRequestParts;
use axum::http::header::USER_AGENT;
use axum::http::request::Parts;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::App;
use super::peer::Peer;
use crate::domain::id::{SocketId, UserId};
use crate::domain::identity::Principal;
use crate::error::{Error, Kind, Result};
use crate::persistence::audit::AuditEntry;

/// The id a request goes by in logs, answers and the audit trail.
#[derive(Debug, Clone)]
pub struct RequestId(pub String);

/// Who asked from where, as an extractor.
#[derive(Debug, Clone)]
pub struct Context {
    pub peer: Peer,
    pub user_agent: Option<String>,
    pub request_id: String,
}

impl Context {
    /// Of what a socket asks: requests and addresses are not kept with it.
    pub fn of_socket(socket: &SocketId) -> Self {
        Self { peer: Peer::UNKNOWN, user_agent: None, request_id: socket.to_string() }
    }

    /// A line of the audit trail about a row, by a caller.
    pub fn audit(
        &self,
        actor: Option<&Principal>,
        action: &'static str,
        entity_type: &'static str,
        entity_id: &impl ToString,
    ) -> AuditEntry {
        AuditEntry {
            actor: actor.map(|actor| actor.user).filter(|user| *user != UserId(0)),
            actor_role: actor.map(|actor| actor.primary_role.user_type()),
            action,
            entity_type,
            entity_id: Some(entity_id.to_string()),
            ip: Some(self.peer)
                .filter(|peer| *peer != Peer::UNKNOWN)
                .map(|peer| peer.0.to_string()),
            user_agent: self.user_agent.clone(),
            request_id: Some(self.request_id.clone()),
            data: Map::<String, Value>::new(),
        }
    }
}

impl FromRequestParts<App> for Context {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self> {
        let trusted = &app.settings.trusted_proxies;
        let user_agent = parts.headers.get(USER_AGENT).and_then(|value| value.to_str().ok());
        Ok(Self {
            peer: Peer::of(&parts.headers, &parts.extensions, trusted),
            user_agent: user_agent.map(|text| text.chars().take(256).collect()),
            request_id: parts
                .extensions
                .get::<RequestId>()
                .map_or_else(String::new, |id| id.0.clone()),
        })
    }
}

/// Path parameters. A text that cannot be one names nothing: 404.
pub struct Path<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Path<T> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self> {
        let unknown = || Error::from(Kind::NotFound("resource"));
        // PostgreSQL cannot even be asked for a NUL character.
        if parts.uri.path().contains("%00") {
            return Err(unknown());
        }
        axum::extract::Path::from_request_parts(parts, state)
            .await
            .map(|axum::extract::Path(value)| Self(value))
            .map_err(|_| unknown())
    }
}
