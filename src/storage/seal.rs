//! Encryption at rest: AES-256-GCM in segments, so that neither end holds a whole file.
//!
//! Every file has a random nonce of 32 bytes, from which and the node's key HKDF makes the key of
//! this one file; so no two files share a key, and segments can be counted. A segment is bound to the
//! file's id, to its place, and by the last one's mark to the length of the whole: none can be moved,
//! left out or added.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::BytesMut;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, MAX_TAG_LEN, Nonce, UnboundKey};
use ring::hkdf::{HKDF_SHA256, Salt};

use crate::domain::id::FileId;
use crate::error::{Error, Result};

/// Plain bytes of a segment; the last one may have fewer.
pub(super) const SEGMENT: u64 = 64 * 1024;
/// What a segment gains.
pub(super) const TAG: u64 = MAX_TAG_LEN as u64;

const NONCE: usize = 32;

/// Makes the keys of files.
pub(super) struct Key([u8; 32]);

/// Seals and opens the segments of one file.
pub(super) struct Seal {
    key: LessSafeKey,
    id: FileId,
    nonce: String,
}

impl Key {
    pub(super) fn new(bytes: &[u8; 32]) -> Self {
        Self(*bytes)
    }

    /// For a file that is new.
    pub(super) fn of_new(&self, id: &FileId) -> Result<Seal> {
        self.of(id, rand::random())
    }

    /// For a file that was kept with this nonce.
    pub(super) fn of_kept(&self, id: &FileId, nonce: &str) -> Result<Seal> {
        let bytes = URL_SAFE_NO_PAD.decode(nonce).map_err(Error::internal)?;
        let bytes = bytes.try_into().map_err(|_| Error::internal("a nonce has another length"))?;
        self.of(id, bytes)
    }

    fn of(&self, id: &FileId, nonce: [u8; NONCE]) -> Result<Seal> {
        let derived = Salt::new(HKDF_SHA256, &nonce).extract(&self.0);
        let purpose = [b"latido file".as_slice()];
        let key = derived.expand(&purpose, &AES_256_GCM).map(UnboundKey::from);
        let key = LessSafeKey::new(key.map_err(|_| Error::internal("no key for a file"))?);
        Ok(Seal { key, id: id.clone(), nonce: URL_SAFE_NO_PAD.encode(nonce) })
    }
}

impl Seal {
    /// To be kept with the file.
    pub(super) fn nonce(&self) -> &str {
        &self.nonce
    }

    pub(super) fn close(&self, place: u64, is_last: bool, segment: &mut BytesMut) -> Result<()> {
        let tag = self
            .key
            .seal_in_place_separate_tag(counted(place, is_last), self.bound(), segment)
            .map_err(|_| Error::internal("a segment could not be sealed"))?;
        segment.extend_from_slice(tag.as_ref());
        Ok(())
    }

    /// Fails when the bytes are not those that were closed there.
    pub(super) fn open(&self, place: u64, is_last: bool, segment: &mut BytesMut) -> Result<()> {
        let plain = self
            .key
            .open_in_place(counted(place, is_last), self.bound(), segment)
            .map_err(|_| Error::internal("the bytes of a file are not the ones that were kept"))?
            .len();
        segment.truncate(plain);
        Ok(())
    }

    fn bound(&self) -> Aad<&[u8]> {
        Aad::from(self.id.as_str().as_bytes())
    }
}

/// Used once under a file's own key.
fn counted(place: u64, is_last: bool) -> Nonce {
    let mut nonce = [0; 12];
    nonce[..8].copy_from_slice(&place.to_be_bytes());
    nonce[8] = u8::from(is_last);
    Nonce::assume_unique_for_key(nonce)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sealed(seal: &Seal, place: u64, is_last: bool) -> BytesMut {
        let mut segment = BytesMut::from(&b"a finding"[..]);
        seal.close(place, is_last, &mut segment).unwrap();
        segment
    }

    #[test]
    fn a_segment_opens_only_where_it_was_closed() {
        let (key, id) = (Key::new(&[7; 32]), FileId::from("f_1"));
        let seal = key.of_new(&id).unwrap();
        let opens = |key: &Key, id: &str, nonce: &str, place, is_last| {
            let mut segment = sealed(&seal, 3, true);
            let other = key.of_kept(&FileId::from(id), nonce).unwrap();
            other.open(place, is_last, &mut segment).map(|()| segment)
        };

        assert_eq!(opens(&key, "f_1", seal.nonce(), 3, true).unwrap(), &b"a finding"[..]);
        let another = key.of_new(&id).unwrap();
        assert!(opens(&Key::new(&[8; 32]), "f_1", seal.nonce(), 3, true).is_err());
        assert!(opens(&key, "f_2", seal.nonce(), 3, true).is_err());
        assert!(opens(&key, "f_1", another.nonce(), 3, true).is_err());
        assert!(opens(&key, "f_1", seal.nonce(), 2, true).is_err());
        assert!(opens(&key, "f_1", seal.nonce(), 3, false).is_err());
    }

    #[test]
    fn a_changed_byte_is_found() {
        let seal = Key::new(&[7; 32]).of_new(&FileId::from("f_1")).unwrap();
        for at in 0..sealed(&seal, 0, true).len() {
            let mut segment = sealed(&seal, 0, true);
            segment[at] ^= 1;
            assert!(seal.open(0, true, &mut segment).is_err(), "{at}");
        }
    }
}
