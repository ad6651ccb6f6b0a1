//! The plain-JSON WebSocket (contract §6.9).

use latido::actors::hub::Revocation;
use latido::domain::id::SessionId;
use latido::domain::identity::Role;
use latido::domain::topic::Topic;
use serde_json::{Value, json};

use crate::support::plain::Plain;
use crate::support::websocket::{Heard, WebSocket};
use crate::support::{self, EVENTS, Latido, accounts};

async fn open(latido: &Latido) -> Plain {
    Plain::open(latido.address, &[]).await
}

#[tokio::test]
async fn every_way_of_bringing_a_token_works() {
    let latido = support::start().await;
    let patient = latido.account(Role::Patient).await;
    let bearer = format!("Bearer {}", patient.token);
    let offered = format!("latido.v1, bearer.{}", patient.token);

    for headers in [
        ("authorization", bearer.as_str()),
        ("cookie", patient.cookie.as_str()),
        ("sec-websocket-protocol", offered.as_str()),
    ] {
        let mut socket = Plain::open(latido.address, &[headers]).await;
        assert_eq!(socket.next("connected").await["userId"], patient.id, "{}", headers.0);
    }
    let mut socket = open(&latido).await;
    socket.send(&json!({ "event": "auth", "data": { "token": patient.token } })).await;
    assert_eq!(socket.next("connected").await["userId"], patient.id);
}

#[tokio::test]
async fn the_server_picks_its_own_subprotocol() {
    let latido = support::start().await;
    let patient = latido.account(Role::Patient).await;
    let offered = format!("latido.v1, bearer.{}", patient.token);

    let socket =
        WebSocket::open(latido.address, "/events", &[("sec-websocket-protocol", &offered)]).await;

    assert_eq!(socket.headers["sec-websocket-protocol"], "latido.v1");
}

#[tokio::test]
async fn a_token_in_the_query_counts_only_when_allowed() {
    for (setting, is_admitted) in [("false", false), ("true", true)] {
        let latido = support::start_with(&[("WS_QUERY_TOKEN", setting)]).await;
        let patient = latido.account(Role::Patient).await;
        let path = format!("/events?token={}", patient.token);
        let mut socket = WebSocket::open(latido.address, &path, &[]).await;
        socket.send("ping").await;

        let Heard::Text(first) = socket.next().await else {
            assert!(!is_admitted);
            continue;
        };
        assert_eq!(first.contains("\"connected\""), is_admitted, "{first}");
    }
}

#[tokio::test]
async fn a_bad_token_in_the_upgrade_is_a_problem() {
    let latido = support::start().await;

    let answer = latido.call("GET", "/events").upgrade().bearer("nonsense").send().await;

    assert_eq!(answer.status, 401);
    assert_eq!(answer.json()["type"], "urn:latido:problem:unauthenticated");
    assert_eq!(answer.header("content-type"), "application/problem+json");
    assert_eq!(answer.header("www-authenticate"), "Bearer");
}

#[tokio::test]
async fn a_deactivated_account_is_not_taken_for_a_bad_token() {
    let latido = support::start().await;
    let patient = latido.account(Role::Patient).await;
    let deactivate = format!("update users set is_active = false where id = {}", patient.id);
    accounts::run(latido.database.url(), &deactivate).await;

    let answer = latido.call("GET", "/events").upgrade().bearer(&patient.token).send().await;

    assert_eq!(answer.status, 403);
    assert_eq!(answer.json()["type"], "urn:latido:problem:account-inactive");
}

#[tokio::test]
async fn a_database_that_cannot_be_read_is_not_taken_for_a_bad_token() {
    let latido = support::start().await;
    let patient = latido.account(Role::Patient).await;
    accounts::run(latido.database.url(), "alter table sessions rename to unreadable").await;

    let answer = latido.call("GET", "/events").upgrade().bearer(&patient.token).send().await;

    assert_eq!(answer.status, 503);
    assert_eq!(answer.json()["type"], "urn:latido:problem:unavailable");
}

#[tokio::test]
async fn the_development_bypass_lets_in_who_presents_nothing_and_who_names_an_account() {
    let latido = support::start_with(&[("AUTH_DEV_BYPASS", "true")]).await;
    let patient = latido.account(Role::Patient).await;

    let mut nobody = open(&latido).await;
    let pong = nobody.ask("ping", &Value::Null).await;
    assert_eq!(pong["userId"], 0);

    for name in [json!(patient.id), json!(patient.id.to_string())] {
        let mut named = open(&latido).await;
        named.send(&json!({ "event": "auth", "data": { "devUser": name } })).await;
        assert_eq!(named.next("connected").await["userId"], patient.id);
        let mut other = latido.join(EVENTS, &json!({ "devUser": name })).await.unwrap();
        assert_eq!(other.next("connected").await["userId"], patient.id);
    }
}

#[tokio::test]
async fn a_plain_get_is_told_to_upgrade() {
    let latido = support::start().await;
    for path in ["/events", "/signaling"] {
        let answer = latido.call("GET", path).send().await;

        assert_eq!(answer.status, 426, "{path}");
        assert_eq!(answer.json()["type"], "urn:latido:problem:upgrade-required");
    }
}

#[tokio::test]
async fn a_bare_ping_is_answered() {
    let latido = support::start().await;
    let patient = latido.account(Role::Patient).await;
    let mut socket = latido.connect_plain(&patient).await;

    socket.0.send("ping").await;

    let Heard::Text(pong) = socket.0.next().await else { panic!("no pong") };
    let pong: Value = serde_json::from_str(&pong).unwrap();
    assert_eq!(pong["event"], "pong");
    assert_eq!(pong["data"]["userId"], patient.id);
    assert!(pong["data"]["timestamp"].is_string());
}

#[tokio::test]
async fn acks_carry_the_id_they_answer() {
    let latido = support::start().await;
    let mut socket = latido.connect_plain(&latido.account(Role::Patient).await).await;

    for id in [json!("a"), json!(7)] {
        socket.send(&json!({ "event": "subscribe", "data": { "entity": "exam" }, "id": id })).await;
        let Heard::Text(ack) = socket.0.next().await else { panic!("no ack") };
        let ack: Value = serde_json::from_str(&ack).unwrap();
        assert_eq!(
            ack,
            json!({ "event": "ack", "id": id, "data": { "ok": true, "room": "entity:exam" } })
        );
    }
    let answer = socket.ask("dance", &json!({})).await;
    assert_eq!(answer["error"]["code"], "invalid");
}

#[tokio::test]
async fn events_come_as_they_do_to_socket_io() {
    let latido = support::start().await;
    let patient = latido.account(Role::Patient).await;
    let mut plain = latido.connect_plain(&patient).await;
    let mut other = latido.connect(&patient).await;

    let payload = json!({ "type": "exam", "action": "created", "entityId": 1, "entityName": "Hemograma ñ \u{1F600}" });
    latido.publish("catalog:update", &[Topic::All], &payload).await;

    assert_eq!(plain.next("catalog:update").await, other.next("catalog:update").await);
}

#[tokio::test]
async fn malformed_messages_close_with_4400() {
    let latido = support::start().await;
    let patient = latido.account(Role::Patient).await;
    for message in
        ["{", "[]", "7", "{\"data\":1}", "{\"event\":5}", "{\"event\":\"ping\",\"event\":\"ping\"}"]
    {
        let mut socket = latido.connect_plain(&patient).await;

        socket.0.send(message).await;

        assert_eq!(socket.0.closed().await, Some(4400), "{message}");
    }
}

#[tokio::test]
async fn a_bad_token_in_auth_closes_with_4401() {
    let latido = support::start().await;
    let mut socket = open(&latido).await;

    socket.send(&json!({ "event": "auth", "data": { "token": "nonsense" } })).await;

    assert_eq!(socket.0.closed().await, Some(4401));
}

#[tokio::test]
async fn asking_before_auth_closes_with_4401() {
    let latido = support::start().await;
    let mut socket = open(&latido).await;

    socket.send(&json!({ "event": "subscribe", "data": { "entity": "exam" } })).await;

    assert_eq!(socket.0.closed().await, Some(4401));
}

#[tokio::test]
async fn a_revoked_session_closes_with_4409() {
    let latido = support::start().await;
    let patient = latido.account(Role::Patient).await;
    let mut socket = latido.connect_plain(&patient).await;

    latido.hub().revoke(&SessionId::from(patient.session.as_str()), Revocation::Logout);

    assert_eq!(socket.next("session:revoked").await["reason"], "logout");
    assert_eq!(socket.0.closed().await, Some(4409));
}

#[tokio::test]
async fn too_large_a_message_closes_with_4413() {
    let latido = support::start().await;
    let mut socket = latido.connect_plain(&latido.account(Role::Patient).await).await;

    let message = json!({ "event": "ping", "data": "x".repeat(1_000_001) }).to_string();
    socket.0.try_send(&message).await;

    assert_eq!(socket.0.closed().await, Some(4413));
}

#[tokio::test]
async fn lasting_excess_closes_with_4429() {
    let latido =
        support::start_with(&[("RATE_LIMIT_ENABLED", "true"), ("RATE_LIMIT_WS_PER_SEC", "5")])
            .await;
    let mut socket = latido.connect_plain(&latido.account(Role::Patient).await).await;

    let code = support::within("the end of a noisy socket", async {
        while socket.0.try_send("ping").await {
            match socket.0.next().await {
                Heard::Closed(code) => return code,
                _ => tokio::time::sleep(std::time::Duration::from_millis(20)).await,
            }
        }
        None
    })
    .await;

    assert_eq!(code, Some(4429));
}

#[tokio::test]
async fn a_user_with_too_many_sockets_is_closed_with_1013() {
    let latido = support::start_with(&[("MAX_CONNECTIONS_PER_USER", "1")]).await;
    let patient = latido.account(Role::Patient).await;
    let _first = latido.connect_plain(&patient).await;

    let bearer = format!("Bearer {}", patient.token);
    let mut second = Plain::open(latido.address, &[("authorization", &bearer)]).await;

    assert_eq!(second.0.closed().await, Some(1013));
}
