//! Who is at the media server by the tokens of a call, a real server's too where one is named.

use serde_json::{Value, json};

use super::{Visit, data};
use crate::support::livekit::MediaServer;
use crate::support::participant::Participant;

/// A consultation that no other run of the tests knows.
async fn visit(server: &MediaServer, more: Value) -> (Visit, String) {
    let visit = Visit::start_with(&server.settings()).await;
    let id = latido::auth::new_id("c-");
    visit.opened_with(&id, more).await;
    (visit, id)
}

/// What the patient is answered who joins by HTTP.
async fn joined(visit: &Visit, id: &str) -> Value {
    let path = format!("/api/consultations/{id}/join");
    data(&visit.care.post(&visit.patient.account, &path, Value::Null).await)
}

#[tokio::test]
async fn a_token_opens_the_server_until_its_holder_is_sent_away() {
    let server = MediaServer::start().await;
    let (visit, id) = visit(&server, json!({})).await;

    let patient = Participant::join(&server, &joined(&visit, &id).await["token"]).await;

    let stats = data(&visit.get(&visit.doctor.account, &format!("/api/rooms/{id}/stats")).await);
    let seat = &stats["participants"][0];
    assert_eq!(
        (&seat["identity"], &seat["role"], &stats["numParticipants"]),
        (&json!(patient.identity), &json!("patient"), &json!(1))
    );
    let away = format!("/api/rooms/{id}/participants/{}/disconnect", patient.identity);
    let away = visit.care.post(&visit.doctor.account, &away, json!({})).await;
    assert_eq!(data(&away), json!({"disconnected": true}));
    patient.leaves().await;
}

#[tokio::test]
async fn who_is_kicked_is_out_of_the_server() {
    let server = MediaServer::start().await;
    let (visit, id) = visit(&server, json!({"mode": "sfu"})).await;
    let (mut doctor, _) = visit.inside(&id, &visit.doctor.account.token).await;
    let (_patient, told) = visit.inside(&id, &visit.patient.account.token).await;
    let patient = Participant::join(&server, &told["sfu"]["token"]).await;

    let kick = json!({"roomId": id, "peerId": told["peerId"]});
    assert_eq!(doctor.ask("kick", &kick).await, json!({"ok": true}));

    patient.leaves().await;
}

#[tokio::test]
async fn who_is_let_in_is_out_of_the_server_once_sent_back_to_wait() {
    let server = MediaServer::start().await;
    let (visit, id) = visit(&server, json!({"mode": "sfu", "waitingRoom": true})).await;
    let (mut doctor, _) = visit.inside(&id, &visit.doctor.account.token).await;
    let (mut waiting, told) = visit.inside(&id, &visit.patient.account.token).await;
    assert_eq!((&told["status"], told.get("sfu")), (&json!("waiting"), None));
    let peer = json!({"roomId": id, "peerId": told["peerId"]});
    assert_eq!(doctor.ask("admit", &peer).await, json!({"ok": true}));
    let admitted = waiting.next("admitted").await;
    let patient = Participant::join(&server, &admitted["sfu"]["token"]).await;

    let peer = json!({"roomId": id, "peerId": admitted["peerId"]});
    assert_eq!(doctor.ask("return-to-lobby", &peer).await, json!({"ok": true}));

    patient.leaves().await;
}

#[tokio::test]
async fn a_hand_over_leads_to_a_room_that_is_there_until_the_end() {
    let server = MediaServer::start().await;
    let (visit, id) = visit(&server, json!({"mode": "p2p"})).await;
    let (mut doctor, _) = visit.inside(&id, &visit.doctor.account.token).await;
    let (mut patient, _) = visit.inside(&id, &visit.patient.account.token).await;

    let asked = doctor.ask("hand-over", &json!({"roomId": id, "mode": "sfu"})).await;
    assert_eq!(asked, json!({"ok": true, "mode": "sfu"}));
    let first = doctor.next("hand-over").await;
    let second = patient.next("hand-over").await;
    let first = Participant::join(&server, &first["sfu"]["token"]).await;
    let second = Participant::join(&server, &second["sfu"]["token"]).await;
    assert_eq!(doctor.ask("end", &json!({"roomId": id})).await["ok"], true);

    first.leaves().await;
    second.leaves().await;
}
