//! Refused credentials, counted: `latido_auth_failures_total`.

use metrics::counter;

use crate::error::{Error, Kind, Unauthenticated};
use crate::telemetry::names;

/// Where credentials are presented.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Surface {
    Http,
    Login,
    /// Somebody signed in who is asked for the password once more.
    Account,
    /// A token from a mail.
    Mail,
    Refresh,
    WebSocket,
}

/// Counts a refusal of credentials. None presented, or nobody able to judge them, is no failure.
pub fn count_refusal(surface: Surface, error: &Error) {
    if let Some(reason) = reason(error.kind()) {
        count_failure(surface, reason);
    }
}

/// Counts a failure whose reason, one of few, the caller knows better.
pub fn count_failure(surface: Surface, reason: &'static str) {
    let surface = match surface {
        Surface::Http => "http",
        Surface::Login => "login",
        Surface::Account => "account",
        Surface::Mail => "mail",
        Surface::Refresh => "refresh",
        Surface::WebSocket => "websocket",
    };
    counter!(names::AUTH_FAILURES, "surface" => surface, "reason" => reason).increment(1);
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
