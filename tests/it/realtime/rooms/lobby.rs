//! The waiting room (contract §6.13).

use serde_json::{Value, json};

use crate::support::rooms::{Visit, peer};

fn refused(answer: &Value) -> &str {
    assert_eq!(answer["ok"], false, "{answer}");
    answer["error"]["code"].as_str().unwrap()
}

#[tokio::test]
async fn the_patient_learns_nothing_before_the_doctor_opens() {
    let visit = Visit::with(&[], true).await;
    let mut portal = visit.care.connect(&visit.doctor).await;
    let (mut patient, waiting) = visit.join(&visit.patient.account).await;
    assert_eq!(portal.next("consultation:invite").await["from"]["role"], "patient");
    let fields: Vec<&str> = waiting.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(waiting["status"], "waiting");
    for hidden in ["participants", "iceServers", "sfu", "mode"] {
        assert!(!fields.contains(&hidden), "{hidden} in {waiting}");
    }

    let (mut doctor, joined) = visit.join(&visit.doctor.account).await;
    assert_eq!(joined["participants"], json!([]));
    let lobby = doctor.next("lobby").await;
    assert_eq!(lobby["waiting"][0]["peerId"], waiting["peerId"]);
    let checks = visit.room(json!({ "camera": true, "microphone": true, "network": false }));
    assert_eq!(patient.ask("checks", &checks).await["ok"], true);
    let seen = doctor.next("lobby").await;
    assert_eq!(
        seen["waiting"][0]["checks"],
        json!({ "camera": true, "microphone": true, "network": false })
    );
    let offer = json!({ "type": "offer", "sdp": "v=0" });
    let outward = visit.room(json!({ "to": peer(&joined), "sdp": offer }));
    assert_eq!(refused(&patient.ask("offer", &outward).await), "forbidden");
    let inward = visit.room(json!({ "to": peer(&waiting), "sdp": offer }));
    assert_eq!(refused(&doctor.ask("offer", &inward).await), "not_found");
    let text = visit.room(json!({ "text": "hola", "clientMsgId": "1" }));
    assert_eq!(refused(&patient.ask("chat", &text).await), "forbidden");
    let itself = visit.room(json!({ "peerId": peer(&waiting) }));
    assert_eq!(refused(&patient.ask("admit", &itself).await), "forbidden");

    assert_eq!(doctor.ask("admit", &itself).await, json!({ "ok": true }));

    let admitted = patient.next("admitted").await;
    assert_eq!(admitted["peerId"], waiting["peerId"]);
    assert_eq!(admitted["participants"][0]["peerId"], joined["peerId"]);
    assert_eq!(doctor.next("peer-joined").await["peer"]["peerId"], waiting["peerId"]);
    assert_eq!(patient.ask("offer", &outward).await["ok"], true);
    assert_eq!(doctor.next("offer").await["from"], waiting["peerId"]);
    for (status, present) in [("waiting", 0), ("waiting", 1), ("live", 2)] {
        let update = portal.next("consultation:update").await;
        assert_eq!(update["status"], status);
        assert_eq!(update["participants"].as_array().unwrap().len(), present);
    }
}

#[tokio::test]
async fn the_doctor_sends_away_and_back() {
    let visit = Visit::with(&[], true).await;
    let (mut doctor, _) = visit.join(&visit.doctor.account).await;
    let (mut patient, waiting) = visit.join(&visit.patient.account).await;
    let away = visit.room(json!({ "peerId": peer(&waiting), "reason": "later" }));
    assert_eq!(doctor.ask("deny", &away).await["ok"], true);
    assert_eq!(patient.next("denied").await, json!({ "roomId": "visit-1", "reason": "later" }));

    let waiting = visit.enter(&mut patient).await;
    assert_eq!(waiting["status"], "waiting");
    let guest = visit.room(json!({ "peerId": peer(&waiting) }));
    doctor.ask("admit", &guest).await;
    patient.next("admitted").await;
    assert_eq!(doctor.ask("return-to-lobby", &guest).await["ok"], true);
    assert_eq!(patient.next("peer-left").await["peerId"], waiting["peerId"]);
    let raised = visit.room(json!({ "raised": true }));
    assert_eq!(refused(&patient.ask("hand-raise", &raised).await), "forbidden");
    let again = visit.enter(&mut patient).await;
    assert_eq!(again["status"], "waiting", "{again}");
    assert_ne!(again["peerId"], waiting["peerId"]);
}

#[tokio::test]
async fn observers_wait_as_well() {
    let visit = Visit::with(&[], true).await;
    let (_doctor, _) = visit.join(&visit.doctor.account).await;

    let (_admin, answer) = visit.join(&visit.care.admin).await;

    assert_eq!(answer["status"], "waiting");
}
