//! One call of the media server's Twirp API: JSON over HTTP, signed anew each time.
//!
//! What the server answers may hold secrets of its rooms and metadata of people, so of a refusal only its
//! code is logged.

use std::time::Duration;

use jsonwebtoken::{Algorithm, EncodingKey, Header};
use metrics::counter;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tracing::warn;

use crate::domain::secret::Secret;
use crate::domain::time::Timestamp;
use crate::error::{Error, Kind, Result};
use crate::outgoing::{self, Client, Failure};
use crate::telemetry::names;

/// What callers are told that failed.
pub(super) const SERVICE: &str = "media server";
/// How long the server may take for what is not slow by itself.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);
/// How long the token of one call lives.
const LIFE: Duration = Duration::from_mins(1);
/// The largest answer in bytes.
const LIMIT: usize = 4 * 1024 * 1024;

/// The way to the server.
#[derive(Clone)]
pub(super) struct Twirp {
    /// Without a slash at the end.
    url: String,
    key: Secret,
    signing: EncodingKey,
    client: Client,
}

/// One call.
pub(super) struct Call {
    /// Service and method, as in `RoomService/CreateRoom`.
    pub method: &'static str,
    /// The rights the call needs, in the words of the server.
    pub grants: Value,
    pub body: Value,
    pub patience: Duration,
}

/// Why a call came to nothing.
#[derive(Debug)]
pub(super) enum Refusal {
    /// There is no such room, participant or recording.
    NotFound,
    /// The server does not do that, as it is set up or as things are.
    Untenable,
    Failed(Failure),
}

#[derive(Deserialize)]
struct Problem {
    code: String,
}

impl Twirp {
    pub(super) fn new(url: &str, key: &Secret, secret: &Secret) -> Result<Self> {
        Ok(Self {
            url: url.to_owned(),
            key: key.clone(),
            signing: EncodingKey::from_secret(secret.expose().as_bytes()),
            client: outgoing::client(PATIENCE)?,
        })
    }

    pub(super) async fn call<T: DeserializeOwned>(&self, call: Call) -> Result<T, Refusal> {
        let op = call.method.rsplit('/').next().unwrap_or_default();
        let answer = self.ask(call).await;
        let status = answer.as_ref().err().map_or("ok", Refusal::label);
        counter!(names::LIVEKIT_REQUESTS, "op" => op, "status" => status).increment(1);
        answer
    }

    async fn ask<T: DeserializeOwned>(&self, call: Call) -> Result<T, Refusal> {
        let answer = self
            .client
            .post(format!("{}/twirp/livekit.{}", self.url, call.method))
            .bearer_auth(self.token(&call.grants).map_err(|error| bad(&error.to_string()))?)
            .json(&call.body)
            .timeout(call.patience)
            .send()
            .await
            .map_err(Failure::from)?;
        let status = answer.status();
        let body = outgoing::body(answer, LIMIT).await?;
        if status.is_success() {
            return serde_json::from_slice(&body).map_err(|_| bad("another form"));
        }
        let code = serde_json::from_slice(&body).map(|problem: Problem| problem.code);
        match code.as_deref() {
            Ok("not_found") => Err(Refusal::NotFound),
            Ok("failed_precondition") => Err(Refusal::Untenable),
            Ok("deadline_exceeded") => Err(Refusal::Failed(Failure::TimedOut)),
            Ok(code) if is_word(code) => Err(bad(code)),
            _ => Err(bad(&format!("status {}", status.as_u16()))),
        }
    }

    fn token(&self, grants: &Value) -> Result<String> {
        let now = Timestamp::now();
        let claims = json!({ "iss": self.key.expose(), "nbf": now.seconds(),
            "exp": now.plus(LIFE).seconds(), "video": grants });
        jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &self.signing)
            .map_err(Error::internal)
    }
}

impl Refusal {
    /// How it is counted.
    fn label(&self) -> &'static str {
        match self {
            Self::NotFound => "not_found",
            Self::Failed(Failure::TimedOut) => "timeout",
            Self::Untenable | Self::Failed(_) => "failed",
        }
    }

    /// What a caller is told who asked for `what`.
    pub(super) fn of(self, what: &'static str) -> Error {
        match self {
            Self::NotFound => Kind::NotFound(what).into(),
            Self::Untenable => Kind::Untenable("the media server does not do that").into(),
            Self::Failed(failure) => {
                warn!(error = %failure, "the media server failed");
                failure.of(SERVICE).into()
            }
        }
    }
}

impl From<Failure> for Refusal {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

fn bad(what: &str) -> Refusal {
    Refusal::Failed(Failure::Bad(what.to_owned()))
}

/// Codes are of a closed set of words; anything else is not repeated.
fn is_word(code: &str) -> bool {
    code.len() <= 32 && code.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
}
