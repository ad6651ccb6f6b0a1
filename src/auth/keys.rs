//! The asymmetric keys of access tokens, as PEM files hold them and as a key set publishes them.
//!
//! A key decides the algorithm: P-256 signs by ES256, Ed25519 by `EdDSA`. Its id is the thumbprint
//! of RFC 7638, so a key goes by one name whether it is the current or the previous one.

use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, PublicKeyUse, ThumbprintHash};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey};
use p256::SecretKey;
use p256::pkcs8::{DecodePrivateKey as _, EncodePrivateKey as _};
use rustls_pki_types::PrivateKeyDer;
use rustls_pki_types::pem::PemObject as _;

/// A key that signs, and its public half.
#[derive(Clone)]
pub struct KeyPair {
    pub(super) signing: EncodingKey,
    pub(super) public: PublicKey,
}

/// A key that verifies.
#[derive(Clone)]
pub struct PublicKey {
    pub(super) id: String,
    pub(super) algorithm: Algorithm,
    pub(super) verifying: DecodingKey,
    /// As `/.well-known/jwks.json` shows it.
    pub(super) jwk: Jwk,
}

/// What a file holds is no key of the accepted kinds. Says nothing of what it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it must hold the PEM of a P-256 or Ed25519 {0} key")]
pub struct NotAKey(&'static str);

impl KeyPair {
    /// Reads PKCS#8, and for P-256 also the SEC 1 form that `openssl ecparam -genkey` writes.
    pub fn from_pem(pem: &[u8]) -> Result<Self, NotAKey> {
        const REFUSED: NotAKey = NotAKey("private");
        let der = PrivateKeyDer::from_pem_slice(pem).map_err(|_| REFUSED)?;
        let elliptic = match &der {
            PrivateKeyDer::Sec1(der) => {
                Some(SecretKey::from_sec1_der(der.secret_sec1_der()).map_err(|_| REFUSED)?)
            }
            other => SecretKey::from_pkcs8_der(other.secret_der()).ok(),
        };
        let (signing, algorithm) = match elliptic {
            Some(secret) => {
                let der = secret.to_pkcs8_der().map_err(|_| REFUSED)?;
                (EncodingKey::from_ec_der(der.as_bytes()), Algorithm::ES256)
            }
            None => (EncodingKey::from_ed_der(der.secret_der()), Algorithm::EdDSA),
        };
        let jwk = Jwk::from_encoding_key(&signing, algorithm).map_err(|_| REFUSED)?;
        let public = PublicKey::from_jwk(jwk, algorithm).ok_or(REFUSED)?;
        Ok(Self { signing, public })
    }
}

impl PublicKey {
    /// Reads the form that `openssl pkey -pubout` writes.
    pub fn from_pem(pem: &[u8]) -> Result<Self, NotAKey> {
        const REFUSED: NotAKey = NotAKey("public");
        let (key, algorithm) = DecodingKey::from_ec_pem(pem)
            .map(|key| (key, Algorithm::ES256))
            .or_else(|_| DecodingKey::from_ed_pem(pem).map(|key| (key, Algorithm::EdDSA)))
            .map_err(|_| REFUSED)?;
        let jwk = Jwk::from_decoding_key(&key, Some(algorithm)).map_err(|_| REFUSED)?;
        Self::from_jwk(jwk, algorithm).ok_or(REFUSED)
    }

    /// None unless the key can verify by that algorithm.
    fn from_jwk(mut jwk: Jwk, algorithm: Algorithm) -> Option<Self> {
        if let AlgorithmParameters::EllipticCurve(point) = &jwk.algorithm
            && point.curve != EllipticCurve::P256
        {
            return None;
        }
        let id = jwk.thumbprint(ThumbprintHash::SHA256).ok()?;
        let verifying = DecodingKey::from_jwk(&jwk).ok()?;
        // Fails, rather than answering no, for coordinates that are no point of the curve.
        jsonwebtoken::crypto::verify("", b"", &verifying, algorithm).ok()?;
        jwk.common.key_id = Some(id.clone());
        jwk.common.public_key_use = Some(PublicKeyUse::Signature);
        Some(Self { id, algorithm, verifying, jwk })
    }
}

#[cfg(test)]
pub(super) mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
    use p256::pkcs8::{EncodePublicKey as _, LineEnding};

    use super::*;

    /// A P-256 key as its private PEM and its public PEM.
    pub(crate) fn elliptic(seed: u8) -> (Vec<u8>, Vec<u8>) {
        let secret = SecretKey::from_slice(&[seed; 32]).unwrap();
        let public = secret.public_key().to_public_key_pem(LineEnding::LF).unwrap();
        let private = secret.to_pkcs8_pem(LineEnding::LF).unwrap();
        (private.as_bytes().to_vec(), public.into_bytes())
    }

    /// An Ed25519 key as its private PEM and its public PEM.
    pub(crate) fn edwards(seed: u8) -> (Vec<u8>, Vec<u8>) {
        // Both forms are a fixed prefix and 32 bytes (RFC 8410).
        let prefix = b"\x30\x2e\x02\x01\x00\x30\x05\x06\x03\x2b\x65\x70\x04\x22\x04\x20";
        let private = armored("PRIVATE", &[&prefix[..], &[seed; 32]].concat());
        let pair = KeyPair::from_pem(&private).unwrap();
        let AlgorithmParameters::OctetKeyPair(parameters) = pair.public.jwk.algorithm else {
            panic!("not an Edwards curve");
        };
        let point = URL_SAFE_NO_PAD.decode(parameters.x).unwrap();
        let prefix = b"\x30\x2a\x30\x05\x06\x03\x2b\x65\x70\x03\x21\x00";
        (private, armored("PUBLIC", &[&prefix[..], &point].concat()))
    }

    fn armored(kind: &str, der: &[u8]) -> Vec<u8> {
        let (rule, body) = ("-----", STANDARD.encode(der));
        format!("{rule}BEGIN {kind} KEY{rule}\n{body}\n{rule}END {kind} KEY{rule}\n").into_bytes()
    }

    #[test]
    fn a_key_has_one_id_as_pair_and_as_public_half() {
        for ((private, public), algorithm) in
            [(elliptic(3), Algorithm::ES256), (edwards(3), Algorithm::EdDSA)]
        {
            let pair = KeyPair::from_pem(&private).unwrap();
            let public = PublicKey::from_pem(&public).unwrap();

            assert_eq!((&pair.public.id, &pair.public.jwk), (&public.id, &public.jwk));
            assert_eq!((pair.public.algorithm, public.algorithm), (algorithm, algorithm));
        }
    }

    #[test]
    fn an_elliptic_key_may_come_in_the_older_form_after_its_parameters() {
        let secret = SecretKey::from_slice(&[3; 32]).unwrap();
        let rule = "-----";
        let parameters = format!(
            "{rule}BEGIN EC PARAMETERS{rule}\nBggqhkjOPQMBBw==\n{rule}END EC PARAMETERS{rule}\n"
        );
        let older = parameters + &secret.to_sec1_pem(LineEnding::LF).unwrap();

        let pair = KeyPair::from_pem(older.as_bytes()).unwrap();

        assert_eq!(pair.public.id, KeyPair::from_pem(&elliptic(3).0).unwrap().public.id);
    }

    #[test]
    fn anything_else_is_refused_without_being_shown() {
        let (private, public) = elliptic(3);
        let off_curve = {
            let key = DecodingKey::from_ec_pem(&public).unwrap();
            let mut point = key.try_get_as_bytes().unwrap().to_vec();
            point[64] ^= 1;
            let prefix = b"\x30\x59\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07\x03\x42\x00";
            armored("PUBLIC", &[&prefix[..], &point].concat())
        };
        let short = armored("PUBLIC", b"\x30\x0b\x30\x05\x06\x03\x2b\x65\x70\x03\x02\x00\x07");

        for pem in [&public[..], b"", b"hunter2", &armored("PRIVATE", b"hunter2")] {
            assert_eq!(KeyPair::from_pem(pem).err(), Some(NotAKey("private")));
        }
        for pem in [&private[..], b"", b"hunter2", &off_curve, &short] {
            assert_eq!(PublicKey::from_pem(pem).err(), Some(NotAKey("public")));
        }
    }
}
