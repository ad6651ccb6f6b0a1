//! What a caller of an event is answered: the contract's acks (§6.2).

use serde_json::{Value, json};

use crate::domain::subscription;
use crate::error::{Error, Kind};

/// A refused event, as its ack or as the server's `error` event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    pub code: Code,
    pub message: String,
    pub field: Option<String>,
}

/// The closed set of codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Code {
    Unauthenticated,
    Forbidden,
    Invalid,
    NotFound,
    Conflict,
    RateLimited,
    NotConfigured,
    Internal,
}

impl Code {
    pub fn name(self) -> &'static str {
        match self {
            Self::Unauthenticated => "unauthenticated",
            Self::Forbidden => "forbidden",
            Self::Invalid => "invalid",
            Self::NotFound => "not_found",
            Self::Conflict => "conflict",
            Self::RateLimited => "rate_limited",
            Self::NotConfigured => "not_configured",
            Self::Internal => "internal",
        }
    }
}

impl Refusal {
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), field: None }
    }

    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(Code::Invalid, message)
    }

    /// The `error` object.
    pub fn object(&self) -> Value {
        let mut object = json!({ "code": self.code.name(), "message": self.message });
        if let Some(field) = &self.field {
            object["field"] = json!(field);
        }
        object
    }

    /// The whole ack.
    pub fn ack(&self) -> String {
        json!({ "ok": false, "error": self.object() }).to_string()
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        let code = match error.kind() {
            Kind::Unauthenticated(_) | Kind::InvalidCredentials => Code::Unauthenticated,
            Kind::Forbidden(_) | Kind::AccountInactive { .. } | Kind::OriginNotAllowed => {
                Code::Forbidden
            }
            Kind::NotFound(_) | Kind::Gone(_) => Code::NotFound,
            Kind::Conflict { .. }
            | Kind::Untenable(_)
            | Kind::InvalidTransition { .. }
            | Kind::PreconditionFailed
            | Kind::IdempotencyInProgress
            | Kind::IdempotencyKeyReuse => Code::Conflict,
            Kind::RateLimited { .. } => Code::RateLimited,
            Kind::NotConfigured { .. } => Code::NotConfigured,
            Kind::Malformed(_)
            | Kind::Validation(_)
            | Kind::PayloadTooLarge { .. }
            | Kind::UnsupportedMediaType
            | Kind::UpgradeRequired => Code::Invalid,
            Kind::Unavailable { .. } | Kind::Internal(_) => Code::Internal,
        };
        let field = match error.kind() {
            Kind::Validation(fields) => {
                fields.first().map(|field| field.pointer.trim_start_matches('/').to_owned())
            }
            Kind::Conflict { field } => Some((*field).to_owned()),
            _ => None,
        };
        Self { code, message: error.to_string(), field }
    }
}

impl From<subscription::Refused> for Refusal {
    fn from(refused: subscription::Refused) -> Self {
        let code = match refused {
            subscription::Refused::Unknown => Code::Invalid,
            subscription::Refused::Forbidden => Code::Forbidden,
        };
        Self::new(code, refused.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_names_its_code_and_field() {
        let refusal = Refusal::from(Error::from(Kind::Conflict { field: "code" }));

        assert_eq!(
            serde_json::from_str::<Value>(&refusal.ack()).unwrap(),
            json!({
                "ok": false,
                "error": { "code": "conflict", "message": "code is already taken", "field": "code" }
            })
        );
    }
}
