//! Refused credentials, counted: `latido_auth_failures_total`.

use metrics::counter;

use crate::error::{Error, Kind, Unauthenticated};
use crate::telemetry::names;

/// Where credentials are presented.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Surface {
    Http,
    Login,
    /// Somebody signed in proves the password once more.
    Password,
    /// The OpenID Connect provider.
    OpenId,
    Refresh,
    /// The token of a mail.
    Reset,
    WebSocket,
}

/// Counts a refusal of credentials. None presented, or nobody able to judge them, is no failure.
pub fn count_refusal(surface: Surface, error: &Error) {
    if let Some(reason) = reason(error.kind()) {
        count_failure(surface, reason);
    }
}

/// Why credentials were refused, in one of few words; none where they were not judged.
pub fn reason_of(error: &Error) -> Option<&'static str> {
    reason(error.kind())
}

/// Counts a failure whose reason, one of few, the caller knows better.
pub fn count_failure(surface: Surface, reason: &'static str) {
    counter!(names::AUTH_FAILURES, "surface" => surface.name(), "reason" => reason).increment(1);
}

impl Surface {
    /// The label of the metric.
    pub fn name(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Login => "login",
            Self::OpenId => "openid",
            Self::Password => "password",
            Self::Refresh => "refresh",
            Self::Reset => "reset",
            Self::WebSocket => "websocket",
        }
    }
}

fn reason(kind: &Kind) -> Option<&'static str> {
    Some(match kind {
        Kind::Unauthenticated(Unauthenticated::Malformed) => "malformed",
        Kind::Unauthenticated(Unauthenticated::Signature) => "signature",
        Kind::Unauthenticated(Unauthenticated::Expired) => "expired",
        Kind::Unauthenticated(Unauthenticated::Revoked) => "revoked",
        Kind::AccountInactive { .. } => "inactive",
        Kind::OriginNotAllowed => "origin",
        Kind::Forbidden(_) => "role",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_judged_credential_is_a_failure() {
        let missing = Kind::Unauthenticated(Unauthenticated::Missing);
        let unjudged = Kind::Unavailable { retry_after: 5 };
        let expired = Kind::Unauthenticated(Unauthenticated::Expired);

        assert_eq!(
            [missing, unjudged, expired].map(|kind| reason(&kind)),
            [None, None, Some("expired")]
        );
    }
}
