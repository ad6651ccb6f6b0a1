use jsonwebtoken::{EncodingKey, Header};
use serde_json::json;

use super::*;
use crate::domain::time::Timestamp;

const SECRET: &str = "the secret of a project, 32 bytes or more";

fn project() -> Supabase {
    Supabase::new(Some(&Secret::new(SECRET)), None).unwrap().unwrap()
}

/// A token as Supabase makes them for someone who signed in by e-mail.
fn told() -> Value {
    json!({"aud": "authenticated", "exp": Timestamp::now().seconds() + 60, "sub": "7f3c",
        "email": "Ana@Example.com", "role": "authenticated", "is_anonymous": false,
        "app_metadata": {"provider": "email"}, "user_metadata": {"email_verified": true}})
}

fn with(changes: &Value) -> Value {
    let mut claims = told();
    for (name, value) in changes.as_object().unwrap() {
        claims[name] = value.clone();
    }
    claims
}

fn signed(claims: &Value) -> String {
    let key = EncodingKey::from_secret(SECRET.as_bytes());
    jsonwebtoken::encode(&Header::default(), claims, &key).unwrap()
}

async fn outsider(claims: &Value) -> Outsider {
    project().verify(&signed(claims)).await.unwrap()
}

async fn reason(project: &Supabase, token: &str) -> Unauthenticated {
    match project.verify(token).await.unwrap_err().kind() {
        Kind::Unauthenticated(reason) => *reason,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_user_cannot_say_that_their_own_e_mail_is_verified() {
    let own_word = outsider(&told()).await;
    assert_eq!(own_word.email.as_deref(), Some("ana@example.com"));
    assert!(!own_word.is_email_verified);

    let hook = with(&json!({"email_verified": true}));
    assert!(outsider(&hook).await.is_email_verified);
    let metadata = with(&json!({"app_metadata": {"email_verified": true}}));
    assert!(outsider(&metadata).await.is_email_verified);
    let in_doubt =
        with(&json!({"email_verified": false, "app_metadata": {"email_verified": true}}));
    assert!(!outsider(&in_doubt).await.is_email_verified);
}

#[tokio::test]
async fn a_role_is_the_projects_word_and_a_name_the_users() {
    let claims = with(&json!({
        "app_metadata": {"role": "doctor"},
        "user_metadata": {"role": "admin", "first_name": " Ana ", "last_name": "Ru\niz", "tax_id": 5},
    }));

    let outsider = outsider(&claims).await;

    assert_eq!(outsider.role.as_deref(), Some("doctor"));
    assert_eq!(outsider.particulars.nombre.as_deref(), Some("Ana"));
    assert_eq!((outsider.particulars.apellido, outsider.particulars.tax_id), (None, None));
}

#[tokio::test]
async fn someone_anonymous_has_no_e_mail() {
    let claims = with(&json!({"is_anonymous": true}));

    assert_eq!(outsider(&claims).await.email, None);
}

#[tokio::test]
async fn a_claim_that_is_missing_or_mistyped_is_refused() {
    let changes = [
        json!({"aud": "anon"}),
        json!({"aud": null}),
        json!({"aud": 5}),
        json!({"exp": null}),
        json!({"exp": "9999999999"}),
        json!({"sub": null}),
        json!({"sub": ""}),
        json!({"sub": 7}),
        json!({"email": {"address": "ana@example.com"}}),
        json!({"email_verified": "true"}),
        json!({"app_metadata": {"role": ["doctor"]}}),
        json!({"app_metadata": {"email_verified": 1}}),
        json!({"nbf": 9_999_999_999_i64}),
    ];
    for change in changes {
        let token = signed(&with(&change));
        assert_eq!(reason(&project(), &token).await, Unauthenticated::Malformed, "{change}");
    }
    let late = signed(&with(&json!({"exp": Timestamp::now().seconds() - 31})));
    assert_eq!(reason(&project(), &late).await, Unauthenticated::Expired);
}

#[tokio::test]
async fn the_algorithm_is_that_of_the_configured_key() {
    let key = EncodingKey::from_secret(SECRET.as_bytes());
    let hs512 = jsonwebtoken::encode(&Header::new(Algorithm::HS512), &told(), &key).unwrap();
    assert_eq!(reason(&project(), &hs512).await, Unauthenticated::Signature);

    // With a key set alone nothing symmetric is good, and the set is not asked about it.
    let public = Supabase::new(None, Some("http://127.0.0.1:1/jwks")).unwrap().unwrap();
    assert_eq!(reason(&public, &signed(&told())).await, Unauthenticated::Signature);
}

#[tokio::test]
async fn an_issuer_that_the_address_tells_is_insisted_on() {
    const URL: &str = "https://project.supabase.example/auth/v1/.well-known/jwks.json";
    let project = Supabase::new(Some(&Secret::new(SECRET)), Some(URL)).unwrap().unwrap();
    let ours = with(&json!({"iss": "https://project.supabase.example/auth/v1"}));
    let theirs = with(&json!({"iss": "https://other.supabase.example/auth/v1"}));

    assert!(project.verify(&signed(&ours)).await.is_ok());
    assert_eq!(reason(&project, &signed(&theirs)).await, Unauthenticated::Malformed);
    assert_eq!(reason(&project, &signed(&told())).await, Unauthenticated::Malformed);
    assert_eq!(issuer("http://kong:8000/auth/v1/.well-known/jwks.json"), None);
    assert_eq!(issuer("https://keys.example/jwks"), None);
}
