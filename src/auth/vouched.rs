//! Tokens of an auth service beside the hub (`AUTH_SERVICE_URL`).
//!
//! They are signed with the secret both share (HS256), as the services of one platform do, and
//! carry less than ours: no session of this hub, so nothing here can revoke one of them before it
//! expires. What they say of roles is the service's word and taken as it is.

use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde::Deserialize;

use super::sessions::Account;
use super::signed::{claims, rules};
use crate::domain::id::{SessionId, UserId};
use crate::domain::identity::Role;
use crate::domain::time::Timestamp;
use crate::error::Unauthenticated;

/// What a token of the service says of its holder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vouched {
    /// The account's number at the service, which is its number here.
    pub user: UserId,
    pub primary_role: Role,
    /// The primary role included, in the order of [`Role`].
    pub roles: Vec<Role>,
    pub reference_id: Option<i64>,
    /// In lower case.
    pub email: Option<String>,
    /// The service's name for the sign-in; may be one of ours where it passes our tokens on.
    pub session: Option<SessionId>,
    pub issued_at: Option<Timestamp>,
    pub expires_at: Timestamp,
}

/// Reads tokens of the service.
pub struct Voucher {
    keys: Vec<DecodingKey>,
    rules: Validation,
}

/// The claims of contract §3.2 as far as they are needed. Services name the use of a token in
/// different places.
#[derive(Deserialize)]
struct Claims {
    user_id: Option<UserId>,
    sub: Option<String>,
    user_type: Option<Role>,
    role: Option<Role>,
    #[serde(default)]
    roles: Vec<Role>,
    reference_id: Option<i64>,
    email: Option<String>,
    sid: Option<SessionId>,
    iat: Option<i64>,
    exp: i64,
    typ: Option<String>,
    r#type: Option<String>,
    token_type: Option<String>,
}

impl Vouched {
    /// Whether an account stands as the service says.
    pub fn describes(&self, account: &Account) -> bool {
        account.primary_role == self.primary_role
            && account.roles == self.roles
            && account.reference_id == self.reference_id
    }
}

impl Voucher {
    /// With the secrets the service may sign with.
    pub fn new<'a>(secrets: impl IntoIterator<Item = &'a [u8]>) -> Self {
        Self {
            keys: secrets.into_iter().map(DecodingKey::from_secret).collect(),
            rules: rules(Algorithm::HS256),
        }
    }

    /// What a token says that the service signed and that has not expired.
    pub fn verify(&self, token: &str) -> Result<Vouched, Unauthenticated> {
        let mut reason = Unauthenticated::Malformed;
        for key in &self.keys {
            match claims::<Claims>(token, key, &self.rules) {
                Ok(claims) => return claims.vouched().ok_or(Unauthenticated::Malformed),
                Err(Unauthenticated::Signature) => reason = Unauthenticated::Signature,
                Err(other) => return Err(other),
            }
        }
        Err(reason)
    }
}

impl Claims {
    fn vouched(self) -> Option<Vouched> {
        let named: Option<i64> = self.sub.as_ref().and_then(|sub| sub.parse().ok());
        let user = self.user_id.or(named.map(UserId))?;
        let primary_role = self.user_type.or(self.role)?;
        let mut roles = self.roles;
        roles.push(primary_role);
        roles.sort_unstable();
        roles.dedup();
        let is_access = [self.typ, self.r#type, self.token_type]
            .iter()
            .flatten()
            .all(|used| ["access", "bearer"].iter().any(|known| known.eq_ignore_ascii_case(used)));
        let is_coherent = user.0 > 0
            && named.is_none_or(|named| named == user.0)
            && !roles.contains(&Role::Service);
        (is_access && is_coherent).then(|| Vouched {
            user,
            primary_role,
            roles,
            reference_id: self.reference_id,
            email: self.email.map(|email| email.trim().to_lowercase()),
            session: self.sid,
            issued_at: self.iat.map(at),
            expires_at: at(self.exp),
        })
    }
}

fn at(seconds: i64) -> Timestamp {
    Timestamp(seconds.saturating_mul(1000))
}

#[cfg(test)]
mod tests {
    use jsonwebtoken::{EncodingKey, Header};
    use serde_json::{Value, json};

    use super::*;

    const SECRET: &[u8] = b"a secret that two services share";

    fn read(claims: &Value) -> Result<Vouched, Unauthenticated> {
        let token =
            jsonwebtoken::encode(&Header::default(), claims, &EncodingKey::from_secret(SECRET));
        Voucher::new([&[7; 32][..], SECRET]).verify(&token.unwrap())
    }

    fn told(changes: &Value) -> Value {
        let mut claims = json!({"user_id": 7, "user_type": "doctor", "reference_id": 45,
            "exp": 9_999_999_999_i64});
        claims.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        claims
    }

    #[test]
    fn the_claims_services_share_are_enough() {
        let vouched = read(&told(&json!({}))).unwrap();

        assert_eq!((vouched.user, vouched.reference_id), (UserId(7), Some(45)));
        assert_eq!((vouched.primary_role, vouched.roles), (Role::Doctor, vec![Role::Doctor]));
        assert_eq!((vouched.session, vouched.issued_at), (None, None));
    }

    #[test]
    fn the_account_may_be_the_subject_and_the_role_go_by_any_name() {
        let claims = json!({"sub": "7", "role": "Médico", "roles": ["CLIENTE"], "email": "A@B.example",
            "type": "access", "exp": 9_999_999_999_i64});

        let vouched = read(&claims).unwrap();

        assert_eq!(vouched.user, UserId(7));
        assert_eq!(vouched.roles, [Role::Doctor, Role::Client]);
        assert_eq!(vouched.email.as_deref(), Some("a@b.example"));
        let by_mail = told(&json!({"sub": "ana@example.com"}));
        assert_eq!(read(&by_mail).unwrap().user, UserId(7));
    }

    #[test]
    fn what_is_no_access_token_of_an_account_is_refused() {
        let changes = [
            json!({"typ": "refresh"}),
            json!({"type": "refresh"}),
            json!({"token_type": "refresh"}),
            json!({"user_id": 0}),
            json!({"user_id": "7"}),
            json!({"user_id": 7, "sub": "8"}),
            json!({"user_id": null}),
            json!({"user_type": "service"}),
            json!({"user_type": "nurse"}),
            json!({"user_type": null}),
            json!({"roles": "doctor"}),
            json!({"exp": null}),
            json!({"aud": "another service"}),
        ];
        for change in changes {
            assert_eq!(read(&told(&change)), Err(Unauthenticated::Malformed), "{change}");
        }
        assert_eq!(read(&told(&json!({"exp": 1}))), Err(Unauthenticated::Expired));
    }

    #[test]
    fn only_the_shared_secret_signs() {
        let sign = |header: &Header, secret: &[u8]| {
            let key = EncodingKey::from_secret(secret);
            jsonwebtoken::encode(header, &told(&json!({})), &key).unwrap()
        };
        let voucher = Voucher::new([SECRET]);

        for token in
            [sign(&Header::default(), &[7; 32]), sign(&Header::new(Algorithm::HS384), SECRET)]
        {
            assert_eq!(voucher.verify(&token), Err(Unauthenticated::Signature));
        }
    }
}
