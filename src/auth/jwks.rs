//! The public keys of a provider, fetched from one fixed address and kept.
//!
//! Whoever can send tokens can name key ids, so a token never causes more than one request a
//! minute: an id that was not found is not asked for again before that, and callers who wait for
//! the same answer share it. Keys once fetched go on working while the provider does not answer.

use std::sync::Arc;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey};
use parking_lot::RwLock;
use serde::Deserialize;
use serde_json::Value;
use tokio::sync::Mutex;
use tokio::task::JoinHandle;
use tracing::warn;

use crate::error::{Error, Kind, Result, Unauthenticated};
use crate::outgoing::{self, Client, Failure};

/// The whole of a request for the set.
const PATIENCE: Duration = Duration::from_secs(5);
/// At most one request in this time.
const EVERY: Duration = Duration::from_mins(1);
/// A set older than this is fetched again when next used, so that withdrawn keys go.
const FRESH_FOR: Duration = Duration::from_mins(10);
/// The largest set in bytes, and the most keys read from it.
const LIMIT: usize = 64 * 1024;
const MOST_KEYS: usize = 32;
/// The shortest RSA modulus in bytes (RFC 7518 §3.3).
const RSA_BYTES: usize = 256;
/// What callers are told failed.
const PROVIDER: &str = "the identity provider";

/// The keys behind one address. Cheap to clone.
#[derive(Clone)]
pub struct KeySet(Arc<Inner>);

struct Inner {
    url: String,
    client: Client,
    held: RwLock<Held>,
    /// Held by whoever asks the provider.
    turn: Mutex<()>,
}

/// What is known of the set.
#[derive(Default)]
struct Held {
    keys: Vec<Key>,
    asked: Option<Instant>,
    fetched: Option<Instant>,
    /// How the last request failed.
    failure: Option<Failure>,
}

/// One key and the algorithm it is for.
#[derive(Clone)]
struct Key {
    id: Option<String>,
    algorithm: Algorithm,
    verifying: DecodingKey,
}

impl KeySet {
    /// Asks nothing yet.
    pub fn new(url: &str) -> Result<Self> {
        Ok(Self(Arc::new(Inner {
            url: url.to_owned(),
            client: outgoing::client(PATIENCE)?,
            held: RwLock::default(),
            turn: Mutex::default(),
        })))
    }

    /// The keys for an algorithm that go by that id, or all of them when a token names none.
    ///
    /// Fails with [`Unauthenticated::Signature`] when the provider has no such key, and with the
    /// provider's failure when it could not be asked.
    pub(super) async fn find(
        &self,
        id: Option<&str>,
        algorithm: Algorithm,
    ) -> Result<Vec<DecodingKey>> {
        let (found, is_due) = {
            let held = self.0.held.read();
            (held.find(id, algorithm), held.is_stale(Instant::now()))
        };
        if !found.is_empty() {
            if is_due && self.0.turn.try_lock().is_ok() {
                drop(self.renew());
            }
            return Ok(found);
        }
        self.renew().await.map_err(Error::internal)?;
        let held = self.0.held.read();
        let found = held.find(id, algorithm);
        match &held.failure {
            _ if !found.is_empty() => Ok(found),
            Some(failure) => Err(failure.of(PROVIDER).into()),
            None => Err(Kind::Unauthenticated(Unauthenticated::Signature).into()),
        }
    }

    /// Asks the provider, unless it was asked within the last minute, by someone else perhaps who
    /// had the turn just now. Goes on when whoever waits for it goes away, or else a caller who
    /// hangs up would make room for the next request.
    fn renew(&self) -> JoinHandle<()> {
        let Self(set) = self.clone();
        tokio::spawn(async move {
            let _turn = set.turn.lock().await;
            let now = Instant::now();
            if !set.held.read().may_ask(now) {
                return;
            }
            let answer = fetch(&set.client, &set.url).await;
            if let Err(failure) = &answer {
                warn!(error = %failure, "public keys of the identity provider not fetched");
            }
            set.held.write().take(answer, now);
        })
    }
}

/// How many usable keys the address has, for `latido doctor`.
pub async fn count(url: &str) -> Result<usize, Failure> {
    let client = outgoing::client(PATIENCE).map_err(|error| Failure::Bad(error.to_string()))?;
    fetch(&client, url).await.map(|keys| keys.len())
}

impl Held {
    fn find(&self, id: Option<&str>, algorithm: Algorithm) -> Vec<DecodingKey> {
        let fits =
            |key: &&Key| key.algorithm == algorithm && (id.is_none() || key.id.as_deref() == id);
        self.keys.iter().filter(fits).map(|key| key.verifying.clone()).collect()
    }

    fn is_stale(&self, now: Instant) -> bool {
        self.fetched.is_none_or(|at| now.duration_since(at) >= FRESH_FOR) && self.may_ask(now)
    }

    fn may_ask(&self, now: Instant) -> bool {
        self.asked.is_none_or(|at| now.duration_since(at) >= EVERY)
    }

    fn take(&mut self, answer: Result<Vec<Key>, Failure>, asked: Instant) {
        self.asked = Some(asked);
        match answer {
            Ok(keys) => *self = Self { keys, fetched: Some(asked), failure: None, ..*self },
            Err(failure) => self.failure = Some(failure),
        }
    }
}

async fn fetch(client: &Client, url: &str) -> Result<Vec<Key>, Failure> {
    let answer = client.get(url).send().await?;
    if answer.status() != http::StatusCode::OK {
        return Err(Failure::Bad(format!("status {}", answer.status().as_u16())));
    }
    read(&outgoing::body(answer, LIMIT).await?)
}

/// The keys of a set that can be used here; what else is in it is passed over.
fn read(body: &[u8]) -> Result<Vec<Key>, Failure> {
    #[derive(Deserialize)]
    struct Set {
        keys: Vec<Value>,
    }
    let set: Set =
        serde_json::from_slice(body).map_err(|_| Failure::Bad("not a key set".into()))?;
    let keys = set.keys.into_iter().filter_map(|key| Key::of(serde_json::from_value(key).ok()?));
    Ok(keys.take(MOST_KEYS).collect())
}

impl Key {
    /// RSA and P-256 keys for signatures. Never a symmetric key: a public set cannot hold one.
    fn of(jwk: Jwk) -> Option<Self> {
        let algorithm = match &jwk.algorithm {
            AlgorithmParameters::RSA(key) if is_long(&key.n) => Algorithm::RS256,
            AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P256 => {
                Algorithm::ES256
            }
            _ => return None,
        };
        let is_for_this =
            jwk.common.key_algorithm.is_none_or(|named| named == KeyAlgorithm::from(algorithm));
        let is_for_signatures =
            jwk.common.public_key_use.as_ref().is_none_or(|used| *used == PublicKeyUse::Signature);
        if !is_for_this || !is_for_signatures {
            return None;
        }
        let verifying = DecodingKey::from_jwk(&jwk).ok()?;
        // Fails, rather than answering no, for coordinates that are no point of the curve.
        jsonwebtoken::crypto::verify("", b"", &verifying, algorithm).ok()?;
        Some(Self { id: jwk.common.key_id, algorithm, verifying })
    }
}

fn is_long(modulus: &str) -> bool {
    URL_SAFE_NO_PAD
        .decode(modulus)
        .is_ok_and(|n| n.iter().skip_while(|byte| **byte == 0).count() >= RSA_BYTES)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::keys::tests::{edwards, elliptic};
    use super::super::keys::{KeyPair, PublicKey};
    use super::*;

    fn published(id: &str, seed: u8) -> Value {
        let mut jwk =
            serde_json::to_value(PublicKey::from_pem(&elliptic(seed).1).unwrap().jwk).unwrap();
        jwk["kid"] = json!(id);
        jwk
    }

    fn keys(set: &[Value]) -> Vec<Key> {
        read(json!({ "keys": set }).to_string().as_bytes()).unwrap()
    }

    #[test]
    fn only_public_keys_of_two_kinds_are_taken_from_a_set() {
        let with = |changes: Value| {
            let mut key = published("a", 1);
            key.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
            key
        };
        let rsa = |bytes: usize| json!({"kty": "RSA", "e": "AQAB", "n": URL_SAFE_NO_PAD.encode(vec![0xc1; bytes])});
        let okp = KeyPair::from_pem(&edwards(1).0).unwrap().public.jwk;
        let refused = [
            with(json!({"use": "enc"})),
            with(json!({"alg": "ES384"})),
            with(json!({"y": "AAAA"})),
            json!({"kty": "oct", "alg": "HS256", "k": "c2VjcmV0"}),
            json!({"kty": "unheard of"}),
            json!(5),
            serde_json::to_value(okp).unwrap(),
            rsa(128),
        ];

        assert_eq!(keys(&refused).len(), 0);
        assert_eq!(keys(&[with(json!({"alg": null})), rsa(256)]).len(), 2);
        assert!(read(b"<html>").is_err());
        assert!(read(b"{}").is_err());
        assert_eq!(keys(&vec![published("a", 1); 99]).len(), MOST_KEYS);
    }

    #[test]
    fn a_provider_is_asked_once_a_minute_whatever_it_answers() {
        let mut held = Held::default();
        let start = Instant::now();
        let after = |seconds| start + Duration::from_secs(seconds);
        assert!(held.may_ask(start));

        held.take(Err(Failure::TimedOut), start);
        assert!(!held.may_ask(after(59)));
        assert!(held.may_ask(after(60)));

        held.take(Ok(keys(&[published("a", 1)])), after(60));
        assert!(!held.may_ask(after(119)));
        assert!(!held.is_stale(after(659)));
        assert!(held.is_stale(after(660)));
    }

    #[test]
    fn a_failure_leaves_the_keys_and_an_answer_replaces_them() {
        let mut held = Held::default();
        let now = Instant::now();
        let knows = |held: &Held, id| !held.find(Some(id), Algorithm::ES256).is_empty();

        held.take(Ok(keys(&[published("a", 1)])), now);
        held.take(Err(Failure::TimedOut), now);
        assert!(knows(&held, "a") && held.failure.is_some());

        held.take(Ok(keys(&[published("b", 2)])), now);
        assert!(!knows(&held, "a") && knows(&held, "b") && held.failure.is_none());
        assert_eq!(held.find(None, Algorithm::ES256).len(), 1);
        assert_eq!(held.find(Some("b"), Algorithm::RS256).len(), 0);
    }
}
