//! How much one socket may ask (contract §6.10).

use latido::domain::identity::Role;
use serde_json::{Value, json};

use crate::support::socket_io::End;
use crate::support::{self};

#[tokio::test]
async fn more_events_than_allowed_are_refused_one_by_one() {
    let latido =
        support::start_with(&[("RATE_LIMIT_ENABLED", "true"), ("RATE_LIMIT_WS_PER_SEC", "5")])
            .await;
    let mut socket = latido.connect(&latido.account(Role::Patient).await).await;

    let mut refused = 0;
    for _ in 0..30 {
        let answer = socket.ask("sync", &json!({ "since": "0" })).await;
        if answer["ok"] == false {
            assert_eq!(answer["error"]["code"], "rate_limited");
            refused += 1;
        }
    }

    assert!((10..30).contains(&refused), "{refused} of 30 refused");
}

#[tokio::test]
async fn one_socket_over_its_limit_does_not_slow_another_user() {
    let latido =
        support::start_with(&[("RATE_LIMIT_ENABLED", "true"), ("RATE_LIMIT_WS_PER_SEC", "5")])
            .await;
    let mut loud = latido.connect(&latido.account(Role::Patient).await).await;
    let mut calm = latido.connect(&latido.account(Role::Patient).await).await;

    for _ in 0..50 {
        loud.ask("sync", &json!({ "since": "0" })).await;
    }

    assert_eq!(calm.ask("sync", &json!({ "since": "0" })).await["ok"], true);
}

#[tokio::test]
async fn lasting_excess_closes_the_socket() {
    let latido =
        support::start_with(&[("RATE_LIMIT_ENABLED", "true"), ("RATE_LIMIT_WS_PER_SEC", "5")])
            .await;
    let mut socket = latido.connect(&latido.account(Role::Patient).await).await;

    let ended = async {
        while socket.send_raw("42/events,[\"ping\"]").await {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        socket.ended().await
    };

    let end = support::within("the end of a noisy socket", ended).await;
    assert!(matches!(end, End::Disconnected | End::Closed));
}

#[tokio::test]
async fn a_socket_has_no_more_than_200_subscriptions() {
    let latido = support::start().await;
    let mut socket = latido.connect(&latido.account(Role::Patient).await).await;
    for id in 1..=200 {
        let answer = socket.ask("subscribe", &json!({ "entity": "exam", "entityId": id })).await;
        assert_eq!(answer["ok"], true, "{id}: {answer}");
    }

    let answer = socket.ask("subscribe", &json!({ "entity": "exam", "entityId": 201 })).await;
    assert_eq!(answer["ok"], false);
    let again = socket.ask("subscribe", &json!({ "entity": "exam", "entityId": 200 })).await;
    assert_eq!(again["ok"], true, "a subscription it has is no new one");
}

#[tokio::test]
async fn a_message_over_the_limit_closes_only_its_own_socket() {
    let latido = support::start().await;
    let account = latido.account(Role::Patient).await;
    let mut socket = latido.connect(&account).await;
    let mut witness = latido.connect(&account).await;

    let packet = format!("42/events,[\"ping\",\"{}\"]", "x".repeat(1_000_000));
    socket.send_raw(&packet).await;

    assert_eq!(socket.ended().await, End::Closed);
    assert_eq!(witness.ask("ping", &Value::Null).await["userId"], account.id);
}

#[tokio::test]
async fn crafted_packets_close_only_their_own_socket() {
    let latido = support::start().await;
    let account = latido.account(Role::Patient).await;
    let mut witness = latido.connect(&account).await;
    let deep = format!("42/events,[\"ping\",{}{}]", "[".repeat(200), "]".repeat(200));
    for packet in [
        "4abc",
        "42/events,{}",
        "42/events,[]",
        "42/events,[1]",
        "42/events,[\"ping\"",
        "4511-/events,[\"ping\"]",
        "42/events,[\"ping\",{\"a\":1,\"a\":2}]",
        "9",
        deep.as_str(),
    ] {
        let mut socket = latido.connect(&account).await;
        socket.send_raw(packet).await;
        socket.ended().await;
    }

    assert_eq!(witness.ask("ping", &Value::Null).await["userId"], account.id);
}
