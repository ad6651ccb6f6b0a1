//! Coming back: everything that was missed, or the word that it is not everything.

use latido::domain::event::{Class, Event};
use latido::domain::identity::Role;
use latido::domain::topic::Topic;
use serde_json::value::to_raw_value;
use serde_json::{Value, json};

use crate::support::accounts::{self, Account};
use crate::support::polling::Polling;
use crate::support::{self, EVENTS, Latido, SocketIo};

/// Events of the catalogue, numbered from 1.
async fn publish(latido: &Latido, count: u64) {
    for number in 1..=count {
        let payload = json!({ "type": "exam", "action": "updated", "entityId": number });
        latido.publish("catalog:update", &[Topic::All], &payload).await;
    }
}

/// The id of an event that a socket hears, published for it.
async fn seen(latido: &Latido, account: &Account) -> String {
    let mut socket = latido.connect(account).await;
    latido.mark("seen").await;
    socket.next("system:message").await["eventId"].as_str().unwrap().to_owned()
}

async fn back(latido: &Latido, account: &Account, since: &str) -> (SocketIo, Value) {
    let auth = json!({ "token": account.token, "since": since });
    let mut socket = latido.join(EVENTS, &auth).await.unwrap();
    let connected = socket.next("connected").await;
    (socket, connected)
}

#[tokio::test]
async fn a_late_listener_is_told_what_it_missed() {
    let latido = support::start().await;
    let patient = latido.account(Role::Patient).await;
    let since = seen(&latido, &patient).await;
    let mut witness = latido.connect(&patient).await;
    publish(&latido, 3).await;
    latido.mark("end").await;
    witness.next("system:message").await;

    let (mut socket, connected) = back(&latido, &patient, &since).await;

    assert_eq!(connected["replayed"], 4, "{connected}");
    assert_eq!(connected["gap"], Value::Null);
    for number in 1..=3 {
        assert_eq!(socket.next("catalog:update").await["entityId"], number);
    }
    assert_eq!(socket.next("system:message").await["message"], "end");
}

#[tokio::test]
async fn events_of_others_do_not_count_against_what_was_missed() {
    let latido = support::start().await;
    let (patient, admin) = (latido.account(Role::Patient).await, latido.account(Role::Admin).await);
    let since = seen(&latido, &patient).await;
    let payload = json!({ "eventType": "x.y", "entityType": "x", "entityId": 1, "action": "y",
        "userId": 1, "timestamp": "2025-01-01T00:00:00.000Z" });
    for _ in 0..600 {
        latido.publish("admin:event", &[Topic::Role(Role::Admin)], &payload).await;
    }
    publish(&latido, 1).await;
    // Once the administrator hears the last one, all are dispatched.
    let mut witness = latido.connect(&admin).await;
    latido.mark("end").await;
    witness.next("system:message").await;

    let (mut socket, connected) = back(&latido, &patient, &since).await;

    assert_eq!(connected["gap"], Value::Null, "{connected}");
    assert_eq!(socket.next("catalog:update").await["entityId"], 1);
}

#[tokio::test]
async fn more_than_fits_is_told_instead_of_cut() {
    let latido = support::start().await;
    let patient = latido.account(Role::Patient).await;
    let since = seen(&latido, &patient).await;
    publish(&latido, 600).await;
    let mut socket = latido.connect(&patient).await;
    latido.mark("end").await;
    let last = socket.next("system:message").await["eventId"].clone();

    let (mut late, connected) = back(&latido, &patient, &since).await;

    assert_eq!(connected["gap"], true, "{connected}");
    assert_eq!(connected["replayed"], 0);
    assert_eq!(connected["lastEventId"], last);
    // The pages of `sync` hold them all.
    let first = late.ask("sync", &json!({ "since": since, "limit": 500 })).await;
    assert_eq!((first["events"].as_array().unwrap().len(), &first["more"]), (500, &json!(true)));
}

#[tokio::test]
async fn what_the_log_does_not_know_is_told() {
    let latido = support::start().await;
    let patient = latido.account(Role::Patient).await;
    let since = seen(&latido, &patient).await;
    publish(&latido, 3).await;
    let mut socket = latido.connect(&patient).await;
    latido.mark("end").await;
    socket.next("system:message").await;
    accounts::run(latido.database.url(), "delete from outbox where seq <= 3").await;

    for unknown in ["0", since.as_str(), "999999", "abc", ""] {
        let (_, connected) = back(&latido, &patient, unknown).await;
        assert_eq!(connected["gap"], true, "since {unknown:?}: {connected}");
    }
    let answer = latido.call("GET", "/api/events?since=0").bearer(&patient.token).send().await;
    assert_eq!(answer.status, 404, "{}", answer.text());
    let answer = latido.call("GET", "/api/events").bearer(&patient.token).send().await;
    assert_eq!(answer.status, 200, "{}", answer.text());
}

#[tokio::test]
async fn a_replay_outlasts_a_polling_client_that_takes_its_time() {
    let latido = support::start().await;
    let patient = latido.account(Role::Patient).await;
    let since = seen(&latido, &patient).await;
    publish(&latido, 100).await;
    let mut socket = latido.connect(&patient).await;
    latido.mark("end").await;
    socket.next("system:message").await;

    let polling = Polling::open(latido.address).await;
    let mut text = polling
        .join("/events", &json!({ "token": patient.token, "since": since }))
        .await
        .text()
        .to_owned();
    // Nobody polls while more is published than a queue holds of what may be dropped.
    for number in 0..1200 {
        let payload = to_raw_value(&json!({ "keys": [number.to_string()] })).unwrap();
        let topics = vec![Topic::All];
        let event = Event { name: "cache:invalidate", class: Class::Volatile, topics, payload };
        latido.hub().publish(event).await;
    }
    while !text.contains("\"end\"") {
        let answer = polling.get().send().await;
        assert_eq!(answer.status, 200);
        text.push_str(answer.text());
    }

    let events: Vec<Value> = text
        .split('\u{1e}')
        .filter_map(|packet| serde_json::from_str(packet.strip_prefix("42/events,")?).ok())
        .collect();
    let replayed: Vec<_> = events
        .iter()
        .filter(|event| event[0] == "catalog:update")
        .filter_map(|event| event[1]["entityId"].as_u64())
        .collect();
    assert_eq!(events[0][0], "connected");
    assert_eq!(replayed, (1..=100).collect::<Vec<_>>());
}
