//! The one question every edge asks: whose credentials are these?

use std::sync::Arc;

use metrics::counter;

use super::opaque::same;
use super::sessions::{Account, Recalled, Record, SessionLookup, Sessions};
use super::token::{Claims, Tokens};
use super::vouched::{Vouched, Voucher};
use super::{COOKIE, RefreshKey, digest};
use crate::domain::id::{SessionId, UserId};
use crate::domain::identity::{Principal, Revocation, Role};
use crate::domain::time::Timestamp;
use crate::error::{Error, Kind, Result, Unauthenticated};
use crate::telemetry::names;

/// Everything a caller may have presented. The first present one counts, in the order of the
/// fields; a bad one is refused, not passed over.
#[derive(Clone, Default)]
pub struct Credentials {
    /// An access token by itself, as sockets send it.
    pub token: Option<String>,
    /// The `Authorization` header.
    pub authorization: Option<String>,
    /// The whole `Cookie` header.
    pub cookie: Option<String>,
    pub service_key: Option<String>,
    /// With the development bypass: an account by id or e-mail.
    pub dev_user: Option<String>,
    /// With the development bypass: any name of a role.
    pub dev_role: Option<String>,
}

impl Credentials {
    /// The token that was presented, by itself or in the header.
    pub fn bearer(&self) -> Option<&str> {
        self.token.as_deref().or_else(|| bearer_token(self.authorization.as_deref()?))
    }
}

/// What an authenticator is built from.
pub struct Settings {
    pub tokens: Tokens,
    pub refresh: RefreshKey,
    /// Keys of server-to-server callers, with the name each goes by in the audit trail.
    pub service_keys: Vec<(String, String)>,
    /// Development only: a caller without credentials is let in.
    pub dev_bypass: bool,
    /// Reads the tokens of the auth service beside the hub, where there is one.
    pub voucher: Option<Voucher>,
    pub lookup: Arc<dyn SessionLookup>,
}

/// Who acts without an account.
const NOBODY: UserId = UserId(0);

/// Turns credentials into a [`Principal`]. Cheap to clone.
#[derive(Clone)]
pub struct Authenticator(Arc<Inner>);

struct Inner {
    tokens: Tokens,
    refresh: RefreshKey,
    /// SHA-256 of each key, so that lengths compare equal too.
    service_keys: Vec<(Arc<str>, String)>,
    dev_bypass: bool,
    voucher: Option<Voucher>,
    lookup: Arc<dyn SessionLookup>,
    sessions: Sessions,
}

impl Authenticator {
    pub fn new(settings: Settings) -> Self {
        let service_keys = settings
            .service_keys
            .into_iter()
            .map(|(name, key)| (name.into(), digest(&key)))
            .collect();
        Self(Arc::new(Inner {
            tokens: settings.tokens,
            refresh: settings.refresh,
            service_keys,
            dev_bypass: settings.dev_bypass,
            voucher: settings.voucher,
            lookup: settings.lookup,
            sessions: Sessions::default(),
        }))
    }

    /// Who presents these credentials. Reads no database when the session is known to be live.
    ///
    /// Fails with [`Kind::Unauthenticated`] for absent or bad credentials and with
    /// [`Kind::AccountInactive`] for a deactivated account.
    pub async fn admit(&self, credentials: Credentials) -> Result<Principal> {
        let now = Timestamp::now();
        if let Some(token) = &credentials.token {
            return self.bearer(token, now).await;
        }
        if let Some(header) = &credentials.authorization {
            let token =
                bearer_token(header).ok_or(Kind::Unauthenticated(Unauthenticated::Malformed))?;
            return self.bearer(token, now).await;
        }
        if let Some(value) = credentials.cookie.as_deref().and_then(session_cookie) {
            return self.cookie(value, now).await;
        }
        if let Some(key) = &credentials.service_key {
            return self.service(key);
        }
        if self.0.dev_bypass {
            return self.developer(&credentials).await;
        }
        Err(Kind::Unauthenticated(Unauthenticated::Missing).into())
    }

    /// A principal as its account stands now. Reads no database unless something changed.
    ///
    /// Fails as [`Authenticator::admit`] does when its session or account ended meanwhile.
    pub async fn again(&self, principal: &Principal) -> Result<Principal> {
        match &principal.session {
            Some(session) => {
                let record = self.live(session, Timestamp::now()).await?;
                Ok(self::principal(&record.account, Some(session.clone()), principal.expires_at))
            }
            None if principal.user.account().is_none() => Ok(principal.clone()),
            None => {
                let now = self.without_session(&principal.user.to_string()).await?;
                Ok(Principal { expires_at: principal.expires_at, ..now })
            }
        }
    }

    /// The claims of a token whose session lives, with what the account may now rather than what it
    /// might when the token was signed.
    pub async fn inspect(&self, token: &str) -> Result<Claims> {
        let (claims, record) = self.ours(token, Timestamp::now()).await?;
        Ok(claims.brought_up_to(&record.account))
    }

    /// What a token of the auth service beside the hub says; refused when there is none.
    pub fn read_vouched(&self, token: &str) -> Result<Vouched, Unauthenticated> {
        let voucher = self.0.voucher.as_ref().ok_or(Unauthenticated::Signature)?;
        voucher.verify(token)
    }

    /// A new access token for a live session.
    pub fn issue(&self, account: &Account, session: &SessionId, now: Timestamp) -> Result<String> {
        self.0.tokens.issue(account, session, now)
    }

    pub fn tokens(&self) -> &Tokens {
        &self.0.tokens
    }

    pub fn refresh(&self) -> &RefreshKey {
        &self.0.refresh
    }

    /// What this process remembers of sessions; kept in step with the database by the layers above.
    pub fn sessions(&self) -> &Sessions {
        &self.0.sessions
    }

    /// Refuses the session from now on.
    pub fn revoke(&self, session: &SessionId, reason: Revocation) {
        self.0.sessions.revoke(session, reason, Timestamp::now());
    }

    /// Asks the database again about an account that came to this version.
    pub fn outdate(&self, user: UserId, version: i64) {
        self.0.sessions.outdate(user, version, Timestamp::now());
    }

    /// Asks the database again at the next use of the session.
    pub fn forget(&self, session: &SessionId) {
        self.0.sessions.forget(session);
    }

    async fn bearer(&self, token: &str, now: Timestamp) -> Result<Principal> {
        match self.ours(token, now).await {
            Ok((claims, record)) => {
                let expires_at = Timestamp(claims.exp.saturating_mul(1000));
                Ok(principal(&record.account, Some(claims.sid), Some(expires_at)))
            }
            Err(refused) if self.may_be_vouched_for(&refused) => self.vouched(token, now).await,
            Err(refused) => Err(refused),
        }
    }

    /// The claims of a token of ours and its live session.
    async fn ours(&self, token: &str, now: Timestamp) -> Result<(Claims, Arc<Record>)> {
        let claims = self.0.tokens.verify(token).map_err(Kind::Unauthenticated)?;
        let record = self.live(&claims.sid, now).await?;
        if record.account.user != claims.user_id {
            return Err(Kind::Unauthenticated(Unauthenticated::Malformed).into());
        }
        Ok((claims, record))
    }

    fn may_be_vouched_for(&self, refused: &Error) -> bool {
        self.0.voucher.is_some() && matches!(refused.kind(), Kind::Unauthenticated(_))
    }

    /// The holder of a token of the auth service. Roles are the service's word; whether the account
    /// is active is ours.
    async fn vouched(&self, token: &str, now: Timestamp) -> Result<Principal> {
        let told = self.read_vouched(token).map_err(Kind::Unauthenticated)?;
        let account = if let Some(account) = self.0.sessions.recall_vouched(&told, now) {
            account
        } else {
            let account = self.0.lookup.vouched(&told).await?;
            let account = account.ok_or(Kind::Unauthenticated(Unauthenticated::Revoked))?;
            self.0.sessions.remember_vouched(&told, account.clone(), now);
            account
        };
        if !account.active {
            return Err(Kind::AccountInactive { retry_after: None }.into());
        }
        Ok(Principal {
            user: account.user,
            primary_role: told.primary_role,
            roles: told.roles,
            reference_id: told.reference_id,
            service: None,
            session: None,
            admission: None,
            expires_at: Some(told.expires_at),
            version: account.version,
        })
    }

    async fn cookie(&self, value: &str, now: Timestamp) -> Result<Principal> {
        let refused = || Kind::Unauthenticated(Unauthenticated::Malformed);
        let (session, secret) = value.split_once('.').ok_or_else(refused)?;
        let session = SessionId::from(session);
        let is_made = self.0.refresh.made_cookie(&session, secret);
        let record = self.live(&session, now).await.map_err(|error| match error.kind() {
            // How an account stands is for those to hear who prove that it is theirs.
            Kind::AccountInactive { .. } if !is_made => refused().into(),
            _ => error,
        })?;
        // One from before the key was changed is still known by its row.
        let is_ours = is_made || same(record.cookie_hash.as_bytes(), digest(secret).as_bytes());
        if !is_ours {
            return Err(refused().into());
        }
        Ok(principal(&record.account, Some(record.session.clone()), None))
    }

    fn service(&self, key: &str) -> Result<Principal> {
        let presented = digest(key);
        // Every key is compared, so that the time tells nothing of which one matched.
        let keys = &self.0.service_keys;
        let known = keys.iter().fold(None, |found, (name, key)| {
            if same(key.as_bytes(), presented.as_bytes()) { Some(name) } else { found }
        });
        let name = known.ok_or(Kind::Unauthenticated(Unauthenticated::Malformed))?;
        Ok(Principal { service: Some(Arc::clone(name)), ..synthetic(Role::Service) })
    }

    async fn developer(&self, credentials: &Credentials) -> Result<Principal> {
        if let Some(name) = &credentials.dev_user {
            return self.without_session(name).await;
        }
        let role = match &credentials.dev_role {
            Some(name) => {
                Role::parse(name).ok_or(Kind::Unauthenticated(Unauthenticated::Malformed))?
            }
            None => Role::Admin,
        };
        Ok(synthetic(role))
    }

    /// The account of this id or e-mail, as the development bypass acts for it.
    async fn without_session(&self, name: &str) -> Result<Principal> {
        let refused = || Kind::Unauthenticated(Unauthenticated::Malformed);
        let account = self.0.lookup.account(name).await?.ok_or_else(refused)?;
        if !account.active {
            return Err(Kind::AccountInactive { retry_after: None }.into());
        }
        Ok(principal(&account, None, None))
    }

    /// A session that may be used now, from memory or from the database.
    async fn live(&self, id: &SessionId, now: Timestamp) -> Result<Arc<Record>> {
        let revoked = || Kind::Unauthenticated(Unauthenticated::Revoked);
        let record = match self.0.sessions.recall(id, now) {
            Recalled::Live(record) => {
                counter!(names::CACHE_HITS, "cache" => "sessions").increment(1);
                record
            }
            // Whether the account is active again only its row knows.
            Recalled::Revoked(Revocation::Deactivated) => {
                self.0.lookup.session(id).await?;
                return Err(revoked().into());
            }
            Recalled::Revoked(_) => return Err(revoked().into()),
            Recalled::Unknown => {
                counter!(names::CACHE_MISSES, "cache" => "sessions").increment(1);
                let mut record = self.0.lookup.session(id).await?.ok_or_else(revoked)?;
                if self.0.sessions.is_outdated(&record.account) {
                    // The account changed while it was read; this time the change is there.
                    record = self.0.lookup.session(id).await?.ok_or_else(revoked)?;
                }
                let record = Arc::new(record);
                if !self.0.sessions.remember(Arc::clone(&record), now) {
                    return Err(revoked().into());
                }
                record
            }
        };
        if record.account.active {
            Ok(record)
        } else {
            Err(Kind::AccountInactive { retry_after: None }.into())
        }
    }
}

fn principal(
    account: &Account,
    session: Option<SessionId>,
    expires_at: Option<Timestamp>,
) -> Principal {
    Principal {
        user: account.user,
        primary_role: account.primary_role,
        roles: account.roles.clone(),
        reference_id: account.reference_id,
        version: account.version,
        service: None,
        session,
        admission: None,
        expires_at,
    }
}

fn synthetic(role: Role) -> Principal {
    Principal {
        user: NOBODY,
        primary_role: role,
        roles: vec![role],
        reference_id: None,
        version: 0,
        service: None,
        session: None,
        admission: None,
        expires_at: None,
    }
}

/// The token of a `Bearer` header; the scheme's case does not matter (RFC 9110).
pub fn bearer_token(header: &str) -> Option<&str> {
    let (scheme, token) = header.trim().split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim()).filter(|token| !token.is_empty())
}

fn session_cookie(header: &str) -> Option<&str> {
    header
        .split(';')
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(name, _)| *name == COOKIE)
        .map(|(_, value)| value)
        .filter(|value| !value.is_empty())
}

#[cfg(test)]
#[path = "authenticator_tests.rs"]
mod tests;
