//! Tokens that open one room and nothing else.
//!
//! Where a media server carries the call they are its own, signed with the secret of its API; else ours,
//! of the kind `room`, signed with the secret of the hub, and good for signaling only. Neither is an
//! access token: those have a session and another kind.

use std::sync::Arc;
use std::time::Duration;

use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use sha2::{Digest as _, Sha256};

use super::signed::{claims, rules};
use crate::domain::consultations::grant::{Pass, RoomClaims};
use crate::domain::consultations::issue::Issue;
use crate::domain::events::signaling::SeatRole;
use crate::domain::id::{ConsultationId, UserId};
use crate::domain::identity::{Principal, Role};
use crate::domain::secret::Secret;
use crate::domain::time::Timestamp;
use crate::error::{Error, Result, Unauthenticated};

/// Who signs where there is no media server.
const HOUSE: &str = "latido";
/// The kind of token the hub signs for a room.
const KIND: &str = "room";

/// The keys of room tokens.
pub struct Settings<'a> {
    /// The hub's secret.
    pub secret: &'a [u8],
    /// Verifies, never signs.
    pub previous_secret: Option<&'a [u8]>,
    /// Key and secret of the media server's API, where there is one.
    pub media: Option<(&'a Secret, &'a Secret)>,
}

/// For whom a token is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Audience {
    /// Signaling at this hub.
    Signaling,
    /// The media server, and signaling beside it.
    MediaServer,
}

/// Signs and reads room tokens.
pub struct RoomTokens {
    house: Signer,
    previous: Option<Verifier>,
    media: Option<Signer>,
}

struct Signer {
    issuer: String,
    key: EncodingKey,
    verifier: Verifier,
}

struct Verifier {
    key: DecodingKey,
    rules: Validation,
    kind: Option<&'static str>,
}

impl RoomTokens {
    pub fn new(settings: &Settings<'_>) -> Self {
        let house = |secret| Verifier::new(secret, HOUSE, Some(KIND));
        Self {
            house: Signer {
                issuer: HOUSE.to_owned(),
                key: EncodingKey::from_secret(settings.secret),
                verifier: house(settings.secret),
            },
            previous: settings.previous_secret.map(house),
            media: settings.media.map(|(key, secret)| Signer {
                issuer: key.expose().to_owned(),
                key: EncodingKey::from_secret(secret.expose().as_bytes()),
                verifier: Verifier::new(secret.expose().as_bytes(), key.expose(), None),
            }),
        }
    }

    /// A token for one room. Who waits gets one for the lobby, which no media server takes.
    pub fn issue(
        &self,
        pass: &Pass,
        audience: Audience,
        life: Duration,
        now: Timestamp,
    ) -> Result<String> {
        let is_for_media = audience == Audience::MediaServer && !pass.is_waiting;
        let media = self.media.as_ref().filter(|_| is_for_media);
        let signer = media.unwrap_or(&self.house);
        let claims = RoomClaims {
            iss: signer.issuer.clone(),
            nbf: now.seconds(),
            exp: now.plus(life).seconds(),
            attributes: Issue { issued_at: Some(now), session: pass.session.clone() },
            typ: signer.verifier.kind.map(str::to_owned),
            ..pass.claims()
        };
        jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &signer.key)
            .map_err(Error::internal)
    }

    /// What a room token says that one of the keys signed and that has not expired.
    pub fn read(&self, token: &str) -> Result<RoomClaims, Unauthenticated> {
        let keys = [
            self.media.as_ref().map(|signer| &signer.verifier),
            Some(&self.house.verifier),
            self.previous.as_ref(),
        ];
        let mut refusal = Unauthenticated::Malformed;
        for verifier in keys.into_iter().flatten() {
            match verifier.read(token) {
                Ok(claims) => return Ok(claims),
                Err(Unauthenticated::Signature) => refusal = Unauthenticated::Signature,
                Err(other) => return Err(other),
            }
        }
        Err(refusal)
    }

    /// Somebody who presents a room token; nobody else is one of its bearers. The token's consultation says
    /// whether it is still good.
    pub fn participant(&self, token: &str) -> Option<Principal> {
        let claims = self.read(token).ok()?;
        let expires_at = Some(Timestamp(claims.exp.saturating_mul(1000)));
        let admission = claims.admission()?;
        Some(Principal {
            user: nobody(&admission.pass.consultation, &admission.pass.identity),
            primary_role: match admission.pass.role {
                SeatRole::Doctor => Role::Doctor,
                SeatRole::Patient | SeatRole::Observer => Role::Patient,
            },
            roles: Vec::new(),
            reference_id: None,
            version: 0,
            service: None,
            session: None,
            admission: Some(Arc::new(admission)),
            expires_at,
        })
    }
}

/// A number below zero, the same for all devices of somebody in one consultation, by which limits count
/// them like an account.
pub fn nobody(consultation: &ConsultationId, identity: &str) -> UserId {
    let digest = Sha256::digest(format!("{consultation} {identity}"));
    let first = digest.first_chunk().map_or(0, |bytes| i64::from_be_bytes(*bytes));
    UserId(first | i64::MIN)
}

impl Verifier {
    fn new(secret: &[u8], issuer: &str, kind: Option<&'static str>) -> Self {
        let mut rules = rules(Algorithm::HS256);
        rules.set_issuer(&[issuer]);
        rules.set_required_spec_claims(&["exp", "iss", "sub"]);
        Self { key: DecodingKey::from_secret(secret), rules, kind }
    }

    fn read(&self, token: &str) -> Result<RoomClaims, Unauthenticated> {
        let claims: RoomClaims = claims(token, &self.key, &self.rules)?;
        let is_ours = claims.typ.as_deref() == self.kind;
        if is_ours { Ok(claims) } else { Err(Unauthenticated::Malformed) }
    }
}

#[cfg(test)]
#[path = "rooms_tests.rs"]
mod tests;
