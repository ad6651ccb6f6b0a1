//! What a call that is held over sockets leaves behind.

use latido::domain::time::Timestamp;
use serde_json::{Value, json};

use super::{Visit, data};
use crate::support::accounts;

#[tokio::test]
async fn a_call_takes_its_visit_along_and_keeps_who_was_there() {
    let visit = Visit::start().await;
    visit.validated().await;
    let appointment = visit.booked("video").await;
    let path = format!("/api/v1/appointments/{appointment}/video");
    visit.care.post(&visit.doctor.account, &path, json!({"send_link": false})).await;
    let id = appointment.to_string();
    let status = async || visit.appointment(appointment).await["status"].clone();
    let mut portal = visit.care.connect(&visit.doctor).await;

    let (mut doctor, _) = visit.inside(&id, &visit.doctor.account.token).await;
    let (mut patient, _) = visit.inside(&id, &visit.patient.account.token).await;
    let live = crate::support::within("a live call", async {
        loop {
            let update = portal.next("consultation:update").await;
            if update["status"] == "live" && update["participants"].as_array().unwrap().len() == 2 {
                return update;
            }
        }
    })
    .await;

    assert_eq!(live["participants"][0]["identity"], format!("doctor-{}", visit.doctor.id));
    assert_eq!(status().await, "in_progress");
    let rooms = data(&visit.get(&visit.doctor.account, "/api/rooms/active").await);
    assert_eq!(rooms["rooms"][0]["numParticipants"], 2);
    patient.ask("leave", &json!({"roomId": id})).await;
    while portal.next("consultation:update").await["participants"].as_array().unwrap().len() > 1 {}
    let sample = json!({"roomId": id, "latencyMs": 80, "packetLossPct": 1});
    assert_eq!(doctor.ask("stats", &sample).await, json!({"ok": true}));
    let measured = data(&visit.get(&visit.doctor.account, &format!("/api/rooms/{id}/stats")).await);
    assert_eq!(
        (&measured["numParticipants"], &measured["quality"]["latencyMs"]),
        (&json!(1), &json!(80.0))
    );
    assert_eq!(doctor.ask("end", &json!({"roomId": id})).await, json!({"ok": true}));
    assert_eq!(status().await, "completed");
    let shown = visit.shown(&id).await;
    let stays = shown["participants"].as_array().unwrap();
    assert!(stays.len() == 2 && stays.iter().all(|stay| stay["leftAt"].is_string()), "{shown}");
}

#[tokio::test]
async fn what_was_said_can_be_read_by_those_it_concerns() {
    let visit = Visit::start().await;
    visit.opened("c-1").await;
    let (mut doctor, _) = visit.inside("c-1", &visit.doctor.account.token).await;
    let (mut patient, _) = visit.inside("c-1", &visit.patient.account.token).await;
    let say = |text: &str| json!({"roomId": "c-1", "text": text, "clientMsgId": text});
    doctor.ask("chat", &say("one")).await;
    patient.ask("chat", &say("two")).await;
    patient.ask("chat", &say("two")).await;
    doctor.ask("chat", &say("three")).await;
    let path = "/api/consultations/c-1/messages";

    let counted = format!("{path}?limit=2&count=true");
    let first = data(&visit.get(&visit.patient.account, &counted).await);
    assert_eq!(first["total"], 3);
    let cursor = first["nextCursor"].as_str().unwrap();
    let rest = data(&visit.get(&visit.doctor.account, &format!("{path}?cursor={cursor}")).await);

    let texts = |page: &Value| -> Vec<String> {
        let items = page["items"].as_array().unwrap().iter();
        items.map(|it| it["text"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(
        (texts(&first), texts(&rest)),
        (vec!["one".into(), "two".into()], vec!["three".into()])
    );
    let second = &first["items"][1];
    assert_eq!(
        (&second["role"], &second["identity"]),
        (&json!("patient"), &json!(format!("patient-{}", visit.patient.id)))
    );
    let stranger = visit.care.doctor(json!({})).await;
    assert_eq!(visit.get(&stranger.account, path).await.status, 404);
}

#[tokio::test]
async fn relays_are_told_with_credentials_of_ones_own() {
    let visit = Visit::start_with(&[
        ("ICE_SERVERS", r#"[{"urls": "stun:stun.example:3478"}]"#),
        ("TURN_URLS", "turn:turn.example:3478"),
        ("TURN_SECRET", "north of the river, shared with coturn"),
    ])
    .await;
    visit.opened("c-1").await;

    let (_patient, joined) = visit.inside("c-1", &visit.patient.account.token).await;

    let servers = joined["iceServers"].as_array().unwrap();
    assert_eq!(servers[0], json!({"urls": ["stun:stun.example:3478"]}));
    assert_eq!(servers[1]["urls"], json!(["turn:turn.example:3478"]));
    let name = servers[1]["username"].as_str().unwrap();
    let (expires_at, who) = name.split_once(':').unwrap();
    assert!(expires_at.parse::<i64>().unwrap() > Timestamp::now().seconds(), "{name}");
    assert!(who.len() == 16 && !name.contains("patient"), "{name}");
    assert!(servers[1]["credential"].as_str().is_some_and(|it| it.len() == 28), "{servers:?}");
}

#[tokio::test]
async fn relays_are_told_anew_to_who_waited() {
    let visit = Visit::start_with(&[
        ("TURN_URLS", "turn:turn.example:3478"),
        ("TURN_SECRET", "north of the river, shared with coturn"),
    ])
    .await;
    visit.opened_with("c-1", json!({"waitingRoom": true})).await;
    let (mut doctor, _) = visit.inside("c-1", &visit.doctor.account.token).await;
    let (mut patient, waiting) = visit.inside("c-1", &visit.patient.account.token).await;
    let arrived = Timestamp::now().seconds();
    crate::support::within("the next second", async {
        while Timestamp::now().seconds() <= arrived {
            tokio::task::yield_now().await;
        }
    })
    .await;

    doctor.ask("admit", &json!({"roomId": "c-1", "peerId": waiting["peerId"]})).await;

    let admitted = patient.next("admitted").await;
    let name = admitted["iceServers"][0]["username"].as_str().unwrap();
    let expires_at: i64 = name.split_once(':').unwrap().0.parse().unwrap();
    assert!(expires_at > arrived + 3600, "an hour from being let in, not from coming");
}

#[tokio::test]
async fn who_comes_while_the_consultation_is_started_elsewhere_is_written_down_and_calls_the_other()
{
    let visit = Visit::start().await;
    visit.opened("c-1").await;
    let mut doctor = visit.care.connect(&visit.doctor).await;
    // The room stands as before, and its relay has not told it yet.
    let (_admin, _) = visit.inside("c-1", &visit.care.admin.token).await;
    let url = visit.care.latido.database.url();
    accounts::run(url, "update consultations set status = 'live'").await;

    let (_patient, _) = visit.inside("c-1", &visit.patient.account.token).await;

    assert_eq!(doctor.next("consultation:invite").await["consultationId"], "c-1");
    let shown = visit.shown("c-1").await;
    let identity = format!("patient-{}", visit.patient.id);
    let stays = shown["participants"].as_array().unwrap();
    assert!(stays.iter().any(|stay| stay["identity"] == identity), "{shown}");
    assert_eq!(shown["status"], "live");
}

#[tokio::test]
async fn a_call_that_everybody_left_before_a_restart_ends_by_itself() {
    let visit = Visit::start_with(&[("ROOM_IDLE_SECONDS", "1")]).await;
    visit.opened("c-1").await;
    visit.step("c-1", "start").await;
    let (long_ago, url) = (Timestamp::now().0 - 60_000, visit.care.latido.database.url());
    let mut portal = visit.care.connect(&visit.doctor).await;

    accounts::run(url, &format!("update consultations set updated_at = {long_ago}")).await;

    while portal.next("consultation:update").await["status"] != "ended" {}
}

#[tokio::test]
async fn without_credentials_in_development_a_call_is_made_when_somebody_comes() {
    let visit = Visit::start_with(&[("AUTH_DEV_BYPASS", "true")]).await;
    let latido = &visit.care.latido;
    let as_role = async |role: &str| {
        let mut socket = latido.join("/signaling", &json!({"devRole": role})).await.unwrap();
        socket.next("connected").await;
        socket
    };
    let (mut doctor, mut patient) = (as_role("doctor").await, as_role("patient").await);

    let first = doctor.ask("join", &json!({"roomId": "consultation-try-1"})).await;
    let second = patient.ask("join", &json!({"roomId": "try-1"})).await;

    assert_eq!((&first["ok"], &first["role"]), (&json!(true), &json!("doctor")), "{first}");
    assert_eq!(
        (&second["roomId"], &second["role"]),
        (&json!("try-1"), &json!("patient")),
        "{second}"
    );
    assert_eq!(second["participants"].as_array().unwrap().len(), 1);
    let refused = patient.ask("join", &json!({"roomId": "no room of that name"})).await;
    assert_eq!(refused["error"]["code"], "not_found");
}
