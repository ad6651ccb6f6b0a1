//! What we sign for OpenID clients: ID tokens and logout tokens.
//!
//! Clients verify them by our published keys, so a shared secret signs none. They differ from access
//! tokens in issuer, audience and claims; neither passes for the other.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, Validation};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256, Sha512};

use super::{Tokens, Verifier, new_id};
use crate::domain::id::{SessionId, UserId};
use crate::domain::time::Timestamp;
use crate::error::{Error, Kind, Result};

/// The event of a logout token (OpenID Connect Back-Channel Logout §2.4).
const LOGOUT: &str = "http://schemas.openid.net/event/backchannel-logout";
/// Seconds a logout token may travel.
const LOGOUT_LIFE: i64 = 120;

/// Who signed in, where, and when (OpenID Connect Core §2).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdToken {
    pub iss: String,
    pub sub: String,
    /// The client.
    pub aud: String,
    /// Seconds since 1970, as the other times.
    pub exp: i64,
    pub iat: i64,
    /// When the password was shown.
    pub auth_time: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nonce: Option<String>,
    pub at_hash: String,
    /// The client's session.
    pub sid: SessionId,
}

/// Tells a client that a session of its user ended.
#[derive(Debug, Serialize)]
struct LogoutToken<'a> {
    iss: &'a str,
    sub: String,
    aud: &'a str,
    iat: i64,
    exp: i64,
    jti: String,
    sid: &'a SessionId,
    events: BTreeMap<&'static str, Value>,
}

impl Tokens {
    /// The algorithm by which others verify what we sign; `None` with a shared secret.
    pub fn public_algorithm(&self) -> Option<&'static str> {
        match self.header.alg {
            Algorithm::ES256 => Some("ES256"),
            Algorithm::EdDSA => Some("EdDSA"),
            _ => None,
        }
    }

    pub fn id_token(&self, claims: &IdToken) -> Result<String> {
        self.sign("JWT", claims)
    }

    pub fn logout_token(
        &self,
        issuer: &str,
        client: &str,
        user: UserId,
        session: &SessionId,
        now: Timestamp,
    ) -> Result<String> {
        let claims = LogoutToken {
            iss: issuer,
            sub: user.to_string(),
            aud: client,
            iat: now.seconds(),
            exp: now.seconds() + LOGOUT_LIFE,
            jti: new_id("l_"),
            sid: session,
            events: BTreeMap::from([(LOGOUT, json!({}))]),
        };
        self.sign("logout+jwt", &claims)
    }

    /// Binds an ID token to the access token beside it: the left half of the hash that belongs to
    /// the signature's algorithm (OpenID Connect Core §3.1.3.6).
    pub fn at_hash(&self, access_token: &str) -> String {
        let half = match self.header.alg {
            Algorithm::EdDSA => Sha512::digest(access_token)[..32].to_vec(),
            _ => Sha256::digest(access_token)[..16].to_vec(),
        };
        URL_SAFE_NO_PAD.encode(half)
    }

    /// An ID token of ours that comes back as a hint, expired or not.
    pub fn read_id_token(&self, token: &str, issuer: &str) -> Option<IdToken> {
        self.verifying.iter().find_map(|verifier| verifier.read_id_token(token, issuer))
    }

    fn sign(&self, kind: &str, claims: &impl Serialize) -> Result<String> {
        if self.public_algorithm().is_none() {
            return Err(Kind::NotConfigured { missing: vec!["JWT_PRIVATE_KEY_FILE"] }.into());
        }
        let mut header = self.header.clone();
        header.typ = Some(kind.to_owned());
        jsonwebtoken::encode(&header, claims, &self.signing).map_err(Error::internal)
    }
}

impl Verifier {
    fn read_id_token(&self, token: &str, issuer: &str) -> Option<IdToken> {
        let mut validation = Validation::new(*self.rules.algorithms.first()?);
        validation.set_issuer(&[issuer]);
        validation.set_required_spec_claims(&["iss", "sub", "aud"]);
        // The caller knows which clients there are.
        validation.validate_aud = false;
        validation.validate_exp = false;
        jsonwebtoken::decode(token, &self.key, &validation).ok().map(|data| data.claims)
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{account, pair, settings};
    use super::*;
    use crate::auth::keys::tests::edwards;

    const ISSUER: &str = "https://id.example";

    fn tokens() -> Tokens {
        let secret = [1; 32];
        Tokens::new(&super::super::Settings {
            private_key: Some(pair(&edwards(9).0)),
            ..settings(&secret)
        })
        .unwrap()
    }

    fn claims(tokens: &Tokens) -> IdToken {
        IdToken {
            iss: ISSUER.into(),
            sub: "123".into(),
            aud: "doctors".into(),
            exp: 20,
            iat: 10,
            auth_time: 5,
            nonce: None,
            at_hash: tokens.at_hash("token"),
            sid: "s_1".into(),
        }
    }

    #[test]
    fn an_id_token_comes_back_as_a_hint_even_when_it_expired() {
        let tokens = tokens();
        let claims = claims(&tokens);
        let token = tokens.id_token(&claims).unwrap();

        assert_eq!(tokens.read_id_token(&token, ISSUER), Some(claims));
        assert_eq!(tokens.read_id_token(&token, "https://other.example"), None);
        assert_eq!(tokens.read_id_token(&token[..token.len() - 4], ISSUER), None);
    }

    #[test]
    fn no_kind_of_token_passes_for_another() {
        let tokens = tokens();
        let now = Timestamp::now();
        let session = SessionId::from("s_1");
        let access = tokens.issue(&account(), &session, now).unwrap();
        let id = tokens.id_token(&claims(&tokens)).unwrap();
        let logout = tokens.logout_token(ISSUER, "doctors", UserId(123), &session, now).unwrap();

        for token in [&id, &logout] {
            assert!(tokens.verify(token).is_err());
        }
        for token in [&access, &logout] {
            assert_eq!(tokens.read_id_token(token, ISSUER), None);
            assert_eq!(tokens.read_id_token(token, "latido"), None);
        }
        let header = jsonwebtoken::decode_header(&logout).unwrap();
        assert_eq!(header.typ.as_deref(), Some("logout+jwt"));
    }

    #[test]
    fn a_shared_secret_signs_nothing_for_others() {
        let tokens = Tokens::new(&settings(&[1; 32])).unwrap();

        assert_eq!(tokens.public_algorithm(), None);
        assert!(tokens.id_token(&claims(&tokens)).is_err());
    }
}
