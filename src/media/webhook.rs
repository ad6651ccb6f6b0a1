//! What the media server tells by itself, and whether it was the server.
//!
//! A body is believed when the token in `Authorization`, which stands there bare, is signed with the
//! secret of the API and names the hash of exactly these bytes. Bodies are the opposite of answers:
//! `camelCase`, with empty fields left out. They hold secrets of rooms and are never logged.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde::{Deserialize, Deserializer};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use crate::domain::consultations::issue::Issue;
use crate::domain::secret::Secret;
use crate::domain::time::Timestamp;
use crate::error::{Kind, Result, Unauthenticated};

/// Seconds by which two clocks may differ.
const LEEWAY: u64 = 30;

/// Reads what the server tells.
pub struct Webhooks {
    key: DecodingKey,
    rules: Validation,
}

/// Something that happened at the media server.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Told {
    /// `room_finished`, `participant_joined`, …
    pub event: String,
    /// The same when it is told again.
    pub id: String,
    pub room: Option<Room>,
    pub participant: Option<Participant>,
    pub egress_info: Option<Egress>,
}

/// The room it happened in.
#[derive(Debug, Clone, Deserialize)]
pub struct Room {
    #[serde(default)]
    pub name: String,
    /// Another one each time a room of that name opens.
    pub sid: Option<String>,
}

/// Whom it happened to.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Participant {
    #[serde(default)]
    pub identity: String,
    #[serde(default)]
    pub metadata: String,
    /// Of the token they came by.
    #[serde(default)]
    pub attributes: Issue,
    /// Milliseconds since 1970; one connection of somebody is told from the next by it.
    #[serde(default, deserialize_with = "text_or_number")]
    pub joined_at_ms: i64,
    /// `EGRESS`, `AGENT`, …; absent for people.
    pub kind: Option<String>,
}

/// A recording, as it is told or answered.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Egress {
    #[serde(default, alias = "egress_id")]
    pub egress_id: String,
    /// `EGRESS_ACTIVE`, `EGRESS_COMPLETE`, …; empty where `EGRESS_STARTING` is left out.
    #[serde(default)]
    pub status: String,
    /// What was asked for.
    #[serde(alias = "room_composite")]
    room_composite: Option<RoomComposite>,
    #[serde(default, alias = "file_results")]
    pub file_results: Vec<File>,
    /// The one file, as older servers tell it.
    pub file: Option<File>,
}

/// A film of a whole room, as it was asked for.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
struct RoomComposite {
    #[serde(default, alias = "file_outputs")]
    file_outputs: Vec<FileOutput>,
}

/// Where a film goes.
#[derive(Debug, Clone, Deserialize)]
struct FileOutput {
    #[serde(default)]
    filepath: String,
}

/// A film that was written.
#[derive(Debug, Clone, Deserialize)]
pub struct File {
    /// In bytes.
    #[serde(default, deserialize_with = "text_or_number")]
    pub size: i64,
    /// In nanoseconds.
    #[serde(default, deserialize_with = "text_or_number")]
    pub duration: i64,
}

#[derive(Deserialize)]
struct Claims {
    sha256: String,
}

impl Participant {
    /// When this connection of theirs began.
    pub fn at(&self) -> Timestamp {
        Timestamp(self.joined_at_ms)
    }
}

impl Egress {
    /// The film, where one was written.
    pub fn film(&self) -> Option<&File> {
        self.file_results.first().or(self.file.as_ref())
    }

    /// The key of the film it was asked for, by which it is known before its id is.
    pub fn filepath(&self) -> Option<&str> {
        let asked = self.room_composite.as_ref()?.file_outputs.first()?;
        Some(asked.filepath.as_str())
    }

    /// Whether it films, or is about to.
    pub fn is_filming(&self) -> bool {
        matches!(self.status.as_str(), "" | "EGRESS_STARTING" | "EGRESS_ACTIVE")
    }
}

impl Webhooks {
    pub fn new(key: &Secret, secret: &Secret) -> Self {
        let mut rules = Validation::new(Algorithm::HS256);
        rules.leeway = LEEWAY;
        rules.validate_nbf = true;
        rules.set_issuer(&[key.expose()]);
        rules.set_required_spec_claims(&["exp", "iss"]);
        Self { key: DecodingKey::from_secret(secret.expose().as_bytes()), rules }
    }

    /// What is told by the server itself.
    pub fn read(&self, authorization: &str, body: &[u8]) -> Result<Told> {
        let refused = || Kind::Unauthenticated(Unauthenticated::Signature);
        let token = jsonwebtoken::decode::<Claims>(authorization, &self.key, &self.rules)
            .map_err(|_| refused())?;
        let hash = STANDARD.decode(token.claims.sha256).unwrap_or_default();
        if !bool::from(hash.as_slice().ct_eq(Sha256::digest(body).as_slice())) {
            return Err(refused().into());
        }
        serde_json::from_slice(body)
            .map_err(|_| Kind::Malformed("not an event of the media server".into()).into())
    }
}

/// Numbers of 64 bits travel as texts.
fn text_or_number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i64, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Number {
        Text(String),
        Plain(i64),
    }
    match Number::deserialize(deserializer)? {
        Number::Text(text) => text.parse().map_err(serde::de::Error::custom),
        Number::Plain(number) => Ok(number),
    }
}
