//! Somebody who has a token for one room, and no account.

use serde_json::{Value, json};

use super::{CREATE, Visit, data};

/// A consultation of two whom only the service knows.
pub(super) async fn elsewhere(visit: &Visit, id: &str, more: Value) -> Value {
    let body = json!({"consultationId": id, "patientId": "patient-maria-123",
        "doctorId": "doctor-carlos-456"});
    let body = crate::support::care::joined(body, more);
    let answer = visit.serve("POST", CREATE, &body).await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    data(&answer)
}

pub(super) fn text(token: &Value) -> &str {
    token.as_str().unwrap()
}

#[tokio::test]
async fn two_of_another_system_talk_by_the_tokens_they_were_given() {
    let visit = Visit::start().await;
    let created = elsewhere(&visit, "c-1", json!({})).await;

    let (mut doctor, first) = visit.inside("c-1", text(&created["doctorToken"])).await;
    let (mut patient, second) = visit.inside("c-1", text(&created["patientToken"])).await;

    let joined = doctor.next("peer-joined").await;
    assert_eq!(
        (&joined["peer"]["userId"], &joined["peer"]["role"]),
        (&json!("patient-maria-123"), &json!("patient"))
    );
    let offer = json!({"roomId": "c-1", "to": first["peerId"],
        "sdp": {"type": "offer", "sdp": "v=0"}});
    assert_eq!(patient.ask("offer", &offer).await, json!({"ok": true}));
    assert_eq!(doctor.next("offer").await["from"], second["peerId"]);
    let said = json!({"roomId": "c-1", "text": "Hola", "clientMsgId": "1"});
    assert_eq!(patient.ask("chat", &said).await["ok"], true);
    assert_eq!(doctor.next("chat").await["userId"], "patient-maria-123");
    let kick = json!({"roomId": "c-1", "peerId": first["peerId"]});
    assert_eq!(patient.ask("kick", &kick).await["error"]["code"], "forbidden");
    assert_eq!(doctor.ask("end", &json!({"roomId": "c-1"})).await, json!({"ok": true}));
    let shown = data(&visit.serve("GET", "/api/consultations/c-1", &Value::Null).await);
    assert_eq!(shown["status"], "ended");
    assert_eq!(shown["participants"][1]["identity"], "patient-maria-123");
}

#[tokio::test]
async fn a_token_opens_its_room_and_nothing_else() {
    let visit = Visit::start().await;
    let created = elsewhere(&visit, "c-1", json!({})).await;
    visit.opened("c-2").await;
    let token = text(&created["doctorToken"]);

    let mut socket = visit.signaling(token).await;
    let other = socket.ask("join", &json!({"roomId": "c-2"})).await;
    assert_eq!(other["error"]["code"], "not_found", "{other}");
    assert!(visit.care.latido.join("/events", &json!({"token": token})).await.is_err());
    for path in ["/api/consultations/c-1", "/api/v1/patients", "/auth/sessions"] {
        let answer = visit.care.latido.call("GET", path).bearer(token).send().await;
        assert_eq!(answer.status, 401, "{path}: {}", answer.text());
    }
    let forged = format!("{}x", &token[..token.len() - 1]);
    assert!(visit.care.latido.join("/", &json!({"token": forged})).await.is_err());
}

#[tokio::test]
async fn a_token_of_the_lobby_waits_like_everybody_else() {
    let visit = Visit::start().await;
    let created = elsewhere(&visit, "c-1", json!({"waitingRoom": true})).await;
    let (mut doctor, _) = visit.inside("c-1", text(&created["doctorToken"])).await;

    let (mut patient, waiting) = visit.inside("c-1", text(&created["patientToken"])).await;

    assert_eq!(waiting["status"], "waiting");
    let admit = json!({"roomId": "c-1", "peerId": waiting["peerId"]});
    assert_eq!(doctor.ask("admit", &admit).await, json!({"ok": true}));
    assert_eq!(patient.next("admitted").await["participants"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn who_was_put_out_does_not_come_back_by_the_token_they_had() {
    let visit = Visit::start().await;
    let created = elsewhere(&visit, "c-1", json!({})).await;
    let token = text(&created["patientToken"]);
    let (mut doctor, _) = visit.inside("c-1", text(&created["doctorToken"])).await;
    let (mut patient, joined) = visit.inside("c-1", token).await;

    let kick = json!({"roomId": "c-1", "peerId": joined["peerId"], "reason": "wrong room"});
    assert_eq!(doctor.ask("kick", &kick).await, json!({"ok": true}));

    assert_eq!(patient.next("kicked").await["reason"], "wrong room");
    let again = patient.ask("join", &json!({"roomId": "c-1"})).await;
    assert_eq!(again["error"]["code"], "forbidden", "{again}");
    let mut elsewhere = visit.signaling(token).await;
    assert_eq!(elsewhere.ask("join", &json!({"roomId": "c-1"})).await["ok"], false);
}

#[tokio::test]
async fn a_guest_looks_on_by_the_token_of_the_invitation() {
    let visit = Visit::start().await;
    visit.opened("c-1").await;
    let invitation = visit.invited("c-1", json!({"name": "Luis"})).await;
    let redeemed = data(&visit.redeemed(&invitation).await);
    let (mut doctor, _) = visit.inside("c-1", &visit.doctor.account.token).await;

    let token = json!({"token": redeemed["token"]});
    let mut guest = visit.care.latido.join("/signaling", &token).await.unwrap();
    assert_eq!(guest.next("connected").await["role"], "Observador");
    let joined = guest.ask("join", &json!({"roomId": "c-1"})).await;

    assert_eq!(joined["role"], "observer");
    assert_eq!(doctor.next("peer-joined").await["peer"]["displayName"], "Luis");
    let said = json!({"roomId": "c-1", "text": "Hola", "clientMsgId": "1"});
    let kick = json!({"roomId": "c-1", "peerId": joined["participants"][0]["peerId"]});
    for (event, asked) in [
        ("chat", said),
        ("kick", kick),
        ("end", json!({"roomId": "c-1"})),
        ("recording", json!({"roomId": "c-1", "action": "start", "consent": true})),
        ("hand-over", json!({"roomId": "c-1", "mode": "sfu"})),
    ] {
        let answer = guest.ask(event, &asked).await;
        assert_eq!(answer["error"]["code"], "forbidden", "{event}: {answer}");
    }
}

#[tokio::test]
async fn a_guest_in_the_patients_place_is_not_the_patient() {
    let visit = Visit::start().await;
    visit.opened("c-1").await;
    let invitation = visit.invited("c-1", json!({"role": "patient", "name": "Luis"})).await;
    let redeemed = data(&visit.redeemed(&invitation).await);
    let (mut doctor, _) = visit.inside("c-1", &visit.doctor.account.token).await;

    let (mut guest, _) = visit.inside("c-1", text(&redeemed["token"])).await;

    let consent = json!({"roomId": "c-1", "consent": true});
    assert_eq!(guest.ask("recording-consent", &consent).await["error"]["code"], "forbidden");
    let refused = doctor.ask("end", &json!({"roomId": "c-1"})).await;
    assert_eq!(
        refused["error"]["code"], "conflict",
        "it is not live without the patient: {refused}"
    );
}

#[tokio::test]
async fn a_token_of_the_lobby_does_not_take_over_the_seat_of_who_was_let_in() {
    let visit = Visit::start().await;
    let created = elsewhere(&visit, "c-1", json!({"waitingRoom": true})).await;
    let (mut doctor, _) = visit.inside("c-1", text(&created["doctorToken"])).await;
    let (mut patient, waiting) = visit.inside("c-1", text(&created["patientToken"])).await;
    let admit = json!({"roomId": "c-1", "peerId": waiting["peerId"]});
    doctor.ask("admit", &admit).await;
    patient.next("admitted").await;

    let (_other, joined) = visit.inside("c-1", text(&created["patientToken"])).await;

    assert_eq!(joined["status"], "waiting", "{joined}");
    assert_eq!(patient.next("peer-left").await["reason"], "moved");
}

#[tokio::test]
async fn the_house_puts_out_and_silences_between_browsers_too() {
    let visit = Visit::start().await;
    let created = elsewhere(&visit, "c-1", json!({})).await;
    let (mut patient, _) = visit.inside("c-1", text(&created["patientToken"])).await;
    let path = "/api/rooms/c-1/participants/patient-maria-123";
    let ask = async |step: &str, body: &Value| {
        visit.care.post(&visit.care.admin, &format!("{path}/{step}"), body.clone()).await.status
    };

    assert_eq!(ask("mute", &json!({"source": "microphone", "muted": true})).await, 200);
    let request = patient.next("mute-request").await;
    let admin = visit.care.admin.id.to_string();
    assert_eq!((&request["kind"], &request["by"]), (&json!("audio"), &json!(admin)));
    let (_admin, joined) = visit.inside("c-1", &visit.care.admin.token).await;
    assert_eq!(ask("mute", &json!({"source": "camera", "muted": true})).await, 200);
    assert_eq!(patient.next("mute-request").await["by"], joined["peerId"], "who sits there");
    assert_eq!(ask("mute", &json!({"source": "microphone", "muted": false})).await, 409);
    assert_eq!(ask("disconnect", &json!({"reason": "late"})).await, 200);
    assert_eq!(patient.next("kicked").await["reason"], "late");
    assert_eq!(ask("disconnect", &Value::Null).await, 404);
}
