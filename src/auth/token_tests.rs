use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::*;

const SECRET: &[u8] = b"0123456789abcdef0123456789abcdef";

fn settings(secret: &[u8]) -> Settings {
    Settings {
        secret: secret.into(),
        previous_secret: None,
        private_key: None,
        previous_public_key: None,
        ttl: Duration::from_hours(1),
    }
}

fn account() -> Account {
    Account {
        user: UserId(123),
        primary_role: Role::Doctor,
        roles: vec![Role::Doctor, Role::Professional],
        reference_id: Some(45),
        active: true,
        version: 1,
    }
}

fn signed(header: &Header, claims: &Value, secret: &[u8]) -> String {
    jsonwebtoken::encode(header, claims, &EncodingKey::from_secret(secret)).unwrap()
}

fn claims() -> Value {
    let now = Timestamp::now().seconds();
    json!({"iss": "latido", "sub": "123", "user_id": 123, "user_type": "doctor", "roles": ["doctor"],
        "role": "Medico", "reference_id": null, "sid": "s_1", "jti": "a_1", "iat": now,
        "exp": now + 60, "typ": "access"})
}

#[test]
fn a_token_reads_back_as_what_was_signed() {
    let tokens = Tokens::new(&settings(SECRET)).unwrap();
    let now = Timestamp::now();

    let claims = tokens.verify(&tokens.issue(&account(), &"s_1".into(), now).unwrap()).unwrap();

    assert_eq!(claims.user_id, UserId(123));
    assert_eq!((claims.role.as_str(), claims.user_type), ("Medico", Role::Doctor));
    assert_eq!(claims.exp - claims.iat, 3600);
}

#[test]
fn an_expired_token_is_refused_after_the_leeway() {
    let tokens = Tokens::new(&settings(SECRET)).unwrap();
    let at = |ago: i64| Timestamp(Timestamp::now().0 - (3600 + ago) * 1000);
    let issue = |ago| tokens.issue(&account(), &"s_1".into(), at(ago)).unwrap();

    assert!(tokens.verify(&issue(20)).is_ok());
    assert_eq!(tokens.verify(&issue(40)), Err(Unauthenticated::Expired));
}

#[test]
fn another_algorithm_or_key_is_refused() {
    let tokens = Tokens::new(&settings(SECRET)).unwrap();
    let hs512 = signed(&Header::new(Algorithm::HS512), &claims(), SECRET);
    let foreign = signed(&Header::default(), &claims(), &[7; 32]);
    let part = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let unsigned = format!("{}.{}.", part(json!({"alg": "none"})), part(claims()));

    assert_eq!(tokens.verify(&hs512), Err(Unauthenticated::Signature));
    assert_eq!(tokens.verify(&foreign), Err(Unauthenticated::Signature));
    assert_eq!(tokens.verify(&unsigned), Err(Unauthenticated::Malformed));
    assert_eq!(tokens.verify("not a token"), Err(Unauthenticated::Malformed));
}

#[test]
fn a_claim_that_is_missing_mistyped_or_incoherent_is_refused() {
    let tokens = Tokens::new(&settings(SECRET)).unwrap();
    let changes = [
        ("exp", Value::Null),
        ("exp", json!("9999999999")),
        ("iss", json!("someone")),
        ("typ", json!("refresh")),
        ("sub", json!("124")),
        ("sid", Value::Null),
        ("user_type", json!("admin")),
        ("roles", json!(["doctor", "service"])),
    ];
    for (claim, value) in changes {
        let mut claims = claims();
        claims[claim] = value;
        let token = signed(&Header::default(), &claims, SECRET);
        assert_eq!(tokens.verify(&token), Err(Unauthenticated::Malformed), "{claim}");
    }
}

#[test]
fn the_previous_secret_verifies_but_never_signs() {
    let old = Tokens::new(&settings(&[1; 32])).unwrap();
    let rotated =
        Tokens::new(&Settings { previous_secret: Some(vec![1; 32]), ..settings(SECRET) }).unwrap();
    let issue =
        |tokens: &Tokens| tokens.issue(&account(), &"s_1".into(), Timestamp::now()).unwrap();

    assert!(rotated.verify(&issue(&old)).is_ok());
    assert_eq!(old.verify(&issue(&rotated)), Err(Unauthenticated::Signature));
}

#[test]
fn a_short_secret_is_refused() {
    assert!(Tokens::new(&settings(b"")).is_err());
    assert!(Tokens::new(&settings(&[0; 31])).is_err());
}

#[test]
fn a_key_pair_signs_and_publishes_its_public_half() {
    // PKCS#8 of an Ed25519 seed: a fixed prefix and 32 bytes.
    let der = [&b"\x30\x2e\x02\x01\x00\x30\x05\x06\x03\x2b\x65\x70\x04\x22\x04\x20"[..], &[9; 32]];
    let body = base64::engine::general_purpose::STANDARD.encode(der.concat());
    let (kind, rule) = ("PRIVATE KEY", "-----");
    let pem = format!("{rule}BEGIN {kind}{rule}\n{body}\n{rule}END {kind}{rule}\n");
    let tokens =
        Tokens::new(&Settings { private_key: Some(pem.into_bytes()), ..settings(SECRET) }).unwrap();
    let token = tokens.issue(&account(), &"s_1".into(), Timestamp::now()).unwrap();

    assert!(tokens.verify(&token).is_ok());
    assert_eq!(tokens.published().keys.len(), 1);
    let shared = signed(&Header::default(), &claims(), SECRET);
    assert_eq!(tokens.verify(&shared), Err(Unauthenticated::Signature));
}
