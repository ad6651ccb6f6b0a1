//! A seat through lost connections, other devices and the end of the room.

use serde_json::json;

use crate::support::accounts;
use crate::support::rooms::{Visit, peer};
use crate::support::within;

#[tokio::test]
async fn who_reconnects_keeps_the_seat_and_the_name() {
    let visit = Visit::start().await;
    let (mut doctor, patient, _, patients) = visit.both().await;

    drop(patient);
    let hub = visit.latido().hub();
    let gone = async {
        while hub.connections() > 1 {
            tokio::task::yield_now().await;
        }
    };
    within("the end of a connection", gone).await;
    let (mut patient, joined) = visit.join(&visit.patient.account).await;

    assert_eq!(joined["peerId"], json!(patients));
    let state = doctor.next("room-state").await;
    assert_eq!(state["participants"].as_array().unwrap().len(), 2, "{state}");
    assert_eq!(doctor.heard("peer-left").len(), 0);
    let offer = json!({ "type": "offer", "sdp": "v=0" });
    doctor.ask("offer", &visit.room(json!({ "to": joined["peerId"], "sdp": offer }))).await;
    assert_eq!(patient.next("offer").await["sdp"], offer);
}

#[tokio::test]
async fn a_lost_seat_is_kept_for_the_grace_only() {
    let visit = Visit::with(&[("SIGNALING_GRACE_MS", "50")], false).await;
    let (mut doctor, patient, _, patients) = visit.both().await;

    drop(patient);

    let left = doctor.next("peer-left").await;
    assert_eq!((&left["peerId"], &left["reason"]), (&json!(patients), &json!("disconnected")));
    let (_patient, joined) = visit.join(&visit.patient.account).await;
    assert_ne!(joined["peerId"], json!(patients));
}

#[tokio::test]
async fn another_device_takes_the_seat_over() {
    let visit = Visit::start().await;
    let (mut doctor, mut phone, _, patients) = visit.both().await;
    let url = visit.latido().database.url();
    let account = &visit.patient.account;
    let desk = accounts::sign_in(url, account.id, account.role).await;

    let (mut desk, joined) = visit.join(&desk).await;

    assert_ne!(joined["peerId"], json!(patients));
    for socket in [&mut doctor, &mut phone] {
        let left = socket.next("peer-left").await;
        assert_eq!((&left["peerId"], &left["reason"]), (&json!(patients), &json!("moved")));
    }
    assert_eq!(doctor.next("peer-joined").await["peer"]["peerId"], joined["peerId"]);
    let raised = visit.room(json!({ "raised": true }));
    assert_eq!(phone.ask("hand-raise", &raised).await["error"]["code"], "not_found");
    assert_eq!(desk.ask("hand-raise", &raised).await["ok"], true);
}

#[tokio::test]
async fn who_comes_back_before_the_hub_missed_them_keeps_the_seat() {
    let visit = Visit::start().await;
    let (mut doctor, mut wifi, _, patients) = visit.both().await;

    let (mut mobile, joined) = visit.join(&visit.patient.account).await;

    assert_eq!(joined["peerId"], json!(patients));
    assert_eq!(wifi.next("peer-left").await["reason"], "moved");
    doctor.next("room-state").await;
    assert!(doctor.heard("peer-left").is_empty() && doctor.heard("peer-joined").is_empty());
    let raised = visit.room(json!({ "raised": true }));
    assert_eq!(mobile.ask("hand-raise", &raised).await["ok"], true);
}

#[tokio::test]
async fn who_leaves_is_gone_at_once() {
    let visit = Visit::start().await;
    let (mut doctor, mut patient, _, patients) = visit.both().await;

    assert_eq!(patient.ask("leave", &visit.room(json!({}))).await, json!({ "ok": true }));

    let left = doctor.next("peer-left").await;
    assert_eq!((&left["peerId"], &left["reason"]), (&json!(patients), &json!("left")));
    assert_ne!(visit.enter(&mut patient).await["peerId"], json!(patients));
    // Joining where one sits changes nothing.
    let (first, second) = (visit.enter(&mut patient).await, visit.enter(&mut patient).await);
    assert_eq!(peer(&first), peer(&second));
}

#[tokio::test]
async fn an_abandoned_room_closes_and_its_live_consultation_ends() {
    let visit = Visit::with(&[("ROOM_IDLE_SECONDS", "1")], false).await;
    let mut portal = visit.care.connect(&visit.patient).await;
    let (mut doctor, mut patient, ..) = visit.both().await;
    let (mut admin, _) = visit.join(&visit.care.admin).await;
    for socket in [&mut doctor, &mut patient] {
        socket.ask("leave", &visit.room(json!({}))).await;
    }

    let ended = admin.next("room-ended").await;

    assert_eq!((&ended["roomId"], &ended["reason"]), (&json!("visit-1"), &json!("idle")));
    // The administrator who looks on is told of as well.
    for (status, present) in
        [("waiting", 1), ("live", 2), ("live", 2), ("live", 1), ("live", 0), ("ended", 0)]
    {
        let update = portal.next("consultation:update").await;
        assert_eq!(update["status"], status);
        let there = update["participants"].as_array().unwrap().iter();
        assert_eq!(there.filter(|it| it["role"] != "observer").count(), present);
    }
    let hub = visit.latido().hub();
    assert_eq!(hub.active_rooms(), 0);
}
