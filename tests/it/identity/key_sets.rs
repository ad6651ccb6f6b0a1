//! A provider's key set: fetched from its one address, seldom, and kept (contract §3.7).

use futures_util::future::join_all;
use jsonwebtoken::{Algorithm, Header};
use latido::domain::time::Timestamp;
use serde_json::{Value, json};

use crate::support::database::Database;
use crate::support::http::Answer;
use crate::support::keys::{File, Signer, key_set};
use crate::support::process::{finish, free_port, settings};
use crate::support::upstream::{Reply, Upstream};
use crate::support::{Latido, start_with, within};

/// A hub that trusts the keys of a provider, which shows these.
async fn beside(signers: &[&Signer]) -> (Latido, Upstream) {
    let set = key_set(signers);
    let provider = Upstream::start(move |_| Reply::json(200, &set)).await;
    (trusting(&provider).await, provider)
}

async fn trusting(provider: &Upstream) -> Latido {
    start_with(&[("SUPABASE_JWKS_URL", &provider.url("/keys"))]).await
}

fn claims() -> Value {
    json!({"aud": "authenticated", "sub": "7f3c", "email": "ana@example.com",
        "exp": Timestamp::now().seconds() + 600, "app_metadata": {"role": "client"}})
}

async fn exchange(latido: &Latido, token: &str) -> Answer {
    let body = json!({"provider": "supabase", "token": token});
    latido.call("POST", "/auth/exchange").json(&body).send().await
}

async fn status(latido: &Latido, signer: &Signer) -> u16 {
    exchange(latido, &signer.sign(&claims())).await.status.as_u16()
}

#[tokio::test]
async fn both_kinds_of_keys_are_good_and_fetched_once_for_everyone() {
    let (elliptic, rsa) = (Signer::elliptic("e1", 1), Signer::rsa("r1"));
    let (latido, provider) = beside(&[&elliptic, &rsa]).await;
    let tokens = [elliptic.sign(&claims()), rsa.sign(&claims())];

    let answers = join_all((0..10).map(|at| exchange(&latido, &tokens[at % 2]))).await;

    for answer in answers {
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
    let asked = provider.asked();
    assert_eq!(asked.iter().map(|it| it.path.as_str()).collect::<Vec<_>>(), ["/keys"]);
}

#[tokio::test]
async fn ids_that_nobody_knows_cause_no_more_than_one_request() {
    let known = Signer::elliptic("e1", 1);
    let (latido, provider) = beside(&[&known]).await;
    assert_eq!(status(&latido, &known).await, 200);

    for _ in 0..20 {
        assert_eq!(status(&latido, &Signer::elliptic("made up", 2)).await, 401);
    }
    assert_eq!(status(&latido, &Signer::rsa("e1")).await, 401, "the id of another kind of key");
    assert_eq!(status(&latido, &known).await, 200);

    assert_eq!(provider.asked().len(), 1);
}

#[tokio::test]
async fn a_token_names_no_address_to_ask() {
    let known = Signer::elliptic("e1", 1);
    let thief = Signer::elliptic("e1", 2);
    let (latido, provider) = beside(&[&known]).await;
    let set = key_set(&[&thief]);
    let elsewhere = Upstream::start(move |_| Reply::json(200, &set)).await;
    let mut header = Header::new(Algorithm::ES256);
    header.kid = Some("e1".into());
    header.jku = Some(elsewhere.url("/keys"));
    header.jwk = serde_json::from_value(thief.published()).unwrap();

    let answer = exchange(&latido, &thief.sign_with(&header, &claims())).await;

    assert_eq!(answer.status, 401);
    assert!(elsewhere.asked().is_empty());
    assert_eq!(provider.asked().len(), 1);
}

#[tokio::test]
async fn nothing_symmetric_is_good_by_a_public_key() {
    let known = Signer::elliptic("e1", 1);
    let oct = json!({"keys": [{"kty": "oct", "kid": "o1", "k": "c2VjcmV0"}, known.published()]});
    let provider = Upstream::start(move |_| Reply::json(200, &oct)).await;
    let latido = trusting(&provider).await;

    for secret in ["secret", &known.published().to_string()] {
        assert_eq!(status(&latido, &Signer::secret(secret)).await, 401);
    }
    assert!(provider.asked().is_empty(), "such a token is no reason to ask");
}

#[tokio::test]
async fn keys_that_are_known_work_on_while_the_provider_does_not() {
    let known = Signer::elliptic("e1", 1);
    let (latido, provider) = beside(&[&known]).await;
    assert_eq!(status(&latido, &known).await, 200);

    drop(provider);

    assert_eq!(status(&latido, &known).await, 200);
    assert_eq!(status(&latido, &Signer::elliptic("made up", 2)).await, 401);
}

#[tokio::test]
async fn a_provider_that_answers_badly_is_asked_once_and_named_as_the_cause() {
    let signer = Signer::elliptic("e1", 1);
    let large = format!("{{\"keys\":[],\"more\":\"{}\"}}", "x".repeat(70_000));
    for (status, body) in [(500, "{\"keys\":[]}"), (302, ""), (200, "<html>"), (200, &large)] {
        let body = body.to_owned();
        let provider = Upstream::start(move |_| Reply::text(status, body.clone())).await;
        let latido = trusting(&provider).await;

        for _ in 0..2 {
            let answer = exchange(&latido, &signer.sign(&claims())).await;
            assert_eq!(answer.status, 502, "{status}");
            assert_eq!(answer.json()["type"], "urn:latido:problem:upstream-failed");
        }

        assert_eq!(provider.asked().len(), 1, "{status}");
    }
}

#[tokio::test]
async fn a_provider_that_is_silent_is_waited_for_once() {
    let provider = Upstream::start(|_| Reply::Silence).await;
    let latido = trusting(&provider).await;
    let token = Signer::elliptic("e1", 1).sign(&claims());

    let answers = join_all((0..5).map(|_| exchange(&latido, &token))).await;

    for answer in answers {
        assert_eq!(answer.status, 504);
        assert_eq!(answer.json()["type"], "urn:latido:problem:upstream-timeout");
    }
    assert_eq!(provider.asked().len(), 1);
}

#[tokio::test]
async fn whoever_hangs_up_does_not_make_room_for_another_request() {
    let provider = Upstream::start(|_| Reply::Silence).await;
    let latido = trusting(&provider).await;
    let body = json!({"provider": "supabase", "token": Signer::elliptic("e1", 1).sign(&claims())});

    for _ in 0..3 {
        let call = latido.call("POST", "/auth/exchange").json(&body);
        let impatient = tokio::spawn(call.send());
        provider.until_asked(1).await;
        impatient.abort();
    }

    let answer = latido.call("POST", "/auth/exchange").json(&body).send().await;
    assert_eq!(answer.status, 504);
    assert_eq!(provider.asked().len(), 1);
}

#[tokio::test]
async fn the_doctor_reads_the_set_and_the_key_files() {
    let set = key_set(&[&Signer::elliptic("e1", 1)]);
    let provider = Upstream::start(move |_| Reply::json(200, &set)).await;
    let (url, port) = (provider.url("/keys"), free_port().to_string());
    let examine = async |more: Vec<(&'static str, String)>| {
        let port = port.clone();
        let examined = tokio::task::spawn_blocking(move || {
            let database = Database::sqlite();
            let more = more.iter().map(|(key, value)| (*key, value.as_str()));
            let settings: Vec<_> = settings(&database, &port).into_iter().chain(more).collect();
            finish(&["doctor"], &settings, "")
        });
        within("the doctor", examined).await.unwrap()
    };

    let well = examine(vec![("SUPABASE_JWKS_URL", url), ("AUTH_SERVICE_URL", provider.url(""))]);
    let well = well.await;
    assert_eq!(well.code, Some(0), "{well:?}");
    assert!(well.stdout.contains("usable keys in the key set: 1"), "{well:?}");

    let file = File::with("hunter2");
    let gone = format!("http://127.0.0.1:{}", free_port());
    let ill = vec![
        ("SUPABASE_JWKS_URL", gone.clone()),
        ("AUTH_SERVICE_URL", gone),
        ("JWT_PRIVATE_KEY_FILE", file.path().to_owned()),
    ];
    let ill = examine(ill).await;
    assert_eq!(ill.code, Some(1), "{ill:?}");
    for name in ["supabase", "auth service", "key files"] {
        let found = |line: &str| line.starts_with("fail") && line.contains(name);
        assert!(ill.stdout.lines().any(found), "{name} in {ill:?}");
    }
}
