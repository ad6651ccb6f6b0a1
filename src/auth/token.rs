//! Access tokens: signed claims that need no look-up to be read.
//!
//! The algorithm is pinned per configured key; nothing in a token chooses it. A `kid` only picks
//! among our keys. Whether the session behind a token still lives is asked of
//! [`Sessions`](super::Sessions).

use std::time::Duration;

use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::jwk::{Jwk, JwkSet, ThumbprintHash};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::opaque::new_id;
use super::sessions::Account;
use crate::domain::id::{SessionId, UserId};
use crate::domain::identity::Role;
use crate::domain::time::Timestamp;
use crate::error::{Error, Result, Unauthenticated};

const ISSUER: &str = "latido";
const TYPE: &str = "access";
/// Seconds by which two clocks may differ (contract §3.2).
const LEEWAY: u64 = 30;
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
    /// PEM of an ES256 or Ed25519 key; then tokens are signed with it instead of the secret.
    pub private_key: Option<Vec<u8>>,
    /// PEM; verifies, never signs.
    pub previous_public_key: Option<Vec<u8>>,
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
    validation: Validation,
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
    /// Fails when a key cannot be read or a secret is shorter than 32 bytes.
    pub fn new(settings: &Settings) -> Result<Self> {
        match &settings.private_key {
            Some(pem) => Self::with_key_pair(pem, settings),
            None => Self::with_secret(settings),
        }
    }

    fn with_secret(settings: &Settings) -> Result<Self> {
        let secrets = [Some(&settings.secret), settings.previous_secret.as_ref()];
        let mut verifying = Vec::new();
        for secret in secrets.into_iter().flatten() {
            if secret.len() < MIN_SECRET {
                return Err(Error::internal("a token secret is shorter than 32 bytes"));
            }
            let key = DecodingKey::from_secret(secret);
            verifying.push(Verifier::new(None, key, Algorithm::HS256));
        }
        Ok(Self {
            header: Header::new(Algorithm::HS256),
            signing: EncodingKey::from_secret(&settings.secret),
            verifying,
            published: JwkSet { keys: Vec::new() },
            ttl: settings.ttl,
        })
    }

    fn with_key_pair(pem: &[u8], settings: &Settings) -> Result<Self> {
        let (signing, algorithm) = match EncodingKey::from_ec_pem(pem) {
            Ok(key) => (key, Algorithm::ES256),
            Err(_) => (EncodingKey::from_ed_pem(pem).map_err(Error::internal)?, Algorithm::EdDSA),
        };
        let mut jwk = Jwk::from_encoding_key(&signing, algorithm).map_err(Error::internal)?;
        let kid = jwk.thumbprint(ThumbprintHash::SHA256).map_err(Error::internal)?;
        jwk.common.key_id = Some(kid.clone());
        let key = DecodingKey::from_jwk(&jwk).map_err(Error::internal)?;
        let mut verifying = vec![Verifier::new(Some(kid.clone()), key, algorithm)];
        if let Some(pem) = &settings.previous_public_key {
            let (key, algorithm) = match DecodingKey::from_ec_pem(pem) {
                Ok(key) => (key, Algorithm::ES256),
                Err(_) => {
                    (DecodingKey::from_ed_pem(pem).map_err(Error::internal)?, Algorithm::EdDSA)
                }
            };
            verifying.push(Verifier::new(None, key, algorithm));
        }
        let mut header = Header::new(algorithm);
        header.kid = Some(kid);
        let published = JwkSet { keys: vec![jwk] };
        Ok(Self { header, signing, verifying, published, ttl: settings.ttl })
    }

    /// The public keys, for `/.well-known/jwks.json`; empty with a shared secret.
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
    fn new(kid: Option<String>, key: DecodingKey, algorithm: Algorithm) -> Self {
        let mut validation = Validation::new(algorithm);
        validation.leeway = LEEWAY;
        validation.set_issuer(&[ISSUER]);
        validation.set_required_spec_claims(&["exp", "iss", "sub"]);
        validation.validate_aud = false;
        Self { kid, key, validation }
    }

    fn verify(&self, token: &str) -> Result<Claims, Unauthenticated> {
        let claims = jsonwebtoken::decode::<Claims>(token, &self.key, &self.validation)
            .map_err(|error| match error.kind() {
                ErrorKind::ExpiredSignature => Unauthenticated::Expired,
                ErrorKind::InvalidSignature | ErrorKind::InvalidAlgorithm => {
                    Unauthenticated::Signature
                }
                _ => Unauthenticated::Malformed,
            })?
            .claims;
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
