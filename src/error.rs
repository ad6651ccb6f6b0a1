//! The one vocabulary of refusals.
//!
//! A [`Kind`] is an answer a caller can act on; every edge translates it in one place: HTTP in
//! `http/problem.rs`, Socket.IO acks in `actors/ack.rs`, the database in `persistence/store.rs`.

use std::fmt;

use serde::Serialize;
use utoipa::ToSchema;

/// The result of anything that may be refused.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A refused request. One pointer wide, so a new kind does not re-lay every future that holds it.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct Error(Box<Kind>);

/// One kind per answer a caller can act on.
#[derive(Debug, thiserror::Error)]
pub enum Kind {
    #[error("{0}")]
    Malformed(String),
    #[error("{0}")]
    Unauthenticated(Unauthenticated),
    /// The same sentence for an unknown user and a wrong password.
    #[error("unknown account or wrong password")]
    InvalidCredentials,
    #[error("{0}")]
    Forbidden(&'static str),
    /// Deactivated, or locked for `retry_after` seconds.
    #[error("the account is not active")]
    AccountInactive { retry_after: Option<u64> },
    #[error("origin not allowed")]
    OriginNotAllowed,
    #[error("{0} not found")]
    NotFound(&'static str),
    #[error("{field} is already taken")]
    Conflict { field: &'static str },
    /// The time that starts at `field` belongs to another one, at least in part.
    #[error("the time from {field} on overlaps with that of another one")]
    Overlap { field: &'static str },
    /// The change itself is well, but not what would be left after it.
    #[error("{0}")]
    Untenable(&'static str),
    /// Made from another revision than the current one, which is shown.
    #[error("the revision is not the current one")]
    Stale { current: serde_json::Value },
    #[error("{from} cannot become {to}")]
    InvalidTransition { from: String, to: String, allowed: Vec<&'static str> },
    #[error("a request with this idempotency key is still running")]
    IdempotencyInProgress,
    #[error("the idempotency key was used with another body")]
    IdempotencyKeyReuse,
    #[error("{0} was used or has expired")]
    Gone(&'static str),
    #[error("the resource has another version")]
    PreconditionFailed,
    #[error("the body is larger than {limit} bytes")]
    PayloadTooLarge { limit: usize },
    #[error("content type not accepted")]
    UnsupportedMediaType,
    #[error("{} invalid", count(.0.len(), "field is", "fields are"))]
    Validation(Vec<FieldError>),
    #[error("this path is a WebSocket endpoint")]
    UpgradeRequired,
    /// Too many requests; try again in `retry_after` seconds. `limit` is how many the bucket that
    /// refused holds, where one did.
    #[error("too many requests")]
    RateLimited { retry_after: u64, limit: Option<u32> },
    /// The feature needs configuration keys that are absent.
    #[error("not configured: {}", missing.join(", "))]
    NotConfigured { missing: Vec<&'static str> },
    /// A service this node depends on could not be reached or answered badly.
    #[error("{0} failed")]
    UpstreamFailed(&'static str),
    #[error("{0} did not answer in time")]
    UpstreamTimeout(&'static str),
    /// The database is unreachable or the node is shutting down.
    #[error("temporarily unavailable")]
    Unavailable { retry_after: u64 },
    /// Our fault: the log gets the cause, the caller gets this sentence.
    #[error("internal error")]
    Internal(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// Why credentials were not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unauthenticated {
    Missing,
    Malformed,
    Signature,
    Expired,
    Revoked,
}

/// One refused field of a body.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct FieldError {
    /// JSON pointer (RFC 6901) into the body.
    pub pointer: String,
    pub code: FieldCode,
    pub detail: String,
}

/// The rule a field broke.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum FieldCode {
    Required,
    Type,
    Format,
    Length,
    Range,
    Enum,
    Unique,
    Reference,
    Rule,
}

impl Error {
    pub fn kind(&self) -> &Kind {
        &self.0
    }

    /// Wraps a failure nobody outside should read about.
    pub fn internal(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Kind::Internal(cause.into()).into()
    }

    /// One refused field.
    pub fn field(pointer: impl Into<String>, code: FieldCode, detail: impl Into<String>) -> Self {
        Kind::Validation(vec![FieldError { pointer: pointer.into(), code, detail: detail.into() }])
            .into()
    }

    /// Both refusals where both are of fields, so that a caller hears of all at once; else the first.
    #[must_use]
    pub fn beside(self, other: Self) -> Self {
        match (*self.0, *other.0) {
            (Kind::Validation(mut fields), Kind::Validation(more)) => {
                fields.extend(more);
                Kind::Validation(fields).into()
            }
            (first, _) => first.into(),
        }
    }
}

impl From<Kind> for Error {
    fn from(kind: Kind) -> Self {
        Self(Box::new(kind))
    }
}

impl fmt::Display for Unauthenticated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Missing => "credentials are required",
            Self::Malformed => "the token is malformed",
            Self::Signature => "the token's signature does not match",
            Self::Expired => "the token has expired",
            Self::Revoked => "the session has been revoked",
        })
    }
}

fn count(n: usize, one: &str, many: &str) -> String {
    format!("{n} {}", if n == 1 { one } else { many })
}
