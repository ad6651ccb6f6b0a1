//! Focus mode: what others see of it, and what waits meanwhile (contract §5.3).

use http::StatusCode;
use latido::domain::identity::Role;
use serde_json::{Value, json};

use crate::support::accounts::Account;
use crate::support::{self, Latido, SocketIo};

async fn focus(latido: &Latido, by: &Account, is_on: bool) {
    let call = latido.call("PATCH", "/users/me/settings").bearer(&by.token);
    let answer = call.json(&json!({ "focus_mode": is_on })).send().await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
}

fn notification(id: i64, kind: &str, rooms: &[String]) -> Value {
    json!({
        "event": "notification", "rooms": rooms,
        "payload": { "id": id, "kind": kind, "title": "t", "body": "b", "data": {},
            "timestamp": "2025-10-13T04:58:18.128Z" },
    })
}

async fn publish(latido: &Latido, admin: &Account, body: &Value) -> Value {
    let call = latido.call("POST", "/api/events/publish").bearer(&admin.token);
    let answer = call.json(body).send().await;
    assert_eq!(answer.status, StatusCode::ACCEPTED, "{}", answer.text());
    answer.json()
}

async fn notify(latido: &Latido, admin: &Account, id: i64, kind: &str, to: &Account) -> Value {
    publish(latido, admin, &notification(id, kind, &[format!("user:{}", to.id)])).await
}

/// The ids of the notifications before the marker.
async fn heard(socket: &mut SocketIo, marker: &str) -> Vec<i64> {
    let heard = socket.until(marker, "notification").await;
    heard.iter().map(|it| it["id"].as_i64().unwrap()).collect()
}

#[tokio::test]
async fn whoever_watches_sees_focus_mode_while_somebody_is_there() {
    let latido = support::start_with(&[("PRESENCE_GRACE_MS", "50")]).await;
    let (admin, ana) = (latido.account(Role::Admin).await, latido.account(Role::Doctor).await);
    let mut watcher = latido.connect(&admin).await;
    focus(&latido, &ana, true).await;
    let asked = json!({ "userIds": [ana.id] });
    let answer = watcher.ask("presence:subscribe", &asked).await;
    assert_eq!(answer["presence"][0]["status"], "offline", "{answer}");
    let told = async |watcher: &mut SocketIo| {
        watcher.next("presence:update").await["status"].as_str().unwrap().to_owned()
    };

    let mut socket = latido.connect(&ana).await;
    assert_eq!(told(&mut watcher).await, "focus");
    socket.ask("presence:set", &json!({ "status": "away" })).await;
    focus(&latido, &ana, false).await;
    assert_eq!(told(&mut watcher).await, "away");
    focus(&latido, &ana, true).await;
    assert_eq!(told(&mut watcher).await, "focus");
    let mut late = latido.connect(&admin).await;
    let answer = late.ask("presence:subscribe", &asked).await;
    assert_eq!(answer["presence"][0]["status"], "focus", "{answer}");
    drop(socket);
    assert_eq!(told(&mut watcher).await, "offline");
}

#[tokio::test]
async fn notifications_wait_in_their_order_and_nothing_else_does() {
    let latido = support::start().await;
    let (admin, ana) = (latido.account(Role::Admin).await, latido.account(Role::Patient).await);
    let ben = latido.account(Role::Patient).await;
    let (mut of_ana, mut of_ben) = (latido.connect(&ana).await, latido.connect(&ben).await);
    focus(&latido, &ana, true).await;

    let held = notify(&latido, &admin, 1, "offer.accepted", &ana).await;
    assert_eq!((&held["eventId"], &held["delivered"]), (&Value::Null, &json!(0)));
    let both = [format!("user:{}", ana.id), format!("user:{}", ben.id)];
    publish(&latido, &admin, &notification(2, "reminder", &both)).await;
    let mut passing = notification(3, "reminder", &both[..1]);
    passing["durable"] = json!(false);
    assert_eq!(publish(&latido, &admin, &passing).await["delivered"], 0);
    notify(&latido, &admin, 4, "security.password", &ana).await;
    latido.mark("meanwhile").await;

    assert_eq!(heard(&mut of_ana, "meanwhile").await, [4]);
    assert_eq!(heard(&mut of_ben, "meanwhile").await, [2]);
    focus(&latido, &ana, false).await;
    notify(&latido, &admin, 5, "reminder", &ana).await;
    latido.mark("after").await;
    let late = of_ana.until("after", "notification").await;
    assert_eq!(late.iter().map(|it| it["id"].clone()).collect::<Vec<_>>(), [1, 2, 3, 5]);
    assert!(late.iter().all(|it| it["eventId"].is_string()), "{late:?}");
    assert_eq!(heard(&mut of_ben, "after").await, [0; 0]);
}

#[tokio::test]
async fn what_waits_outlives_the_node_and_is_replayed_like_any_event() {
    let latido = support::start().await;
    let (admin, ana) = (latido.account(Role::Admin).await, latido.account(Role::Patient).await);
    focus(&latido, &ana, true).await;
    for id in 1..=3 {
        notify(&latido, &admin, id, "reminder", &ana).await;
    }

    let latido = Latido::on(latido.stop().await, &[]).await;

    // Settings as they are at the start end focus mode too.
    let call = latido.call("PUT", "/users/me/settings").bearer(&ana.token);
    assert_eq!(call.json(&json!({})).send().await.status, StatusCode::OK);
    latido.mark("released").await;
    let mut socket =
        latido.join(support::EVENTS, &json!({ "token": ana.token, "since": "0" })).await.unwrap();
    assert_eq!(heard(&mut socket, "released").await, [1, 2, 3]);
}

#[tokio::test]
async fn nothing_stays_behind_when_focus_mode_ends_while_notifications_come_in() {
    let latido = support::start().await;
    let (admin, ana) = (latido.account(Role::Admin).await, latido.account(Role::Patient).await);
    let mut socket = latido.connect(&ana).await;

    for round in 0..5 {
        focus(&latido, &ana, true).await;
        let coming = (0..8).map(|id| notify(&latido, &admin, round * 8 + id, "reminder", &ana));
        tokio::join!(futures_util::future::join_all(coming), focus(&latido, &ana, false));
    }
    latido.mark("done").await;

    let mut heard = heard(&mut socket, "done").await;
    heard.sort_unstable();
    assert_eq!(heard, (0..40).collect::<Vec<_>>());
}
