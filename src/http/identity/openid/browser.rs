//! The browser in front of the provider: who is signed in by its cookie, and what it prefers.

use axum::extract::FromRequestParts;
use axum::http::HeaderMap;
use axum::http::header::{ACCEPT_LANGUAGE, ORIGIN};
use axum::http::request::Parts;

use crate::domain::id::{SessionId, UserId};
use crate::domain::identity::Role;
use crate::domain::language::Language;
use crate::domain::time::Timestamp;
use crate::error::{Error, Kind, Result};
use crate::http::App;
use crate::http::caller::Optional;
use crate::http::context::Context;
use crate::http::identity::opening::Device;
use crate::persistence::identity::sessions;

/// Where a request came from.
pub struct Browser {
    pub context: Context,
    pub device: Device,
    pub language: Language,
    /// The session of the cookie. No other proof counts: tokens belong to clients, not to browsers.
    pub session: Option<(UserId, SessionId, Role)>,
}

/// A user whose session the browser holds.
#[derive(Debug, Clone)]
pub struct SignedIn {
    pub user: UserId,
    pub role: Role,
    pub session: SessionId,
    /// When the password was last shown.
    pub proven_at: Timestamp,
}

/// Proof that one of our own pages sent a form: no other site can sign somebody in or out.
pub struct OwnPage;

impl Browser {
    /// Who is signed in, by the row of the session.
    pub async fn signed_in(&self, app: &App, now: Timestamp) -> Result<Option<SignedIn>> {
        let Some((user, session, role)) = self.session.clone() else { return Ok(None) };
        let row = sessions::live(&app.store, &session, now).await?;
        Ok(row.map(|row| SignedIn { user, role, session, proven_at: row.authenticated_at }))
    }
}

impl FromRequestParts<App> for Browser {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self> {
        let Optional(principal) = Optional::from_request_parts(parts, app).await?;
        let by_cookie = principal.filter(|principal| principal.expires_at.is_none());
        let accepted = parts.headers.get(ACCEPT_LANGUAGE).and_then(|text| text.to_str().ok());
        Ok(Self {
            language: Language::preferred(accepted.unwrap_or_default()),
            context: Context::from_request_parts(parts, app).await?,
            device: Device::from_request_parts(parts, app).await?,
            session: by_cookie
                .and_then(|it| it.session.map(|session| (it.user, session, it.primary_role))),
        })
    }
}

impl FromRequestParts<App> for OwnPage {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self> {
        if is_own(&parts.headers, |origin| app.settings.own_origin.allows(origin)) {
            Ok(Self)
        } else {
            Err(Kind::OriginNotAllowed.into())
        }
    }
}

/// What the browser itself says of the sending page; silence is not trusted.
fn is_own(headers: &HeaderMap, is_ours: impl Fn(&str) -> bool) -> bool {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    match (header("sec-fetch-site"), header(ORIGIN.as_str())) {
        (Some(site), _) => site == "same-origin",
        (None, Some(origin)) => is_ours(origin),
        (None, None) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_pages_may_send_our_forms() {
        for (site, origin, expected) in [
            (Some("same-origin"), None, true),
            (Some("same-origin"), Some("https://other.example"), true),
            (Some("same-site"), Some("https://id.example"), false),
            (Some("cross-site"), Some("https://id.example"), false),
            (Some("none"), None, false),
            (None, Some("https://id.example"), true),
            (None, Some("https://evil.example"), false),
            (None, Some("null"), false),
            (None, None, false),
        ] {
            let mut headers = HeaderMap::new();
            for (name, value) in [("sec-fetch-site", site), ("origin", origin)] {
                if let Some(value) = value {
                    headers.insert(name, value.parse().unwrap());
                }
            }
            let own = is_own(&headers, |origin| origin == "https://id.example");
            assert_eq!(own, expected, "{site:?} {origin:?}");
        }
    }
}
