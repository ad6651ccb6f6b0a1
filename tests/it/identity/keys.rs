//! The keys of access tokens: published, changed, and never chosen by a token (contract §3.2).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, Header};
use latido::domain::identity::Role;
use serde_json::{Value, json};

use crate::support::accounts::SECRET;
use crate::support::database::Database;
use crate::support::http::Answer;
use crate::support::keys::{File, Signer, edwards_pem, elliptic, private_pem, public_pem};
use crate::support::process::{finish, settings};
use crate::support::upstream::{Reply, Upstream};
use crate::support::{EVENTS, Latido, start, start_with};

const OTHER: &str = "another secret of the tests, as long as the first";

/// The tokens of a new account.
async fn register(latido: &Latido) -> Value {
    let body = json!({"email": "ana@example.com", "password": "a long enough password",
        "nombre": "Ana", "apellido": "Ruiz", "rol": "CLIENTE"});
    let answer = latido.call("POST", "/auth/register").json(&body).send().await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    answer.json()
}

async fn validate(latido: &Latido, token: &str) -> Answer {
    latido.call("POST", "/auth/session/validate").bearer(token).send().await
}

async fn published(latido: &Latido) -> Vec<Value> {
    let answer = latido.call("GET", "/.well-known/jwks.json").send().await;
    assert_eq!(answer.header("cache-control"), "public, max-age=300");
    assert_eq!(answer.header("content-type"), "application/json");
    answer.json()["keys"].as_array().unwrap().clone()
}

/// The same node again, with other settings on the same database.
async fn restarted(latido: Latido, settings: &[(&str, &str)]) -> Latido {
    let Latido { running, database, .. } = latido;
    running.stop().await;
    Latido::on(database, settings).await
}

/// A token from before is good for requests and sockets, and its session can be refreshed.
async fn assert_good(latido: &Latido, tokens: &Value) {
    let token = tokens["access_token"].as_str().unwrap();
    let answer = validate(latido, token).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert!(latido.join(EVENTS, &json!({ "token": token })).await.is_ok());
}

async fn refresh(latido: &Latido, tokens: &Value) -> Value {
    let body = json!({ "refresh_token": tokens["refresh_token"] });
    let answer = latido.call("POST", "/auth/refresh").json(&body).send().await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()
}

fn kid(tokens: &Value) -> Option<String> {
    jsonwebtoken::decode_header(tokens["access_token"].as_str().unwrap()).unwrap().kid
}

#[tokio::test]
async fn a_shared_secret_is_not_published() {
    let latido = start().await;

    assert_eq!(published(&latido).await, [] as [Value; 0]);
}

#[tokio::test]
async fn tokens_signed_with_the_previous_secret_stay_good() {
    let latido = start().await;
    let before = register(&latido).await;

    let new = [("JWT_SECRET_KEY", OTHER)];
    let both = [new[0], ("JWT_PREVIOUS_SECRET_KEY", SECRET)];
    let latido = restarted(latido, &both).await;
    assert_good(&latido, &before).await;
    let after = refresh(&latido, &before).await;

    let latido = restarted(latido, &new).await;
    assert_good(&latido, &after).await;
    let old = before["access_token"].as_str().unwrap();
    assert_eq!(validate(&latido, old).await.status, 401);
}

#[tokio::test]
async fn a_hub_moves_from_a_secret_to_a_key_pair_and_on_to_another() {
    let (first, second) = (elliptic(11), File::with(edwards_pem(12)));
    let (private, public) = (File::with(private_pem(&first)), File::with(public_pem(&first)));
    let latido = start().await;
    let by_secret = register(&latido).await;

    let settings = [("JWT_PRIVATE_KEY_FILE", private.path()), ("JWT_PREVIOUS_SECRET_KEY", SECRET)];
    let latido = restarted(latido, &settings).await;
    assert_good(&latido, &by_secret).await;
    let by_first = refresh(&latido, &by_secret).await;
    let first_kid = kid(&by_first);
    assert!(first_kid.is_some() && kid(&by_secret).is_none());

    let settings =
        [("JWT_PRIVATE_KEY_FILE", second.path()), ("JWT_PREVIOUS_PUBLIC_KEY_FILE", public.path())];
    let latido = restarted(latido, &settings).await;
    assert_good(&latido, &by_first).await;
    let secret_token = by_secret["access_token"].as_str().unwrap();
    assert_eq!(validate(&latido, secret_token).await.status, 401, "its time is over");
    let by_second = refresh(&latido, &by_first).await;
    assert_good(&latido, &by_second).await;
    let keys = published(&latido).await;
    let shown = |index: usize, name: &str| keys[index][name].as_str().map(str::to_owned);
    assert_eq!((shown(0, "kid"), shown(0, "alg")), (kid(&by_second), Some("EdDSA".into())));
    assert_eq!((shown(1, "kid"), shown(1, "alg")), (first_kid, Some("ES256".into())));
    assert!(keys.iter().all(|key| key["use"] == "sig" && key.get("d").is_none()));

    let latido = restarted(latido, &settings[..1]).await;
    let first_token = by_first["access_token"].as_str().unwrap();
    assert_eq!(validate(&latido, first_token).await.status, 401);
}

#[tokio::test]
async fn a_token_chooses_neither_its_algorithm_nor_its_key() {
    let thief = Upstream::start(|_| Reply::text(200, "")).await;
    let pair = elliptic(11);
    let private = File::with(private_pem(&pair));
    let latido = start_with(&[("JWT_PRIVATE_KEY_FILE", private.path())]).await;
    let good = register(&latido).await["access_token"].as_str().unwrap().to_owned();
    let part = |index: usize| good.split('.').nth(index).unwrap();
    let claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part(1)).unwrap()).unwrap();
    let none = URL_SAFE_NO_PAD.encode(json!({"alg": "none", "typ": "JWT"}).to_string());
    let public = public_pem(&pair);
    let foreign = Signer::elliptic("thief", 66);
    let mut header = Header::new(Algorithm::ES256);
    header.kid = jsonwebtoken::decode_header(&good).unwrap().kid;
    header.jku = Some(thief.url("/keys"));
    header.x5u = Some(thief.url("/chain"));
    header.jwk = serde_json::from_value(foreign.published()).unwrap();

    let forged = [
        ("no signature", format!("{none}.{}.", part(1))),
        ("its signature cut", format!("{}.{}.", part(0), part(1))),
        ("the public key as a secret", Signer::secret(&public).sign(&claims)),
        ("the shared secret", Signer::secret(SECRET).sign(&claims)),
        ("a key it brings along", foreign.sign_with(&header, &claims)),
        ("another algorithm", Signer::rsa("thief").sign(&claims)),
    ];
    assert_eq!(validate(&latido, &good).await.status, 200);
    for (what, token) in forged {
        let answer = validate(&latido, &token).await;
        assert_eq!(answer.status, 401, "{what}");
        assert_eq!(answer.json()["type"], "urn:latido:problem:unauthenticated");
        let refused = latido.join(EVENTS, &json!({ "token": token })).await.err().unwrap();
        assert_eq!(refused["data"]["code"], "unauthenticated", "{what}");
        let looked = latido.call("POST", "/auth/verify-token").json(&json!({ "token": token }));
        assert_eq!(looked.send().await.json()["valid"], false, "{what}");
    }
    assert!(thief.asked().is_empty());
}

#[tokio::test]
async fn a_claim_of_another_type_is_refused_however_well_it_is_signed() {
    let latido = start().await;
    let account = latido.account(Role::Patient).await;
    let payload = account.token.split('.').nth(1).unwrap();
    let claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap();
    let signer = Signer::secret(SECRET);
    assert_eq!(validate(&latido, &signer.sign(&claims)).await.status, 200);

    for (claim, value) in [
        ("exp", json!("9999999999")),
        ("exp", json!(1e300)),
        ("user_id", json!(account.id.to_string())),
        ("sub", json!(account.id)),
        ("sid", json!([account.session])),
        ("roles", json!("patient")),
        ("typ", json!(null)),
        ("aud", json!("elsewhere")),
    ] {
        let mut claims = claims.clone();
        claims[claim] = value.clone();
        assert_eq!(validate(&latido, &signer.sign(&claims)).await.status, 401, "{claim} {value}");
    }
}

#[test]
fn a_file_that_holds_no_key_ends_the_start_and_is_not_shown() {
    let database = Database::sqlite();
    let public = public_pem(&elliptic(11));
    for (key, text) in [
        ("JWT_PRIVATE_KEY_FILE", "hunter2"),
        ("JWT_PRIVATE_KEY_FILE", public.as_str()),
        ("JWT_PREVIOUS_PUBLIC_KEY_FILE", "hunter2"),
    ] {
        let file = File::with(text);
        let more = [settings(&database, "8888").as_slice(), &[(key, file.path())]].concat();

        let done = finish(&["serve"], &more, "");

        let said = format!("{}{}", done.stdout, done.stderr);
        assert_eq!(done.code, Some(2), "{said}");
        assert!(said.contains(key), "{said}");
        assert!(!said.contains("hunter2") && !said.contains("MFkw"), "{said}");
    }
}
