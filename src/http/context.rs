//! What the audit trail wants to know of a request, and the path as a typed extractor.

use std::sync::Arc;

use axum::extract::{FromRequestParts, Request, State};
use axum::http::header::USER_AGENT;
use axum::http::request::Parts;
use axum::http::{Extensions, HeaderMap};
use axum::middleware::Next;
use axum::response::Response;
use serde::de::DeserializeOwned;

use super::App;
use super::peer::Peer;
use crate::domain::identity::Principal;
use crate::domain::provenance::Provenance;
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
    /// Of what a socket asks: it came with the request that opened the socket.
    pub fn of_socket(opened_by: &Provenance) -> Self {
        Self {
            peer: opened_by.ip.map_or(Peer::UNKNOWN, Peer),
            user_agent: opened_by.user_agent.as_deref().map(Into::into),
            request_id: opened_by.request_id.to_string(),
        }
    }

    /// A line of the audit trail about a row, by a caller.
    pub fn audit(
        &self,
        actor: Option<&Principal>,
        action: &'static str,
        entity_type: &'static str,
        entity_id: &impl ToString,
    ) -> AuditEntry {
        let entry = AuditEntry {
            action,
            entity_type,
            entity_id: Some(entity_id.to_string()),
            ..AuditEntry::from_where(&self.provenance())
        };
        match actor {
            Some(actor) => entry.by(actor),
            None => entry,
        }
    }

    /// Where the request came from.
    pub fn provenance(&self) -> Provenance {
        Provenance {
            ip: Some(self.peer).filter(|peer| *peer != Peer::UNKNOWN).map(|peer| peer.0),
            user_agent: self.user_agent.as_deref().map(Into::into),
            request_id: self.request_id.as_str().into(),
        }
    }
}

impl Context {
    pub(super) fn of(headers: &HeaderMap, extensions: &Extensions, app: &App) -> Self {
        let user_agent = headers.get(USER_AGENT).and_then(|value| value.to_str().ok());
        Self {
            peer: Peer::of(headers, extensions, &app.settings.trusted_proxies),
            user_agent: user_agent.map(|text| text.chars().take(256).collect()),
            request_id: extensions.get::<RequestId>().map_or_else(String::new, |id| id.0.clone()),
        }
    }
}

/// Tells sockets where the request that opens them comes from.
pub async fn introduce(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let context = Context::of(request.headers(), request.extensions(), &app);
    request.extensions_mut().insert(Arc::new(context.provenance()));
    next.run(request).await
}

impl FromRequestParts<App> for Context {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self> {
        Ok(Self::of(&parts.headers, &parts.extensions, app))
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
