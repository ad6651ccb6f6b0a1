//! Long polling under the product's limits (contract §6.1).

use latido::actors::hub::Revocation;
use latido::domain::id::SessionId;
use latido::domain::identity::Role;
use latido::domain::topic::Topic;
use serde_json::json;

use crate::support;
use crate::support::polling::Polling;

#[tokio::test]
async fn a_polling_socket_is_greeted_and_hears_events() {
    let latido = support::start().await;
    let patient = latido.account(Role::Patient).await;
    let polling = Polling::open(latido.address).await;

    let mut text =
        polling.join("/events", &json!({ "token": patient.token })).await.text().to_owned();
    while !text.contains("\"connected\"") {
        text.push_str(polling.get().send().await.text());
    }
    assert!(text.starts_with("40/events,{\"sid\""), "{text}");

    let payload = json!({ "type": "exam", "action": "updated", "entityId": 3 });
    latido.publish("catalog:update", &[Topic::All], &payload).await;
    assert!(polling.get().send().await.text().contains("[\"catalog:update\","));
}

#[tokio::test]
async fn an_unknown_sid_is_refused() {
    let latido = support::start().await;
    let path = "/socket.io/?EIO=4&transport=polling&sid=unknown";
    for method in ["GET", "POST"] {
        let answer = latido.call(method, path).body("3").send().await;

        assert_eq!(answer.status, 400);
        assert_eq!(answer.json()["code"], 1);
    }
}

#[tokio::test]
async fn a_head_opens_nothing_and_takes_nothing() {
    let latido = support::start().await;
    let polling = Polling::open(latido.address).await;
    let open = latido.hub().census().total;
    let path = "/socket.io/?EIO=4&transport=polling";

    for path in [path.to_owned(), format!("{path}&sid={}", polling.sid)] {
        let answer = latido.call("HEAD", &path).send().await;

        assert_eq!((answer.status.as_u16(), answer.text()), (200, ""), "{path}");
        assert!(answer.header("content-type").starts_with("text/plain"), "{path}");
    }

    assert_eq!(latido.hub().census().total, open);
    assert!(polling.join("/events", &json!({})).await.text().starts_with("44"));
}

#[tokio::test]
async fn a_second_poll_ends_the_session() {
    let latido = support::start().await;
    let polling = Polling::open(latido.address).await;
    let first = tokio::spawn(polling.get().send());
    let second = polling.get();

    let answers = [second.send().await, first.await.unwrap()];

    assert!(answers.iter().any(|answer| answer.status == 400), "{answers:?}");
    assert_eq!(polling.get().send().await.status, 400);
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused() {
    let latido = support::start().await;
    let polling = Polling::open(latido.address).await;

    let answer = polling.post("4".repeat(1_000_001)).try_send().await;

    // The node may hang up before the whole body is sent.
    assert!(answer.is_err() || answer.unwrap().status == 413);
}

#[tokio::test]
async fn long_answers_are_compressed_when_accepted() {
    let latido = support::start().await;
    let patient = latido.account(Role::Patient).await;
    let polling = Polling::open(latido.address).await;
    let mut greeting = polling.join("/events", &json!({ "token": patient.token })).await;
    while !greeting.text().contains("\"connected\"") {
        greeting = polling.get().send().await;
    }
    let payload = json!({ "type": "exam", "action": "updated", "entityId": 3, "entityName": "x".repeat(5000) });
    latido.publish("catalog:update", &[Topic::All], &payload).await;

    let answer = polling.get().header("accept-encoding", "gzip").send().await;

    assert_eq!(answer.header("content-encoding"), "gzip");
    assert!(answer.body.len() < 1000, "{} bytes", answer.body.len());
}

#[tokio::test]
async fn the_last_word_before_the_end_reaches_a_polling_socket() {
    let latido = support::start().await;
    let patient = latido.account(Role::Patient).await;
    let polling = Polling::open(latido.address).await;
    let mut text =
        polling.join("/events", &json!({ "token": patient.token })).await.text().to_owned();
    while !text.contains("\"connected\"") {
        text.push_str(polling.get().send().await.text());
    }

    latido.hub().revoke(&SessionId::from(patient.session.as_str()), Revocation::Admin);

    let mut last = String::new();
    loop {
        let answer = polling.get().send().await;
        if answer.status != 200 {
            break;
        }
        last.push_str(answer.text());
    }
    assert!(last.contains("[\"session:revoked\","), "{last:?}");
    assert!(last.contains("41/events,"), "{last:?}");
}
