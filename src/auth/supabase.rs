//! Tokens of a Supabase project, taken as proof of who someone is (contract §3.7).
//!
//! What is configured decides what is accepted: the project's secret HS256, its key set RS256 and
//! ES256. Of a token's claims those count that the user cannot write: `user_metadata` is the user's
//! own, so it may fill in a name but never says that an e-mail was verified or what role to give.

use std::sync::Arc;

use jsonwebtoken::{Algorithm, DecodingKey, decode_header};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::jwks::KeySet;
use super::signed::{claims, rules};
use crate::domain::identity::Outsider;
use crate::domain::identity::outsider::Particulars;
use crate::domain::secret::Secret;
use crate::error::{Kind, Result, Unauthenticated};

/// The name of this provider among identities.
const PROVIDER: &str = "supabase";
/// Whom Supabase's tokens for signed-in users are meant for.
const AUDIENCE: &str = "authenticated";
/// Where Supabase publishes the keys of an issuer, below its address.
const WELL_KNOWN: &str = "/.well-known/jwks.json";
/// The longest subject, e-mail and particular, in characters.
const MAX_SUBJECT: usize = 255;
const MAX_EMAIL: usize = 254;
const MAX_PARTICULAR: usize = 80;

/// Reads the tokens of one project. Cheap to clone.
#[derive(Clone)]
pub struct Supabase(Arc<Inner>);

struct Inner {
    secret: Option<DecodingKey>,
    keys: Option<KeySet>,
    issuer: Option<String>,
}

/// What a token says.
#[derive(Deserialize)]
struct Claims {
    sub: String,
    email: Option<String>,
    /// Put there by the project's own token hook.
    email_verified: Option<bool>,
    #[serde(default)]
    is_anonymous: bool,
    /// Written by the project alone.
    #[serde(default)]
    app_metadata: AppMetadata,
    /// Written by the user.
    #[serde(default)]
    user_metadata: Map<String, Value>,
}

#[derive(Default, Deserialize)]
struct AppMetadata {
    role: Option<String>,
    email_verified: Option<bool>,
}

impl Supabase {
    /// None when nothing is configured by which a token could be verified.
    pub fn new(secret: Option<&Secret>, jwks_url: Option<&str>) -> Result<Option<Self>> {
        if secret.is_none() && jwks_url.is_none() {
            return Ok(None);
        }
        Ok(Some(Self(Arc::new(Inner {
            secret: secret.map(|secret| DecodingKey::from_secret(secret.expose().as_bytes())),
            keys: jwks_url.map(KeySet::new).transpose()?,
            issuer: jwks_url.and_then(issuer),
        }))))
    }

    /// Whom a token of the project names.
    ///
    /// Fails with [`Kind::Unauthenticated`] for a token that is not good, and with the provider's
    /// failure when its keys are needed and cannot be had.
    pub async fn verify(&self, token: &str) -> Result<Outsider> {
        let refused = |reason| Kind::Unauthenticated(reason);
        let header = decode_header(token).map_err(|_| refused(Unauthenticated::Malformed))?;
        let keys = self.keys(header.alg, header.kid.as_deref()).await?;
        let mut rules = rules(header.alg);
        rules.set_audience(&[AUDIENCE]);
        rules.set_required_spec_claims(&["exp", "aud", "sub"]);
        if let Some(issuer) = &self.0.issuer {
            rules.set_issuer(&[issuer]);
            rules.required_spec_claims.insert("iss".to_owned());
        }
        let mut reason = Unauthenticated::Signature;
        for key in keys {
            match claims::<Claims>(token, &key, &rules) {
                Ok(claims) => return claims.outsider().map_err(|reason| refused(reason).into()),
                Err(Unauthenticated::Signature) => {}
                Err(other) => reason = other,
            }
        }
        Err(refused(reason).into())
    }

    /// The keys a token of that algorithm may be signed with.
    async fn keys(&self, algorithm: Algorithm, id: Option<&str>) -> Result<Vec<DecodingKey>> {
        match (algorithm, &self.0.secret, &self.0.keys) {
            (Algorithm::HS256, Some(secret), _) => Ok(vec![secret.clone()]),
            (Algorithm::RS256 | Algorithm::ES256, _, Some(keys)) => keys.find(id, algorithm).await,
            _ => Err(Kind::Unauthenticated(Unauthenticated::Signature).into()),
        }
    }
}

impl Claims {
    fn outsider(self) -> Result<Outsider, Unauthenticated> {
        if self.sub.is_empty() || self.sub.chars().count() > MAX_SUBJECT {
            return Err(Unauthenticated::Malformed);
        }
        let is_verified = [self.email_verified, self.app_metadata.email_verified];
        let particulars = particulars(&self.user_metadata);
        let email = self.email.map(|email| email.trim().to_lowercase());
        let fits = |email: &String| email.contains('@') && email.chars().count() <= MAX_EMAIL;
        Ok(Outsider {
            provider: PROVIDER,
            subject: self.sub,
            email: email.filter(|email| fits(email) && !self.is_anonymous),
            is_email_verified: is_verified.contains(&Some(true))
                && !is_verified.contains(&Some(false)),
            role: self.app_metadata.role,
            particulars,
        })
    }
}

/// What the user's own data has of what a registration asks, by the names in use for it.
fn particulars(told: &Map<String, Value>) -> Particulars {
    let find = |names: &[&str]| {
        let text = names.iter().find_map(|name| told.get(*name)?.as_str()).map(str::trim)?;
        let fits = |text: &str| text.chars().count() <= MAX_PARTICULAR;
        let is_plain = !text.is_empty() && !text.chars().any(char::is_control);
        (is_plain && fits(text)).then(|| text.to_owned())
    };
    Particulars {
        nombre: find(&["nombre", "first_name", "given_name", "full_name", "name"]),
        apellido: find(&["apellido", "last_name", "family_name"]),
        fecha_nacimiento: find(&["fecha_nacimiento", "date_of_birth", "birthdate"]),
        razon_social: find(&["razon_social"]),
        tax_id: find(&["tax_id"]),
    }
}

/// The issuer whose keys lie at this address, where the address tells: a project's public one does,
/// one inside the network (`http`) does not.
fn issuer(jwks_url: &str) -> Option<String> {
    let issuer = jwks_url.strip_suffix(WELL_KNOWN)?;
    (issuer.starts_with("https://") && issuer.ends_with("/auth/v1")).then(|| issuer.to_owned())
}

#[cfg(test)]
#[path = "supabase_tests.rs"]
mod tests;
