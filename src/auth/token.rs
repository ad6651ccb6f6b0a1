//! Access tokens: signed claims that need no look-up to be read.
//!
//! The algorithm is pinned per configured key; nothing in a token chooses it. A `kid` only picks
//! among our keys, and keys or addresses of keys that a token brings along are not looked at. A
//! token meant for an audience (`aud`) is not an access token. Whether the session behind a token
//! still lives is asked of [`Sessions`](super::Sessions).

mod openid;

use std::time::Duration;

use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::keys::{KeyPair, PublicKey};
use super::opaque::new_id;
use super::sessions::Account;
use super::signed::{claims, rules};
use crate::domain::id::{SessionId, UserId};
use crate::domain::identity::Role;
use crate::domain::time::Timestamp;
use crate::error::{Error, Result, Unauthenticated};

pub use openid::IdToken;

const ISSUER: &str = "latido";
const TYPE: &str = "access";
/// The shortest HS256 secret, in bytes.
const MIN_SECRET: usize = 32;

/// What an access token says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Claims {
    pub iss: String,
    /// `user_id` in decimal, as RFC 7519 wants a string.
    pub sub: String,
    pub user_id: UserId,
    pub user_type: Role,
    pub roles: Vec<Role>,
    /// The label of the primary role.
    pub role: String,
    pub reference_id: Option<i64>,
    pub sid: SessionId,
    pub jti: String,
    /// Seconds since 1970.
    pub iat: i64,
    /// Seconds since 1970.
    pub exp: i64,
    pub typ: String,
}

/// The keys and how long a token lives.
#[derive(Clone)]
pub struct Settings {
    /// At least 32 bytes.
    pub secret: Vec<u8>,
    /// Verifies, never signs.
    pub previous_secret: Option<Vec<u8>>,
    /// Signs tokens in place of the secret, which then verifies none.
    pub private_key: Option<KeyPair>,
    /// Verifies, never signs.
    pub previous_public_key: Option<PublicKey>,
    pub ttl: Duration,
}

/// Signs and reads access tokens.
pub struct Tokens {
    header: Header,
    signing: EncodingKey,
    verifying: Vec<Verifier>,
    published: JwkSet,
    ttl: Duration,
}

struct Verifier {
    kid: Option<String>,
    key: DecodingKey,
    rules: Validation,
}

impl Claims {
    /// The same proof, with what the account may do now.
    pub(super) fn brought_up_to(self, account: &Account) -> Self {
        Self {
            user_type: account.primary_role,
            roles: account.roles.clone(),
            role: account.primary_role.label().into(),
            reference_id: account.reference_id,
            ..self
        }
    }
}

impl Tokens {
    /// Fails when a secret is shorter than 32 bytes.
    pub fn new(settings: &Settings) -> Result<Self> {
        let Settings { secret, previous_secret, private_key, previous_public_key, ttl } = settings;
        let secrets = [Some(secret), previous_secret.as_ref()];
        if secrets.into_iter().flatten().any(|secret| secret.len() < MIN_SECRET) {
            return Err(Error::internal("a token secret is shorter than 32 bytes"));
        }
        let mut verifying = Vec::new();
        let (header, signing) = if let Some(KeyPair { signing, public }) = private_key {
            let header = Header { kid: Some(public.id.clone()), ..Header::new(public.algorithm) };
            (header, signing.clone())
        } else {
            verifying.push(Verifier::of_secret(secret));
            (Header::new(Algorithm::HS256), EncodingKey::from_secret(secret))
        };
        let current = private_key.as_ref().map(|pair| &pair.public);
        let public: Vec<_> = current.into_iter().chain(previous_public_key).collect();
        verifying.extend(public.iter().map(|key| Verifier::of_public(key)));
        verifying.extend(previous_secret.as_deref().map(Verifier::of_secret));
        let keys = public.iter().map(|key| key.jwk.clone()).collect();
        Ok(Self { header, signing, verifying, published: JwkSet { keys }, ttl: *ttl })
    }

    /// The public keys, for `/.well-known/jwks.json`; none with shared secrets alone.
    pub fn published(&self) -> &JwkSet {
        &self.published
    }

    /// How long a token lives.
    pub fn ttl(&self) -> Duration {
        self.ttl
    }

    /// A token for one session of an account.
    pub fn issue(&self, account: &Account, session: &SessionId, now: Timestamp) -> Result<String> {
        let claims = Claims {
            iss: ISSUER.into(),
            sub: account.user.to_string(),
            user_id: account.user,
            user_type: account.primary_role,
            roles: account.roles.clone(),
            role: account.primary_role.label().into(),
            reference_id: account.reference_id,
            sid: session.clone(),
            jti: new_id("a_"),
            iat: now.seconds(),
            exp: now.plus(self.ttl).seconds(),
            typ: TYPE.into(),
        };
        jsonwebtoken::encode(&self.header, &claims, &self.signing).map_err(Error::internal)
    }

    /// The claims of a token with a signature of ours that has not expired.
    pub fn verify(&self, token: &str) -> Result<Claims, Unauthenticated> {
        let kid = if self.verifying.len() > 1 {
            jsonwebtoken::decode_header(token).map_err(|_| Unauthenticated::Malformed)?.kid
        } else {
            None
        };
        let named = self.verifying.iter().position(|key| kid.is_some() && key.kid == kid);
        let candidates = match named {
            Some(index) => &self.verifying[index..=index],
            None => &self.verifying[..],
        };
        let mut refusal = Unauthenticated::Malformed;
        for candidate in candidates {
            match candidate.verify(token) {
                Ok(claims) => return Ok(claims),
                Err(Unauthenticated::Signature) => refusal = Unauthenticated::Signature,
                Err(other) => return Err(other),
            }
        }
        Err(refusal)
    }
}

impl Verifier {
    fn of_secret(secret: &[u8]) -> Self {
        Self::new(None, DecodingKey::from_secret(secret), Algorithm::HS256)
    }

    fn of_public(key: &PublicKey) -> Self {
        Self::new(Some(key.id.clone()), key.verifying.clone(), key.algorithm)
    }

    fn new(kid: Option<String>, key: DecodingKey, algorithm: Algorithm) -> Self {
        let mut rules = rules(algorithm);
        rules.set_issuer(&[ISSUER]);
        rules.set_required_spec_claims(&["exp", "iss", "sub"]);
        Self { kid, key, rules }
    }

    fn verify(&self, token: &str) -> Result<Claims, Unauthenticated> {
        let claims: Claims = claims(token, &self.key, &self.rules)?;
        let coherent = claims.typ == TYPE
            && claims.sub == claims.user_id.to_string()
            && claims.roles.contains(&claims.user_type)
            && !claims.roles.contains(&Role::Service)
            && claims.iat <= claims.exp;
        if coherent { Ok(claims) } else { Err(Unauthenticated::Malformed) }
    }
}

#[cfg(test)]
#[path = "token_tests.rs"]
mod tests;
