//! What a socket of `/events` may ask (contract §6.5).

use latido::domain::identity::Role;
use latido::domain::topic::Topic;
use serde_json::{Value, json};

use crate::support::{self, accounts};

fn assert_error(answer: &Value, code: &str) {
    assert_eq!(answer["ok"], false, "{answer}");
    assert_eq!(answer["error"]["code"], code, "{answer}");
    assert!(answer["error"]["message"].is_string(), "{answer}");
}

#[tokio::test]
async fn a_ping_is_answered_by_a_pong_and_to_its_callback() {
    let latido = support::start().await;
    let patient = latido.account(Role::Patient).await;
    let mut socket = latido.connect(&patient).await;

    let answer = socket.ask("ping", &Value::Null).await;

    let pong = socket.next("pong").await;
    assert_eq!(pong["userId"], patient.id);
    assert!(pong["timestamp"].is_string());
    assert_eq!(answer, pong);
}

#[tokio::test]
async fn a_subscription_lasts_until_it_is_taken_back() {
    let latido = support::start().await;
    let patient = latido.account(Role::Patient).await;
    let mut socket = latido.connect(&patient).await;
    let exam = [Topic::Entity("exam".into(), None)];
    let update = json!({ "entity": "exam", "entityId": 3, "action": "updated" });

    let answer = socket.ask("subscribe", &json!({ "entity": "exam" })).await;
    assert_eq!(answer, json!({ "ok": true, "room": "entity:exam" }));
    latido.publish("entity:update", &exam, &update).await;
    assert_eq!(socket.next("entity:update").await["entityId"], 3);

    let answer = socket.ask("unsubscribe", &json!({ "entity": "exam" })).await;
    assert_eq!(answer["ok"], true);
    latido.publish("entity:update", &exam, &update).await;
    latido.mark("after").await;
    assert_eq!(socket.until("after", "entity:update").await, Vec::<Value>::new());
}

#[tokio::test]
async fn without_a_callback_a_subscription_is_confirmed_by_an_event() {
    let latido = support::start().await;
    let patient = latido.account(Role::Patient).await;
    let mut socket = latido.connect(&patient).await;

    socket.emit("subscribe", &json!({ "entity": "exam", "entityId": 3 })).await;
    let confirmed = socket.next("subscribed").await;
    assert_eq!(confirmed, json!({ "entity": "exam", "entityId": 3, "room": "entity:exam:3" }));

    socket.emit("unsubscribe", &json!({ "entity": "exam", "entityId": 3 })).await;
    assert_eq!(socket.next("unsubscribed").await["room"], "entity:exam:3");
}

#[tokio::test]
async fn subscriptions_follow_the_readers_rights() {
    let latido = support::start().await;
    let (patient, admin) = (latido.account(Role::Patient).await, latido.account(Role::Admin).await);
    let mut as_patient = latido.connect(&patient).await;
    let mut as_admin = latido.connect(&admin).await;

    for entity in ["exam", "price", "category", "package", "location", "posting"] {
        let answer = as_patient.ask("subscribe", &json!({ "entity": entity })).await;
        assert_eq!(answer["ok"], true, "{entity}: {answer}");
    }
    for entity in ["appointment", "result", "consultation", "patient", "doctor", "job", "crisis"] {
        let answer = as_patient.ask("subscribe", &json!({ "entity": entity })).await;
        assert_error(&answer, "forbidden");
        let answer = as_admin.ask("subscribe", &json!({ "entity": entity })).await;
        assert_eq!(answer["ok"], true, "{entity}: {answer}");
    }
    let own = json!({ "entity": "user", "entityId": patient.id });
    assert_eq!(as_patient.ask("subscribe", &own).await["ok"], true);
    let others = json!({ "entity": "user", "entityId": admin.id });
    assert_error(&as_patient.ask("subscribe", &others).await, "forbidden");
    let unknown = as_patient.ask("subscribe", &json!({ "entity": "nothing" })).await;
    assert_error(&unknown, "invalid");
}

#[tokio::test]
async fn a_foreign_row_cannot_be_subscribed() {
    let latido = support::start().await;
    let patient = latido.account(Role::Patient).await;
    let mut socket = latido.connect(&patient).await;

    for entity in ["appointment", "result", "consultation", "patient", "conversation", "payment"] {
        let answer = socket.ask("subscribe", &json!({ "entity": entity, "entityId": 999 })).await;

        assert_eq!(answer["ok"], false, "{entity}: {answer}");
    }
}

#[tokio::test]
async fn an_unknown_event_is_invalid() {
    let latido = support::start().await;
    let patient = latido.account(Role::Patient).await;
    let mut socket = latido.connect(&patient).await;

    assert_error(&socket.ask("dance", &json!({})).await, "invalid");

    socket.emit("dance", &json!({})).await;
    let error = socket.next("error").await;
    assert_eq!(error["event"], "dance");
    assert_eq!(error["error"]["code"], "invalid");
}

#[tokio::test]
async fn a_malformed_payload_is_invalid() {
    let latido = support::start().await;
    let patient = latido.account(Role::Patient).await;
    let mut socket = latido.connect(&patient).await;

    for (event, data) in [
        ("subscribe", Value::Null),
        ("subscribe", json!([1])),
        ("subscribe", json!({ "entity": 5 })),
        ("subscribe", json!({ "entity": "exam", "entityId": { "a": 1 } })),
        ("sync", json!({ "since": "abc" })),
        ("sync", json!({ "since": "0", "limit": 0 })),
        ("sync", json!({ "since": "0", "limit": 501 })),
        ("auth:refresh", json!({})),
    ] {
        let answer = socket.ask(event, &data).await;
        assert_error(&answer, "invalid");
    }
}

#[tokio::test]
async fn sync_pages_through_what_was_missed() {
    let latido = support::start().await;
    let patient = latido.account(Role::Patient).await;
    let mut socket = latido.connect(&patient).await;
    for number in 1..=5 {
        let payload = json!({ "type": "exam", "action": "updated", "entityId": number });
        latido.publish("catalog:update", &[Topic::All], &payload).await;
    }
    latido.mark("five").await;
    let live = socket.until("five", "catalog:update").await;

    let mut since = "0".to_owned();
    let mut replayed = Vec::new();
    loop {
        let answer = socket.ask("sync", &json!({ "since": since, "limit": 2 })).await;
        assert_eq!(answer["ok"], true, "{answer}");
        for event in answer["events"].as_array().unwrap() {
            if event["event"] == "catalog:update" {
                assert_eq!(event["eventId"], event["payload"]["eventId"]);
                replayed.push(event["payload"].clone());
            }
        }
        since = answer["lastEventId"].as_str().unwrap().to_owned();
        if answer["more"] == false {
            break;
        }
    }

    assert_eq!(replayed, live);
    let ids: Vec<u64> =
        live.iter().map(|event| event["eventId"].as_str().unwrap().parse().unwrap()).collect();
    assert!(ids.windows(2).all(|pair| pair[1] == pair[0] + 1), "{ids:?}");
}

#[tokio::test]
async fn sync_shows_only_what_the_caller_may_see() {
    let latido = support::start().await;
    let (ana, ben) = (latido.account(Role::Patient).await, latido.account(Role::Patient).await);
    let mut socket = latido.connect(&ana).await;
    let payload = json!({ "type": "profile", "action": "updated" });
    latido
        .publish("user:update", &[Topic::User(latido::domain::id::UserId(ben.id))], &payload)
        .await;
    latido.mark("sent").await;
    socket.next("system:message").await;

    let answer = socket.ask("sync", &json!({ "since": "0" })).await;

    let names: Vec<_> =
        answer["events"].as_array().unwrap().iter().map(|event| event["event"].clone()).collect();
    assert_eq!(names, ["system:message"]);
}

#[tokio::test]
async fn the_live_dashboard_is_for_administrators() {
    let latido = support::start().await;
    let (patient, admin) = (latido.account(Role::Patient).await, latido.account(Role::Admin).await);
    let mut as_patient = latido.connect(&patient).await;
    let mut as_admin = latido.connect(&admin).await;

    assert_error(&as_patient.ask("admin:live", &json!({ "on": true })).await, "forbidden");
    assert_eq!(as_admin.ask("admin:live", &json!({ "on": true })).await["ok"], true);

    let stats = as_admin.next("admin:stats").await;
    assert_eq!(stats["total"], 2);
    assert_eq!(stats["byRole"], json!({ "Administrador": 1, "Paciente": 1 }));
    for field in [
        "byNamespace",
        "activeRooms",
        "eventsPerSec",
        "p95FanoutMs",
        "queueDropped",
        "outboxPending",
        "nodes",
        "uptime",
        "timestamp",
    ] {
        assert!(!stats[field].is_null(), "{field} in {stats}");
    }
}

#[tokio::test]
async fn a_socket_takes_a_new_token_of_its_own_user_only() {
    let latido = support::start().await;
    let (ana, ben) = (latido.account(Role::Patient).await, latido.account(Role::Patient).await);
    let again = accounts::sign_in(latido.database.url(), ana.id, ana.role).await;
    let mut socket = latido.connect(&ana).await;

    let answer = socket.ask("auth:refresh", &json!({ "token": again.token })).await;
    assert_eq!(answer["ok"], true, "{answer}");
    assert!(answer["expiresAt"].is_string(), "{answer}");

    assert_error(&socket.ask("auth:refresh", &json!({ "token": ben.token })).await, "forbidden");
    assert_error(&socket.ask("auth:refresh", &json!({ "token": "x" })).await, "unauthenticated");
    assert_eq!(socket.ask("ping", &Value::Null).await["userId"], ana.id);
}
