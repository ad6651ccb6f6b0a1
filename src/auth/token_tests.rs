use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::super::keys::tests::{edwards, elliptic};
use super::*;

const SECRET: &[u8] = b"0123456789abcdef0123456789abcdef";

pub(super) fn settings(secret: &[u8]) -> Settings {
    Settings {
        secret: secret.into(),
        previous_secret: None,
        private_key: None,
        previous_public_key: None,
        ttl: Duration::from_hours(1),
    }
}

pub(super) fn account() -> Account {
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
        ("aud", json!("somewhere else")),
        ("nbf", json!(9_999_999_999_i64)),
    ];
    for (claim, value) in changes {
        let mut claims = claims();
        claims[claim] = value;
        let token = signed(&Header::default(), &claims, SECRET);
        assert_eq!(tokens.verify(&token), Err(Unauthenticated::Malformed), "{claim}");
    }
}

#[test]
fn what_a_header_brings_along_is_not_looked_at_unless_it_is_critical() {
    let tokens = Tokens::new(&settings(SECRET)).unwrap();
    let header = |more: Value| {
        let mut header = json!({"alg": "HS256", "typ": "JWT"});
        header.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        serde_json::from_value::<Header>(header).unwrap()
    };
    let foreign_key = json!({"kty": "oct", "k": URL_SAFE_NO_PAD.encode([7; 32])});
    let brought = [
        json!({"kid": "../../dev/null"}),
        json!({"jku": "https://thief.example/keys", "x5u": "https://thief.example/chain"}),
        json!({"jwk": foreign_key}),
    ];

    for more in brought {
        let header = header(more);
        let foreign = signed(&header, &claims(), &[7; 32]);
        assert_eq!(tokens.verify(&foreign), Err(Unauthenticated::Signature), "{header:?}");
        assert!(tokens.verify(&signed(&header, &claims(), SECRET)).is_ok(), "{header:?}");
    }
    let critical = signed(&header(json!({"crit": ["exp"]})), &claims(), SECRET);
    assert_eq!(tokens.verify(&critical), Err(Unauthenticated::Malformed));
}

#[test]
fn the_previous_secret_verifies_but_never_signs() {
    let old = Tokens::new(&settings(&[1; 32])).unwrap();
    let rotated =
        Tokens::new(&Settings { previous_secret: Some(vec![1; 32]), ..settings(SECRET) }).unwrap();

    assert!(rotated.verify(&issue(&old)).is_ok());
    assert_eq!(old.verify(&issue(&rotated)), Err(Unauthenticated::Signature));
}

#[test]
fn a_short_secret_is_refused() {
    assert!(Tokens::new(&settings(b"")).is_err());
    assert!(Tokens::new(&settings(&[0; 31])).is_err());
}

pub(super) fn pair(pem: &[u8]) -> KeyPair {
    KeyPair::from_pem(pem).unwrap()
}

fn issue(tokens: &Tokens) -> String {
    tokens.issue(&account(), &"s_1".into(), Timestamp::now()).unwrap()
}

#[test]
fn a_key_pair_signs_and_publishes_its_public_half() {
    for (pem, _) in [elliptic(9), edwards(9)] {
        let tokens =
            Tokens::new(&Settings { private_key: Some(pair(&pem)), ..settings(SECRET) }).unwrap();
        let token = issue(&tokens);

        assert!(tokens.verify(&token).is_ok());
        let kid = jsonwebtoken::decode_header(&token).unwrap().kid;
        let [published] = &tokens.published().keys[..] else { panic!("one key") };
        assert!(kid.is_some() && published.common.key_id == kid);
        let shared = signed(&Header::default(), &claims(), SECRET);
        assert_eq!(tokens.verify(&shared), Err(Unauthenticated::Signature));
    }
}

#[test]
fn a_public_key_is_no_secret() {
    let (private, public) = elliptic(9);
    let tokens =
        Tokens::new(&Settings { private_key: Some(pair(&private)), ..settings(SECRET) }).unwrap();
    let published = serde_json::to_vec(tokens.published()).unwrap();

    for secret in [public, published] {
        let swapped = signed(&Header::default(), &claims(), &secret);
        assert_eq!(tokens.verify(&swapped), Err(Unauthenticated::Signature));
    }
}

#[test]
fn tokens_from_before_a_change_of_keys_stay_good() {
    let shared = settings(SECRET);
    let first = Settings { private_key: Some(pair(&elliptic(1).0)), ..settings(SECRET) };
    let second = Settings { private_key: Some(pair(&edwards(2).0)), ..settings(SECRET) };
    let previous = |(_, public): (Vec<u8>, Vec<u8>)| PublicKey::from_pem(&public).ok();
    let changes = [
        (&shared, Settings { previous_secret: Some(SECRET.into()), ..first.clone() }),
        (&first, Settings { previous_public_key: previous(elliptic(1)), ..second.clone() }),
        (&second, Settings { previous_public_key: previous(edwards(2)), ..shared.clone() }),
    ];

    for (before, after) in changes {
        let (old, new) = (Tokens::new(before).unwrap(), Tokens::new(&after).unwrap());

        assert!(new.verify(&issue(&old)).is_ok());
        assert!(new.verify(&issue(&new)).is_ok());
        assert_eq!(old.verify(&issue(&new)), Err(Unauthenticated::Signature));
        let ids = |tokens: &Tokens| -> Vec<_> {
            tokens.published().keys.iter().map(|key| key.common.key_id.clone()).collect()
        };
        assert!(ids(&old).iter().all(|id| ids(&new).contains(id)), "still published");
    }
}
