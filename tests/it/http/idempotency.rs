//! A repeated request has one effect, whatever happens to its first answer (contract §2.7).

use latido::domain::identity::Role;
use rustix::process::Signal;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::support::accounts::{self, run};
use crate::support::database::Database;
use crate::support::device::{Device, PASSWORD};
use crate::support::http::{Answer, Call};
use crate::support::process::{Process, serve_with_admin};
use crate::support::{self, Latido};

const EXAMS: &str = "/api/v1/catalog/exams";

/// Makes keeping an answer fail.
fn refusing_answers(url: &str) -> &'static str {
    if url.starts_with("postgres") {
        "create function refuse_answer() returns trigger language plpgsql as $$
         begin raise exception 'injected'; end $$;
         create trigger refuse_answer before update of status on idempotency_keys
         for each row execute function refuse_answer()"
    } else {
        "create trigger refuse_answer before update of status on idempotency_keys
         begin select raise(abort, 'injected'); end"
    }
}

async fn exams(url: &str) -> i64 {
    accounts::value(url, "select count(*) from exams").await
}

async fn create(call: Call, token: &str) -> Answer {
    let exam: Value = json!({ "code": "HEM", "name": "Hemograma" });
    call.bearer(token).header("idempotency-key", "k1").json(&exam).send().await
}

#[tokio::test]
async fn a_node_killed_before_the_answer_was_kept_leaves_one_effect() {
    let database = Database::fresh().await;
    let process = serve_with_admin(&database, &[]).await;
    let token = process.sign_in().await["access_token"].as_str().unwrap().to_owned();
    run(database.url(), refusing_answers(database.url())).await;
    assert_eq!(create(process.call("POST", EXAMS), &token).await.status, 201);
    process.signal(Signal::KILL);
    process.ended().await;
    let process = Process::serve(&database, &[]).await;

    let soon = create(process.call("POST", EXAMS), &token).await;
    run(database.url(), "update idempotency_keys set created_at = created_at - 180000").await;
    let later = create(process.call("POST", EXAMS), &token).await;

    assert_eq!(soon.json()["type"], "urn:latido:problem:idempotency-in-progress");
    assert_eq!(
        (later.status.as_u16(), &later.json()["type"]),
        (409, &json!("urn:latido:problem:conflict"))
    );
    assert!(later.json()["detail"].as_str().unwrap().contains("carried out"));
    assert_eq!(exams(database.url()).await, 1);
}

#[tokio::test]
async fn a_request_that_changed_nothing_runs_again_after_its_node_died() {
    let latido = support::start().await;
    let admin = latido.account(Role::Admin).await;
    let exam = json!({ "code": "HEM", "name": "Hemograma" });
    let call = || latido.call("POST", EXAMS).bearer(&admin.token).header("idempotency-key", "k1");
    assert_eq!(call().json(&exam).send().await.status, 201);
    let url = latido.database.url();
    run(url, "delete from exams").await;
    run(
        url,
        "update idempotency_keys set state = 'running', status = null, body = null,
              created_at = created_at - 180000",
    )
    .await;

    let again = call().json(&exam).send().await;

    assert_eq!((again.status.as_u16(), exams(url).await), (201, 1));
    assert_eq!(again.header("idempotency-replayed"), "");
    assert_eq!(call().json(&exam).send().await.header("idempotency-replayed"), "true");
}

#[tokio::test]
async fn services_do_not_share_their_keys() {
    let keys = [(
        "SERVICE_API_KEYS",
        "labs:the-key-of-the-laboratories-00000001,desk:the-key-of-the-front-desk-000000002",
    )];
    let latido = support::start_with(&keys).await;
    let ask = |service: &'static str, code: &str| {
        let exam = json!({ "code": code, "name": "Hemograma" });
        let call = latido.call("POST", EXAMS).header("x-service-key", service);
        call.header("idempotency-key", "k1").json(&exam).send()
    };

    let labs = ask("the-key-of-the-laboratories-00000001", "A").await;
    let desk = ask("the-key-of-the-front-desk-000000002", "B").await;

    assert_eq!((labs.status.as_u16(), desk.status.as_u16()), (201, 201), "{}", desk.text());
    assert_ne!(labs.json()["id"], desk.json()["id"]);
}

#[tokio::test]
async fn what_is_kept_of_a_repeated_request_is_of_no_use_beside_the_server() {
    let latido = support::start().await;
    let device = Device::register(latido.address, "ana@example.com").await;
    let body = json!({ "email": "ana@example.com", "password": PASSWORD });
    let sign_in = async || {
        let call = device.call("POST", "/auth/login").header("idempotency-key", "k1").json(&body);
        call.send().await
    };

    let first = sign_in().await;

    assert_eq!(first.status, 200, "{}", first.text());
    let kept =
        "select request_hash || ' ' || body || ' ' || cast(headers as text) from idempotency_keys";
    let kept: String = accounts::value(latido.database.url(), kept).await;
    let tokens = first.json();
    for secret in ["access_token", "refresh_token", "session_id"] {
        assert!(!kept.contains(tokens[secret].as_str().unwrap()), "{secret} in {kept}");
    }
    assert!(!kept.contains("ana@example.com"), "{kept}");
    let digest = |text: &str| latido::auth::digest(text);
    let bytes: [u8; 32] = Sha256::digest(body.to_string()).into();
    for guess in [digest(&body.to_string()), digest(&format!("\n{bytes:?}"))] {
        assert!(!kept.contains(&guess), "{kept}");
    }
    let again = sign_in().await;
    assert_eq!(again.header("idempotency-replayed"), "true");
    assert_eq!(again.json(), tokens);
}

#[tokio::test]
async fn an_answer_outlives_one_change_of_the_secret_and_is_said_to_be_lost_after_two() {
    let latido = support::start().await;
    let admin = latido.account(Role::Admin).await;
    let create = async |latido: &Latido, token: &str| {
        let exam = json!({ "code": "HEM", "name": "Hemograma" });
        let call = latido.call("POST", EXAMS).bearer(token);
        call.header("idempotency-key", "k1").json(&exam).send().await
    };
    let first = create(&latido, &admin.token).await;
    let other = "another secret of the tests, as long as the first";
    let settings = [("JWT_SECRET_KEY", other), ("JWT_PREVIOUS_SECRET_KEY", accounts::SECRET)];
    let rotated = latido.beside(&settings).await;

    let replayed = create(&rotated, &admin.token).await;

    assert_eq!((first.status.as_u16(), replayed.status.as_u16()), (201, 201));
    assert_eq!(replayed.json(), first.json());
    let forgetful = latido.beside(&[("JWT_SECRET_KEY", other), ("AUTH_DEV_BYPASS", "true")]).await;
    let call = forgetful.call("POST", EXAMS).header("x-dev-user", admin.id.to_string());
    let exam = json!({ "code": "HEM", "name": "Hemograma" });
    let lost = call.header("idempotency-key", "k1").json(&exam).send().await;
    assert_eq!(lost.json()["type"], "urn:latido:problem:conflict");
    assert!(lost.json()["detail"].as_str().unwrap().contains("carried out"));
}
