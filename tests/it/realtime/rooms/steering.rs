//! Muting, sharing, raising hands, putting out.

use serde_json::{Value, json};

use crate::support::rooms::Visit;

fn refused(answer: &Value) -> &str {
    assert_eq!(answer["ok"], false, "{answer}");
    answer["error"]["code"].as_str().unwrap()
}

#[tokio::test]
async fn what_peers_do_to_themselves_everybody_sees() {
    let visit = Visit::start().await;
    let (mut doctor, mut patient, doctors, patients) = visit.both().await;

    let muted = visit.room(json!({ "kind": "video", "muted": true }));
    assert_eq!(patient.ask("mute", &muted).await, json!({ "ok": true }));
    patient.ask("hand-raise", &visit.room(json!({ "raised": true }))).await;
    doctor.ask("screen-share", &visit.room(json!({ "active": true }))).await;

    for socket in [&mut doctor, &mut patient] {
        let told = socket.next("mute").await;
        assert_eq!(
            told,
            json!({ "roomId": "visit-1", "peerId": patients, "kind": "video", "muted": true,
                "by": patients })
        );
        let told = socket.next("hand-raise").await;
        assert_eq!((&told["peerId"], &told["raised"]), (&json!(patients), &json!(true)));
        let told = socket.next("screen-share").await;
        assert_eq!((&told["peerId"], &told["active"]), (&json!(doctors), &json!(true)));
    }
    let (_admin, joined) = visit.join(&visit.care.admin).await;
    let seen = |role: &str| {
        let peers = joined["participants"].as_array().unwrap();
        peers.iter().find(|peer| peer["role"] == role).unwrap().clone()
    };
    assert_eq!(seen("doctor")["screen"], true);
    assert_eq!(seen("patient")["handRaised"], true);
}

#[tokio::test]
async fn rights_follow_the_role() {
    let visit = Visit::start().await;
    let (mut doctor, mut patient, doctors, patients) = visit.both().await;
    let (mut admin, _) = visit.join(&visit.care.admin).await;
    let share = visit.room(json!({ "active": true }));
    let other =
        |target: &str| visit.room(json!({ "kind": "audio", "muted": true, "target": target }));

    assert_eq!(refused(&patient.ask("screen-share", &share).await), "forbidden");
    let screen = visit.room(json!({ "kind": "screen", "muted": false }));
    assert_eq!(refused(&patient.ask("mute", &screen).await), "forbidden");
    assert_eq!(refused(&patient.ask("mute", &other(&doctors)).await), "forbidden");
    let kick = |peer: &str| visit.room(json!({ "peerId": peer }));
    assert_eq!(refused(&patient.ask("kick", &kick(&doctors)).await), "forbidden");
    assert_eq!(refused(&admin.ask("screen-share", &share).await), "forbidden");
    let own = visit.room(json!({ "kind": "audio", "muted": true }));
    assert_eq!(refused(&admin.ask("mute", &own).await), "forbidden");
    assert_eq!(refused(&doctor.ask("kick", &kick("p_nobody")).await), "not_found");
    let open = visit.room(json!({ "kind": "audio", "muted": false, "target": patients }));
    assert_eq!(refused(&doctor.ask("mute", &open).await), "invalid");

    assert_eq!(doctor.ask("mute", &other(&patients)).await["ok"], true);
    let asked = patient.next("mute-request").await;
    assert_eq!(asked, json!({ "roomId": "visit-1", "kind": "audio", "by": doctors }));
    assert_eq!(admin.ask("mute", &other(&patients)).await["ok"], true);
    patient.next("mute-request").await;
}

#[tokio::test]
async fn who_is_put_out_comes_back_as_somebody_new() {
    let visit = Visit::start().await;
    let (mut doctor, mut patient, _, patients) = visit.both().await;

    let kick = visit.room(json!({ "peerId": patients, "reason": "wrong room" }));
    assert_eq!(doctor.ask("kick", &kick).await, json!({ "ok": true }));

    assert_eq!(
        patient.next("kicked").await,
        json!({ "roomId": "visit-1", "reason": "wrong room" })
    );
    let left = doctor.next("peer-left").await;
    assert_eq!((&left["peerId"], &left["reason"]), (&json!(patients), &json!("kicked")));
    let raised = visit.room(json!({ "raised": true }));
    assert_eq!(refused(&patient.ask("hand-raise", &raised).await), "not_found");
    let again = visit.enter(&mut patient).await;
    assert_ne!(again["peerId"], json!(patients), "{again}");
}

#[tokio::test]
async fn in_a_live_consultation_both_are_busy() {
    let visit = Visit::start().await;
    let mut watcher = visit.latido().connect(&visit.care.admin).await;
    let users = json!({ "userIds": [visit.patient.account.id] });
    let _portal = visit.care.connect(&visit.patient).await;
    assert_eq!(watcher.ask("presence:subscribe", &users).await["presence"][0]["status"], "online");

    let (mut doctor, ..) = visit.both().await;
    assert_eq!(watcher.next("presence:update").await["status"], "busy");
    doctor.ask("end", &visit.room(json!({}))).await;
    assert_eq!(watcher.next("presence:update").await["status"], "online");
}
