//! Keys and signed texts of somebody who is not the node under test.

use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use p256::SecretKey;
use p256::pkcs8::{EncodePrivateKey as _, EncodePublicKey as _, LineEnding};
use serde_json::{Value, json};

/// PKCS#1 of an RSA key that was made for these tests and opens nothing.
const RSA: &str = include_str!("rsa.txt");

/// A text in a file of its own, gone when dropped.
pub(crate) struct File(PathBuf);

impl File {
    pub(crate) fn with(text: impl AsRef<[u8]>) -> Self {
        let path = std::env::temp_dir().join(format!("latido-{}.pem", uuid::Uuid::now_v7()));
        std::fs::write(&path, text).unwrap();
        Self(path)
    }

    pub(crate) fn path(&self) -> &str {
        self.0.to_str().unwrap()
    }
}

impl Drop for File {
    fn drop(&mut self) {
        // What is left behind lies in the temporary directory.
        drop(std::fs::remove_file(Path::new(&self.0)));
    }
}

/// A P-256 key, always the same for a seed.
pub(crate) fn elliptic(seed: u8) -> SecretKey {
    SecretKey::from_slice(&[seed; 32]).unwrap()
}

pub(crate) fn private_pem(key: &SecretKey) -> String {
    key.to_pkcs8_pem(LineEnding::LF).unwrap().to_string()
}

pub(crate) fn public_pem(key: &SecretKey) -> String {
    key.public_key().to_public_key_pem(LineEnding::LF).unwrap()
}

/// The private PEM of an Ed25519 key: a fixed prefix and the seed (RFC 8410).
pub(crate) fn edwards_pem(seed: u8) -> String {
    let prefix = b"\x30\x2e\x02\x01\x00\x30\x05\x06\x03\x2b\x65\x70\x04\x22\x04\x20";
    let (rule, body) = ("-----", STANDARD.encode([&prefix[..], &[seed; 32]].concat()));
    format!("{rule}BEGIN PRIVATE KEY{rule}\n{body}\n{rule}END PRIVATE KEY{rule}\n")
}

/// Somebody who signs, and how a key set shows their key.
pub(crate) struct Signer {
    key: EncodingKey,
    algorithm: Algorithm,
    kid: Option<&'static str>,
}

impl Signer {
    pub(crate) fn secret(secret: &str) -> Self {
        let key = EncodingKey::from_secret(secret.as_bytes());
        Self { key, algorithm: Algorithm::HS256, kid: None }
    }

    pub(crate) fn elliptic(kid: &'static str, seed: u8) -> Self {
        let der = elliptic(seed).to_pkcs8_der().unwrap();
        let key = EncodingKey::from_ec_der(der.as_bytes());
        Self { key, algorithm: Algorithm::ES256, kid: Some(kid) }
    }

    pub(crate) fn rsa(kid: &'static str) -> Self {
        let der = STANDARD.decode(RSA.split_whitespace().collect::<String>()).unwrap();
        Self { key: EncodingKey::from_rsa_der(&der), algorithm: Algorithm::RS256, kid: Some(kid) }
    }

    pub(crate) fn sign(&self, claims: &Value) -> String {
        let header = Header { kid: self.kid.map(str::to_owned), ..Header::new(self.algorithm) };
        self.sign_with(&header, claims)
    }

    pub(crate) fn sign_with(&self, header: &Header, claims: &Value) -> String {
        jsonwebtoken::encode(header, claims, &self.key).unwrap()
    }

    /// The public key as one of a set.
    pub(crate) fn published(&self) -> Value {
        let jwk = Jwk::from_encoding_key(&self.key, self.algorithm).unwrap();
        let mut jwk = serde_json::to_value(jwk).unwrap();
        jwk["kid"] = json!(self.kid);
        jwk["use"] = json!("sig");
        jwk
    }
}

/// A set of such keys.
pub(crate) fn key_set(signers: &[&Signer]) -> Value {
    json!({ "keys": signers.iter().map(|signer| signer.published()).collect::<Vec<_>>() })
}
