//! What passes between peers: descriptions, candidates, chat.

use latido::domain::time::Timestamp;
use serde_json::{Value, json};

use crate::support::accounts;
use crate::support::plain::Plain;
use crate::support::rooms::{Visit, peer};

#[tokio::test]
async fn offers_answers_and_candidates_arrive_as_they_were_sent_and_in_order() {
    let visit = Visit::start().await;
    let (mut doctor, mut patient, doctors, patients) = visit.both().await;
    let sdp = "v=0\r\no=- 46117 2 IN IP4 127.0.0.1\r\ns=é\u{2028}\"quoted\"\r\n";

    let offer = json!({ "type": "offer", "sdp": sdp });
    let sent = visit.room(json!({ "to": patients, "sdp": offer, "renegotiate": true }));
    assert_eq!(doctor.ask("offer", &sent).await, json!({ "ok": true }));
    let told = patient.next("offer").await;
    assert_eq!(
        told,
        json!({ "roomId": "visit-1", "from": doctors, "sdp": offer, "renegotiate": true })
    );
    let answer = json!({ "type": "answer", "sdp": sdp });
    patient.ask("answer", &visit.room(json!({ "to": doctors, "sdp": answer }))).await;
    assert_eq!(doctor.next("answer").await["sdp"], answer);

    for n in 0..100 {
        let candidate = json!({ "candidate": format!("candidate:{n}"), "sdpMid": "0",
            "sdpMLineIndex": 0, "usernameFragment": "u" });
        doctor
            .emit("ice-candidate", &visit.room(json!({ "to": patients, "candidate": candidate })))
            .await;
    }
    doctor.ask("ice-candidate", &visit.room(json!({ "to": patients, "candidate": null }))).await;
    for n in 0..100 {
        let told = patient.next("ice-candidate").await;
        assert_eq!(told["candidate"]["candidate"], format!("candidate:{n}"));
        assert_eq!(told["candidate"]["sdpMLineIndex"], 0);
    }
    assert_eq!(patient.next("ice-candidate").await["candidate"], Value::Null);
}

#[tokio::test]
async fn when_two_offers_cross_one_of_the_two_is_polite() {
    let visit = Visit::start().await;
    let (mut doctor, first) = visit.join(&visit.doctor.account).await;
    let (mut patient, second) = visit.join(&visit.patient.account).await;
    let of_doctor = doctor.next("peer-joined").await;
    let offer = json!({ "type": "offer", "sdp": "v=0" });

    doctor.emit("offer", &visit.room(json!({ "to": peer(&second), "sdp": offer }))).await;
    patient.emit("offer", &visit.room(json!({ "to": peer(&first), "sdp": offer }))).await;

    assert_eq!(patient.next("offer").await["from"], first["peerId"]);
    assert_eq!(doctor.next("offer").await["from"], second["peerId"]);
    assert_eq!((&first["polite"], &second["polite"]), (&json!(false), &json!(true)));
    assert_eq!(of_doctor["peer"]["polite"], true);
    assert_eq!(second["participants"][0]["polite"], false);
}

#[tokio::test]
async fn nothing_reaches_peers_of_other_rooms_or_those_who_are_not_there() {
    let visit = Visit::start().await;
    visit.consultation("visit-2", false).await;
    let (mut doctor, mut patient, doctors, patients) = visit.both().await;
    let sdp = json!({ "type": "offer", "sdp": "v=0" });
    let other = json!({ "roomId": "visit-2" });
    assert_eq!(patient.ask("join", &other).await["ok"], true);
    let code = |answer: Value| answer["error"]["code"].clone();

    let lost = visit.room(json!({ "to": "p_nobody", "sdp": sdp }));
    assert_eq!(code(doctor.ask("offer", &lost).await), "not_found");
    let elsewhere = json!({ "roomId": "visit-2", "to": doctors, "sdp": sdp });
    assert_eq!(code(patient.ask("offer", &elsewhere).await), "not_found");
    let uninvited = json!({ "roomId": "visit-2", "to": patients, "sdp": sdp });
    assert_eq!(code(doctor.ask("offer", &uninvited).await), "not_found");
    let oneself = visit.room(json!({ "to": doctors, "sdp": sdp }));
    assert_eq!(code(doctor.ask("offer", &oneself).await), "not_found");
    patient.ask("leave", &visit.room(json!({}))).await;
    let gone = visit.room(json!({ "to": patients, "sdp": sdp }));
    assert_eq!(code(doctor.ask("offer", &gone).await), "not_found");
    let (mut admin, _) = visit.join(&visit.care.admin).await;
    let watched = visit.room(json!({ "to": doctors, "sdp": sdp }));
    assert_eq!(code(admin.ask("offer", &watched).await), "forbidden");
}

#[tokio::test]
async fn what_is_too_long_is_not_relayed() {
    let visit = Visit::start().await;
    let (mut doctor, mut patient, _, patients) = visit.both().await;
    let offer = |sdp: Value| visit.room(json!({ "to": patients, "sdp": sdp }));
    let candidate =
        |candidate: Value| visit.room(json!({ "to": patients, "candidate": candidate }));
    let code = |answer: Value| answer["error"]["code"].clone();

    let full = json!({ "type": "offer", "sdp": "x".repeat(64 * 1024) });
    assert_eq!(doctor.ask("offer", &offer(full.clone())).await["ok"], true);
    assert_eq!(patient.next("offer").await["sdp"], full);
    for sdp in [
        json!({ "type": "offer", "sdp": "x".repeat(64 * 1024 + 1) }),
        json!({ "type": "answer", "sdp": "x" }),
        json!({ "type": "offer", "sdp": "x", "padding": "x".repeat(4096) }),
        json!({ "type": "offer" }),
    ] {
        assert_eq!(code(doctor.ask("offer", &offer(sdp)).await), "invalid");
    }
    let long = json!({ "candidate": "x".repeat(2049) });
    assert_eq!(code(doctor.ask("ice-candidate", &candidate(long)).await), "invalid");
    let full = json!({ "candidate": "x".repeat(2048) });
    assert_eq!(doctor.ask("ice-candidate", &candidate(full)).await["ok"], true);
}

#[tokio::test]
async fn candidates_have_an_allowance_of_their_own() {
    let limits = [("RATE_LIMIT_ENABLED", "true"), ("RATE_LIMIT_WS_PER_SEC", "5")];
    let visit = Visit::with(&limits, false).await;
    let (mut doctor, _patient, _, patients) = visit.both().await;
    let candidate = visit.room(json!({ "to": patients, "candidate": null }));

    let mut refused = 0;
    for n in 0..600 {
        let answer = doctor.ask("ice-candidate", &candidate).await;
        assert!(n >= 200 || answer["ok"] == true, "{n}: {answer}");
        refused += usize::from(answer["ok"] == false);
        if refused > 0 {
            assert_eq!(answer["error"]["code"], "rate_limited", "{answer}");
            break;
        }
    }
    let raised = visit.room(json!({ "raised": true }));
    assert_eq!(
        doctor.ask("hand-raise", &raised).await["ok"],
        true,
        "other events are counted apart"
    );
}

#[tokio::test]
async fn chat_is_stored_once_and_told_once() {
    let visit = Visit::start().await;
    let (mut doctor, mut patient, _, patients) = visit.both().await;
    let hello = visit.room(json!({ "text": "Buenos días", "clientMsgId": "m-1" }));

    let stored = patient.ask("chat", &hello).await;
    let again = patient.ask("chat-message", &hello).await;
    let more = visit.room(json!({ "text": "¿Me oye?", "clientMsgId": "m-2" }));
    patient.ask("chat", &more).await;

    assert_eq!(stored, again, "the same message");
    for socket in [&mut doctor, &mut patient] {
        let said = socket.next("chat").await;
        assert_eq!((&said["id"], &said["timestamp"]), (&stored["id"], &stored["timestamp"]));
        assert_eq!((&said["text"], &said["role"]), (&json!("Buenos días"), &json!("patient")));
        assert_eq!((&said["from"], &said["clientMsgId"]), (&json!(patients), &json!("m-1")));
        assert_eq!(socket.next("chat").await["clientMsgId"], "m-2");
    }
    let count = "select count(*) from consultation_messages";
    let rows: i64 = accounts::value(visit.latido().database.url(), count).await;
    assert_eq!(rows, 2);
    let (mut admin, _) = visit.join(&visit.care.admin).await;
    assert_eq!(admin.ask("chat", &hello).await["error"]["code"], "forbidden");
}

#[tokio::test]
async fn all_namespaces_and_the_plain_socket_share_the_room() {
    let visit = Visit::start().await;
    let (mut doctor, first) = visit.join(&visit.doctor.account).await;
    let mut admin = visit.on("/signaling", &visit.care.admin).await;
    assert_eq!(visit.enter(&mut admin).await["ok"], true);
    doctor.next("peer-joined").await;
    let bearer = format!("Bearer {}", visit.patient.account.token);
    let mut patient =
        Plain::open_at(visit.latido().address, "/signaling", &[("authorization", &bearer)]).await;
    patient.next("connected").await;

    let joined = patient.ask("join", &visit.room(json!({}))).await;

    assert_eq!(joined["participants"].as_array().unwrap().len(), 2, "{joined}");
    for socket in [&mut doctor, &mut admin] {
        assert_eq!(socket.next("peer-joined").await["peer"]["peerId"], joined["peerId"]);
    }
    let offer = json!({ "type": "offer", "sdp": "v=0" });
    let sent = visit.room(json!({ "to": peer(&first), "sdp": offer }));
    assert_eq!(patient.ask("offer", &sent).await, json!({ "ok": true }));
    assert_eq!(doctor.next("offer").await["from"], joined["peerId"]);
    let answer = json!({ "type": "answer", "sdp": "v=0" });
    doctor.ask("answer", &visit.room(json!({ "to": joined["peerId"], "sdp": answer }))).await;
    assert_eq!(patient.next("answer").await["sdp"], answer);
}

#[tokio::test]
async fn on_events_there_are_no_calls() {
    let visit = Visit::start().await;
    let mut portal = visit.care.connect(&visit.doctor).await;

    let answer = portal.ask("join", &visit.room(json!({}))).await;

    assert_eq!(answer["error"]["code"], "invalid");
}

#[tokio::test]
async fn rooms_and_peers_are_counted() {
    let visit = Visit::start().await;
    let admin = visit.care.admin.clone();
    let mut portal = visit.latido().connect(&admin).await;
    let (_doctor, mut patient, doctors, _) = visit.both().await;
    let sample = visit.room(json!({ "latencyMs": 84.0, "packetLossPct": 0.3 }));
    assert_eq!(patient.ask("stats", &sample).await, json!({ "ok": true }));
    let bad = visit.room(json!({ "packetLossPct": 101 }));
    assert_eq!(patient.ask("stats", &bad).await["error"]["code"], "invalid");
    let offer = json!({ "type": "offer", "sdp": "v=0" });
    patient.ask("offer", &visit.room(json!({ "to": doctors, "sdp": offer }))).await;

    portal.ask("admin:live", &json!({ "on": true })).await;
    let stats = crate::support::within("the call to be written as live", async {
        loop {
            let stats = portal.next("admin:stats").await;
            if stats["consultationsLive"] == 1 {
                return stats;
            }
        }
    })
    .await;

    assert_eq!((&stats["activeRooms"], &stats["peers"]), (&json!(1), &json!(2)), "{stats}");
    assert!(stats["timestamp"].as_str().unwrap() <= Timestamp::now().to_string().as_str());
    // Other nodes of this process count into the same metrics.
    let scrape = visit.latido().call("GET", "/metrics").bearer(&admin.token).send().await;
    let scrape = crate::support::scrape::Scrape::read(scrape.text());
    assert_eq!(scrape.kind("latido_rooms_active"), Some("gauge"));
    assert_eq!(scrape.kind("latido_peers_active"), Some("gauge"));
    assert!(scrape.count("latido_signaling_relay_seconds", &[("type", "offer")]) >= 1);
    assert!(scrape.count("latido_room_latency_ms", &[("mode", "p2p")]) >= 1);
}
