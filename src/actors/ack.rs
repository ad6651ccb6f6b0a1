//! What a caller of an event is answered: the contract's acks (§6.2).

use serde_json::json;

use crate::domain::events::values::AckError;
use crate::domain::identity::session_sync::SharedState;
use crate::domain::subscription;
use crate::error::{Error, FieldError, Kind};

pub use crate::domain::events::values::AckCode as Code;

/// A refused event, as its ack or as the server's `error` event.
#[derive(Debug, Clone, PartialEq)]
pub struct Refusal {
    pub code: Code,
    pub message: String,
    pub field: Option<String>,
    /// What a stale change is to be made from.
    pub current: Option<SharedState>,
}

impl Refusal {
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), field: None, current: None }
    }

    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(Code::Invalid, message)
    }

    /// The `error` object.
    pub fn into_object(self) -> AckError {
        AckError {
            code: self.code,
            message: self.message,
            field: self.field,
            current: self.current,
        }
    }

    /// The whole ack.
    pub fn into_ack(self) -> String {
        json!({ "ok": false, "error": self.into_object() }).to_string()
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        if let Kind::Validation(refused) = error.kind()
            && let Some(first) = refused.first()
        {
            return first.clone().into();
        }
        let code = match error.kind() {
            Kind::Unauthenticated(_) | Kind::InvalidCredentials => Code::Unauthenticated,
            Kind::Forbidden(_) | Kind::AccountInactive { .. } | Kind::OriginNotAllowed => {
                Code::Forbidden
            }
            Kind::NotFound(_) | Kind::Gone(_) => Code::NotFound,
            Kind::Conflict { .. }
            | Kind::Overlap { .. }
            | Kind::Untenable(_)
            | Kind::Stale { .. }
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
            Kind::UpstreamFailed(_)
            | Kind::UpstreamTimeout(_)
            | Kind::Unavailable { .. }
            | Kind::Internal(_) => Code::Internal,
        };
        let field = match error.kind() {
            Kind::Conflict { field } | Kind::Overlap { field } => Some((*field).to_owned()),
            _ => None,
        };
        let current = match error.kind() {
            Kind::Stale { current } => serde_json::from_value(current.clone()).ok(),
            _ => None,
        };
        Self { code, message: error.to_string(), field, current }
    }
}

impl From<FieldError> for Refusal {
    fn from(refused: FieldError) -> Self {
        let field = refused.pointer.trim_start_matches('/');
        let subject = if field.is_empty() { "the payload" } else { field };
        let message = format!("{subject} {}", refused.detail);
        Self { field: (!field.is_empty()).then(|| field.to_owned()), ..Self::invalid(message) }
    }
}

impl From<subscription::Refused> for Refusal {
    fn from(refused: subscription::Refused) -> Self {
        let code = match refused {
            subscription::Refused::Unknown => Code::Invalid,
            subscription::Refused::Forbidden | subscription::Refused::Guarded => Code::Forbidden,
        };
        Self::new(code, refused.to_string())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn a_refusal_names_its_code_and_field() {
        let refusal = Refusal::from(Error::from(Kind::Conflict { field: "code" }));

        assert_eq!(
            serde_json::from_str::<Value>(&refusal.into_ack()).unwrap(),
            json!({
                "ok": false,
                "error": { "code": "conflict", "message": "code is already taken", "field": "code" }
            })
        );
    }
}
