//! A repeated request has one effect, whatever happens to its first answer (contract §2.7).

use latido::domain::identity::Role;
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::support;
use crate::support::accounts::{self, run};
use crate::support::database::Database;
use crate::support::http::{Answer, Call};
use crate::support::process::{Process, serve_with_admin};

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
