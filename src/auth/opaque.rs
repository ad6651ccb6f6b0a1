//! Secrets that mean nothing by themselves: cookie halves and refresh tokens.
//!
//! 256 random bits each; the database keeps only their SHA-256.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use crate::domain::id::SessionId;

/// A secret as its holder presents it. `Debug` shows nothing of it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

/// Derives the refresh tokens of a session, one per rotation.
///
/// A token is `r_<session>.<generation>.<mac>`. Because the next one follows from the key, a retry
/// of the token just spent can be given the same successor without keeping it in clear; because
/// every spent one still carries our mac, its reuse is told apart from a guess.
#[derive(Clone)]
pub struct RefreshKey(Vec<u8>);

impl Secret {
    /// A new one of 256 bits.
    pub fn random() -> Self {
        Self(URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>()))
    }

    pub fn expose(&self) -> &str {
        &self.0
    }

    /// What the database keeps.
    pub fn digest(&self) -> String {
        digest(&self.0)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

impl RefreshKey {
    /// Keyed apart from the tokens signed with the same secret.
    pub fn new(secret: &[u8]) -> Self {
        Self([b"latido refresh v1:", secret].concat())
    }

    /// The token of `generation`; generation 0 is handed out at sign-in.
    pub fn token(&self, session: &SessionId, generation: i64) -> Secret {
        let mac = URL_SAFE_NO_PAD.encode(self.mac(session, generation));
        Secret(format!("r_{session}.{generation}.{mac}"))
    }

    /// The session and generation of a token that once was ours.
    pub fn read(&self, token: &str) -> Option<(SessionId, i64)> {
        let mut parts = token.strip_prefix("r_")?.split('.');
        let session = SessionId::from(parts.next()?);
        let generation = parts.next()?.parse().ok()?;
        let mac = URL_SAFE_NO_PAD.decode(parts.next()?).ok()?;
        let ours = parts.next().is_none() && same(&mac, &self.mac(&session, generation));
        ours.then_some((session, generation))
    }

    fn mac(&self, session: &SessionId, generation: i64) -> [u8; 32] {
        let mut mac =
            Hmac::<Sha256>::new_from_slice(&self.0).expect("an HMAC key may have any length");
        mac.update(session.as_str().as_bytes());
        mac.update(&generation.to_be_bytes());
        mac.finalize().into_bytes().into()
    }
}

/// Lower-case hex SHA-256.
pub fn digest(text: &str) -> String {
    hex(&Sha256::digest(text.as_bytes()))
}

pub(super) fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    bytes
        .iter()
        .flat_map(|byte| [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]])
        .map(char::from)
        .collect()
}

/// Compares in time that tells nothing of where two secrets differ.
pub(super) fn same(left: &[u8], right: &[u8]) -> bool {
    left.ct_eq(right).into()
}

/// An identifier nobody can guess: the prefix and 128 random bits.
pub fn new_id(prefix: &str) -> String {
    format!("{prefix}{}", URL_SAFE_NO_PAD.encode(rand::random::<[u8; 16]>()))
}

/// What the session cookie holds.
pub fn cookie_value(session: &SessionId, secret: &Secret) -> String {
    format!("{session}.{}", secret.expose())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refresh_token_names_its_session_and_cannot_be_forged() {
        let key = RefreshKey::new(b"0123456789abcdef0123456789abcdef");
        let session = SessionId::from("s_1");
        let token = key.token(&session, 3);

        assert_eq!(key.read(token.expose()), Some((session.clone(), 3)));
        assert_eq!(key.read(&token.expose().replace(".3.", ".4.")), None);
        assert_eq!(RefreshKey::new(b"other").read(token.expose()), None);
    }

    #[test]
    fn a_digest_is_the_hex_sha_256() {
        let expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(digest("abc"), expected);
    }
}
