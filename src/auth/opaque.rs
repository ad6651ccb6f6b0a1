//! Secrets that mean nothing by themselves: cookie halves and refresh tokens.
//!
//! 256 random bits each; the database keeps only their SHA-256.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use crate::domain::id::SessionId;
use crate::domain::secret::Secret;

/// Derives what a session is carried on with: its cookie, and its refresh tokens, one per rotation.
///
/// A cookie follows from the key so that every portal of a session is handed the same one, at any
/// time, by any node. A token is `r_<session>.<generation>.<mac>`. Because the next one follows from
/// the key, a retry of the token just spent can be given the same successor without keeping it in
/// clear; because every spent one still carries our mac, its reuse is told apart from a guess.
#[derive(Clone)]
pub struct RefreshKey {
    key: Vec<u8>,
    /// Reads tokens from before the secret was changed; makes none.
    previous: Option<Vec<u8>>,
}

/// What a refresh token says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    pub session: SessionId,
    pub generation: i64,
    /// Whether one of our keys made it. If not, it may still be one of a key that was removed since:
    /// its hash decides, and what it says of itself proves nothing.
    pub is_proven: bool,
}

/// A new secret of 256 bits.
pub fn new_secret() -> Secret {
    Secret::new(URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>()))
}

impl RefreshKey {
    /// Keyed apart from the tokens signed with the same secrets.
    pub fn new(secret: &[u8], previous: Option<&[u8]>) -> Self {
        let apart = |secret: &[u8]| [b"latido refresh v1:", secret].concat();
        Self { key: apart(secret), previous: previous.map(apart) }
    }

    /// The secret half of the session's cookie.
    pub fn cookie(&self, session: &SessionId) -> Secret {
        Secret::new(URL_SAFE_NO_PAD.encode(cookie_mac(&self.key, session)))
    }

    /// Whether this is the secret half of the session's cookie, by the key or the previous one.
    pub fn made_cookie(&self, session: &SessionId, secret: &str) -> bool {
        let Ok(tag) = URL_SAFE_NO_PAD.decode(secret) else { return false };
        let made_with = |key: &Vec<u8>| same(&tag, &cookie_mac(key, session));
        made_with(&self.key) || self.previous.as_ref().is_some_and(made_with)
    }

    /// The token of `generation`; generation 0 is handed out at sign-in.
    pub fn token(&self, session: &SessionId, generation: i64) -> Secret {
        token(&self.key, session, generation)
    }

    /// The token of `generation` with this hash once more; none when neither key made it.
    pub fn again(&self, session: &SessionId, generation: i64, hash: &str) -> Option<Secret> {
        let made = |key: &Vec<u8>| token(key, session, generation);
        let keys = std::iter::once(&self.key).chain(&self.previous);
        keys.map(made).find(|token| digest(token.expose()) == hash)
    }

    /// What a token says of itself, if it has the shape of one.
    pub fn read(&self, token: &str) -> Option<Named> {
        let mut parts = token.strip_prefix("r_")?.split('.');
        let session = SessionId::from(parts.next()?);
        let generation = parts.next()?.parse().ok()?;
        let tag = URL_SAFE_NO_PAD.decode(parts.next()?).ok()?;
        let made_with = |key: &Vec<u8>| same(&tag, &mac(key, &session, generation));
        let is_proven = made_with(&self.key) || self.previous.as_ref().is_some_and(made_with);
        parts.next().is_none().then_some(Named { session, generation, is_proven })
    }
}

fn token(key: &[u8], session: &SessionId, generation: i64) -> Secret {
    let mac = URL_SAFE_NO_PAD.encode(mac(key, session, generation));
    Secret::new(format!("r_{session}.{generation}.{mac}"))
}

fn mac(key: &[u8], session: &SessionId, generation: i64) -> [u8; 32] {
    tag(key, &[session.as_str().as_bytes(), &generation.to_be_bytes()])
}

fn cookie_mac(key: &[u8], session: &SessionId) -> [u8; 32] {
    tag(key, &[b"cookie:", session.as_str().as_bytes()])
}

pub(super) fn tag(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("an HMAC key may have any length");
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
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

/// Whether somebody presents this secret. The time tells neither what it is nor how long.
pub fn is_same_secret(secret: &Secret, presented: &str) -> bool {
    same(digest(secret.expose()).as_bytes(), digest(presented).as_bytes())
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
        let key = RefreshKey::new(b"new", None);
        let session = SessionId::from("s_1");
        let token = key.token(&session, 3);

        let named =
            |generation, is_proven| Some(Named { session: session.clone(), generation, is_proven });
        assert_eq!(key.read(token.expose()), named(3, true));
        assert_eq!(key.read(&token.expose().replace(".3.", ".4.")), named(4, false));
        assert_eq!(RefreshKey::new(b"other", None).read(token.expose()), named(3, false));
        let rotated = RefreshKey::new(b"newer", Some(b"new"));
        assert_eq!(rotated.read(token.expose()), named(3, true));
        assert_eq!(key.read("r_s_1.3"), None);
    }

    #[test]
    fn a_token_is_made_again_by_the_key_that_made_it() {
        let (session, old) = (SessionId::from("s_1"), RefreshKey::new(b"old", None));
        let token = old.token(&session, 3);
        let hash = digest(token.expose());
        let again =
            |key: &RefreshKey| key.again(&session, 3, &hash).map(|token| token.expose().to_owned());

        assert_eq!(again(&old).as_deref(), Some(token.expose()));
        assert_eq!(again(&RefreshKey::new(b"new", Some(b"old"))).as_deref(), Some(token.expose()));
        assert_eq!(again(&RefreshKey::new(b"new", None)), None);
    }

    #[test]
    fn a_cookie_is_the_same_at_any_time_and_outlives_one_change_of_the_key() {
        let (old, session) = (RefreshKey::new(b"new", None), SessionId::from("s_1"));
        let cookie = old.cookie(&session);
        assert_eq!(old.cookie(&session).expose(), cookie.expose());

        let rotated = RefreshKey::new(b"newer", Some(b"new"));
        assert!(rotated.made_cookie(&session, cookie.expose()));
        assert!(!rotated.made_cookie(&"s_2".into(), cookie.expose()));
        assert!(!RefreshKey::new(b"other", None).made_cookie(&session, cookie.expose()));
        assert!(!old.made_cookie(&session, ""));
    }

    #[test]
    fn a_digest_is_the_hex_sha_256() {
        let expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(digest("abc"), expected);
    }
}
