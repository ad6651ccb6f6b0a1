//! What the database keeps for the server alone: sealed texts, and marks instead of what they stand
//! for.
//!
//! The keys follow from the server's secret, so whoever has only the tables, or a backup of them,
//! neither reads a sealed text nor tries guesses against a mark.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};

use super::opaque::{same, tag};
use crate::error::{Error, Result};

/// Seals and marks by the present secret, and reads what the previous one left. Cheap to clone.
#[derive(Clone)]
pub struct Seal(Arc<Vec<Keys>>);

struct Keys {
    /// Names the secret in a mark, so that one of a secret that is gone is told from a false one.
    id: String,
    cipher: LessSafeKey,
    marking: [u8; 32],
}

impl Seal {
    pub fn new(secret: &[u8], previous: Option<&[u8]>) -> Self {
        Self(Arc::new(std::iter::once(secret).chain(previous).map(Keys::of).collect()))
    }

    /// Seals a text for one place; nowhere else it opens.
    pub fn close(&self, text: &str, place: &str) -> Result<String> {
        let nonce: [u8; NONCE_LEN] = rand::random();
        let mut sealed = text.as_bytes().to_vec();
        self.present()
            .cipher
            .seal_in_place_append_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(place),
                &mut sealed,
            )
            .map_err(|_| Error::internal("a text is too long to seal"))?;
        Ok(URL_SAFE_NO_PAD.encode([&nonce[..], &sealed].concat()))
    }

    /// The text that was sealed for this place; none when it was not, or its secret is gone.
    pub fn open(&self, sealed: &str, place: &str) -> Option<String> {
        let bytes = URL_SAFE_NO_PAD.decode(sealed).ok()?;
        let (nonce, sealed) = bytes.split_first_chunk::<NONCE_LEN>()?;
        self.0.iter().find_map(|keys| {
            let mut text = sealed.to_vec();
            let nonce = Nonce::assume_unique_for_key(*nonce);
            let opened = keys.cipher.open_in_place(nonce, Aad::from(place), &mut text).ok()?;
            String::from_utf8(opened.to_vec()).ok()
        })
    }

    /// What stands for these parts in a table: the same at any time, and on every node.
    pub fn mark(&self, parts: &[&[u8]]) -> String {
        let keys = self.present();
        format!("{}.{}", keys.id, URL_SAFE_NO_PAD.encode(keys.mark(parts)))
    }

    /// Whether a mark stands for these parts; none when its secret is gone.
    pub fn is_mark_of(&self, mark: &str, parts: &[&[u8]]) -> Option<bool> {
        let (id, mark) = mark.split_once('.')?;
        let keys = self.0.iter().find(|keys| keys.id == id)?;
        Some(URL_SAFE_NO_PAD.decode(mark).is_ok_and(|mark| same(&mark, &keys.mark(parts))))
    }

    fn present(&self) -> &Keys {
        self.0.first().expect("there is a present secret")
    }
}

impl Keys {
    /// Keyed apart from everything else that follows from the secret, and from each other.
    fn of(secret: &[u8]) -> Self {
        let apart = |purpose: &str| tag(secret, &[b"latido seal v1:", purpose.as_bytes()]);
        let cipher = UnboundKey::new(&AES_256_GCM, &apart("cipher"));
        Self {
            id: URL_SAFE_NO_PAD.encode(&apart("id")[..6]),
            cipher: LessSafeKey::new(cipher.expect("a key of AES-256 has 32 bytes")),
            marking: apart("mark"),
        }
    }

    fn mark(&self, parts: &[&[u8]]) -> [u8; 32] {
        // Each with its length, so that two lists never read alike.
        let lengths: Vec<_> = parts.iter().map(|part| part.len().to_be_bytes()).collect();
        let framed = lengths.iter().zip(parts).flat_map(|(length, part)| [&length[..], part]);
        tag(&self.marking, &framed.collect::<Vec<_>>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sealed_text_opens_in_its_place_and_outlives_one_change_of_the_secret() {
        let old = Seal::new(b"old", None);
        let sealed = old.close("ñandú", "row 1").unwrap();

        assert!(!sealed.contains("ñandú"));
        assert_ne!(sealed, old.close("ñandú", "row 1").unwrap());
        assert_eq!(old.open(&sealed, "row 1").as_deref(), Some("ñandú"));
        assert_eq!(old.open(&sealed, "row 2"), None);
        assert_eq!(old.open(&sealed[1..], "row 1"), None);
        assert_eq!(old.open("", "row 1"), None);
        let rotated = Seal::new(b"new", Some(b"old"));
        assert_eq!(rotated.open(&sealed, "row 1").as_deref(), Some("ñandú"));
        assert_eq!(Seal::new(b"new", None).open(&sealed, "row 1"), None);
    }

    #[test]
    fn a_mark_stands_for_its_parts_alone_while_its_secret_is_known() {
        let old = Seal::new(b"old", None);
        let mark = old.mark(&[b"ab", b"c"]);

        assert_eq!(old.mark(&[b"ab", b"c"]), mark);
        assert_eq!(old.is_mark_of(&mark, &[b"ab", b"c"]), Some(true));
        assert_eq!(old.is_mark_of(&mark, &[b"a", b"bc"]), Some(false));
        assert_eq!(old.is_mark_of(&mark[..20], &[b"ab", b"c"]), Some(false));
        let rotated = Seal::new(b"new", Some(b"old"));
        assert_eq!(rotated.is_mark_of(&mark, &[b"ab", b"c"]), Some(true));
        assert_ne!(rotated.mark(&[b"ab", b"c"]), mark);
        assert_eq!(Seal::new(b"new", None).is_mark_of(&mark, &[b"ab", b"c"]), None);
    }
}
