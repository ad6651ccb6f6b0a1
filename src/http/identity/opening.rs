//! Opening a session: the row, the cookie and the first pair of tokens.

use axum::extract::FromRequestParts;
use axum::http::header::{ACCEPT_LANGUAGE, USER_AGENT};
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue};

use super::view::{TokenPair, User};
use crate::auth::{self, Account, Record};
use crate::domain;
use crate::domain::id::SessionId;
use crate::domain::secret::Secret;
use crate::domain::time::Timestamp;
use crate::error::{Error, Result};
use crate::http::peer::Peer;
use crate::http::{App, CookieSettings};
use crate::persistence::Tx;
use crate::persistence::identity::accounts;
use crate::persistence::identity::sessions::{self, NewSession};

const DEVICE_ID: HeaderName = HeaderName::from_static("x-device-id");

/// The device a request comes from, as far as its headers tell.
#[derive(Debug, Clone)]
pub struct Device {
    user_agent: Option<String>,
    ip_prefix: String,
    /// SHA-256 of what stays the same between requests of one device (contract §3.4).
    pub fingerprint: String,
}

/// A session that will exist once its transaction commits.
pub struct Opened {
    pub session: SessionId,
    refresh: Secret,
    expires_at: Timestamp,
}

impl FromRequestParts<App> for Device {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self> {
        let header = |name: HeaderName| {
            parts.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
        };
        let marks = [header(USER_AGENT), header(ACCEPT_LANGUAGE), header(DEVICE_ID)];
        let user_agent: String = marks[0].chars().take(256).collect();
        let peer = Peer::of(&parts.headers, &parts.extensions, &app.settings.trusted_proxies);
        Ok(Self {
            fingerprint: auth::digest(&marks.join("\n")),
            user_agent: Some(user_agent).filter(|text| !text.is_empty()),
            ip_prefix: peer.prefix(),
        })
    }
}

impl Opened {
    /// Writes the row of a new session.
    pub async fn insert(
        app: &App,
        tx: &mut Tx,
        user: &accounts::User,
        device: &Device,
        now: Timestamp,
    ) -> Result<Self> {
        let session = SessionId::from(auth::new_id("s_"));
        let opened = Self {
            refresh: app.auth.refresh().token(&session, 0),
            expires_at: now.plus(app.settings.refresh_ttl),
            session,
        };
        let parsed =
            domain::identity::Device::parse(device.user_agent.as_deref().unwrap_or_default());
        let row = NewSession {
            id: &opened.session,
            user_id: user.id,
            cookie_hash: &cookie_hash(app, &opened.session),
            refresh_hash: &auth::digest(opened.refresh.expose()),
            fingerprint: &device.fingerprint,
            user_agent: device.user_agent.as_deref(),
            platform: parsed.platform,
            browser: parsed.browser,
            ip_prefix: &device.ip_prefix,
            expires_at: opened.expires_at,
        };
        sessions::insert(tx, row, now).await?;
        Ok(opened)
    }

    /// Called after the commit: the session may be used from here on.
    ///
    /// Answers the cookie, which outlives the browser only if asked to be remembered, and the
    /// tokens.
    pub fn announce(
        self,
        app: &App,
        user: accounts::User,
        remember: bool,
        now: Timestamp,
    ) -> Result<(HeaderValue, TokenPair)> {
        let record = Record {
            session: self.session.clone(),
            cookie_hash: cookie_hash(app, &self.session),
            expires_at: self.expires_at,
            account: Account::from(&user),
        };
        app.auth.sessions().remember(record.into(), now);
        let life = remember.then_some(app.settings.refresh_ttl.as_secs());
        let cookie = cookie(app, &self.session, life)?;
        let pair = token_pair(app, user, self.session, Some(&self.refresh), now)?;
        Ok((cookie, pair))
    }
}

/// The tokens of a session, freshly signed.
pub fn token_pair(
    app: &App,
    user: accounts::User,
    session: SessionId,
    refresh: Option<&Secret>,
    now: Timestamp,
) -> Result<TokenPair> {
    Ok(TokenPair {
        access_token: app.auth.issue(&Account::from(&user), &session, now)?,
        token_type: "bearer",
        expires_in: app.auth.tokens().ttl().as_secs(),
        refresh_token: refresh.map(|refresh| refresh.expose().to_owned()),
        session_id: session,
        user: User::from(user),
    })
}

fn cookie_hash(app: &App, session: &SessionId) -> String {
    auth::digest(app.auth.refresh().cookie(session).expose())
}

/// The header that sets the session's cookie for that many seconds, or for as long as the browser
/// runs.
pub fn cookie(app: &App, session: &SessionId, life: Option<u64>) -> Result<HeaderValue> {
    let value = auth::cookie_value(session, &app.auth.refresh().cookie(session));
    set_cookie(&app.settings.cookie, &value, life)
}

/// The header that empties the session cookie.
pub fn clear_cookie(settings: &CookieSettings) -> Result<HeaderValue> {
    set_cookie(settings, "", Some(0))
}

fn set_cookie(settings: &CookieSettings, value: &str, life: Option<u64>) -> Result<HeaderValue> {
    // Browsers drop a `SameSite=None` cookie that is not `Secure`, and one of another site than the
    // page's unless it is `Partitioned`: kept apart for each site whose pages call the hub.
    let reach = if settings.secure { "Secure; SameSite=None; Partitioned" } else { "SameSite=Lax" };
    let domain = settings.domain.as_ref().map(|domain| format!("; Domain={domain}"));
    let life = life.map(|seconds| format!("; Max-Age={seconds}"));
    let cookie = format!(
        "{}={value}; HttpOnly; {reach}; Path=/{}{}",
        auth::COOKIE,
        domain.unwrap_or_default(),
        life.unwrap_or_default(),
    );
    let mut header = HeaderValue::try_from(cookie).map_err(Error::internal)?;
    header.set_sensitive(true);
    Ok(header)
}
