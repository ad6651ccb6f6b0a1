//! Proof Key for Code Exchange (RFC 7636), by SHA-256 only: whoever redeems a code shows the
//! verifier behind the challenge that asked for it.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};

/// The one method; `plain` would show the verifier to whoever sees the request.
pub const METHOD: &str = "S256";

/// The SHA-256 of a verifier in base64url.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Challenge(String);

impl Challenge {
    /// `None` when the text cannot be a SHA-256.
    pub fn parse(text: &str) -> Option<Self> {
        let digest = URL_SAFE_NO_PAD.decode(text).ok()?;
        (digest.len() == 32).then(|| Self(text.to_owned()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether this is the verifier that was hashed.
    pub fn is_met_by(&self, verifier: &str) -> bool {
        is_verifier(verifier) && URL_SAFE_NO_PAD.encode(Sha256::digest(verifier)) == self.0
    }
}

/// 43 to 128 unreserved characters (RFC 7636 §4.1).
fn is_verifier(text: &str) -> bool {
    (43..=128).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of RFC 7636, appendix B.
    const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

    #[test]
    fn only_the_verifier_meets_its_challenge() {
        let challenge = Challenge::parse(CHALLENGE).unwrap();

        assert!(challenge.is_met_by(VERIFIER));
        assert!(!challenge.is_met_by(&VERIFIER.replace('d', "e")));
        assert!(!challenge.is_met_by(CHALLENGE));
        assert!(!challenge.is_met_by(""));
    }

    #[test]
    fn what_is_no_digest_is_no_challenge() {
        for text in ["", "short", &"a".repeat(44), &format!("{}=", &CHALLENGE[..42]), VERIFIER] {
            let is_digest = text == VERIFIER;
            assert_eq!(Challenge::parse(text).is_some(), is_digest, "{text}");
        }
        // A verifier too short to resist guessing meets nothing, even its own digest.
        let weak = Challenge::parse(&URL_SAFE_NO_PAD.encode(Sha256::digest("guess"))).unwrap();
        assert!(!weak.is_met_by("guess"));
    }
}
