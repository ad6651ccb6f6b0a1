//! The patient's consent to being filmed: who is asked, when, and who may say that they agreed.

use serde_json::{Value, json};

use super::handover::Call;
use super::livekit::{BUCKET, until};
use super::{Visit, data};
use crate::support::accounts;
use crate::support::http::Answer;
use crate::support::livekit::MediaServer;
use crate::support::within;

/// A consultation at a media server with a recorder.
async fn filmed() -> (MediaServer, Visit) {
    let server = MediaServer::double().await;
    let visit = Visit::start_with(&[&server.settings()[..], &BUCKET].concat()).await;
    visit.opened("c-1").await;
    (server, visit)
}

impl Visit {
    /// Asks for a recording as its doctor.
    async fn record(&self, body: Value) -> Value {
        let path = "/api/consultations/c-1/recording/start";
        let answer = self.care.post(&self.doctor.account, path, body).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        data(&answer)
    }
}

/// What the recorder was asked for, once it is.
async fn asked_for(server: &MediaServer) -> Value {
    within("the recorder to be asked", async {
        loop {
            let asked = server.upstream().asked();
            let film = asked.iter().find(|it| it.path.ends_with("/StartRoomCompositeEgress"));
            if let Some(film) = film {
                return serde_json::from_slice(&film.body).unwrap();
            }
            tokio::task::yield_now().await;
        }
    })
    .await
}

#[tokio::test]
async fn a_patient_who_comes_after_the_doctor_asked_is_asked() {
    let (server, visit) = filmed().await;
    let asked = visit.record(json!({})).await;
    assert_eq!(asked["status"], "requested");

    let (mut early, _) = visit.inside("c-1", &visit.patient.account.token).await;
    assert_eq!(early.next("recording-request").await["recordingId"], asked["recordingId"]);
    drop(early);
    let (mut patient, _) = visit.inside("c-1", &visit.patient.account.token).await;
    assert_eq!(patient.next("recording-request").await["recordingId"], asked["recordingId"]);

    let consent = json!({"roomId": "c-1", "recordingId": asked["recordingId"], "consent": true});
    assert_eq!(patient.ask("recording-consent", &consent).await, json!({"ok": true}));
    asked_for(&server).await;
}

#[tokio::test]
async fn who_waits_in_the_lobby_is_asked_once_admitted() {
    let server = MediaServer::double().await;
    let visit = Visit::start_with(&[&server.settings()[..], &BUCKET].concat()).await;
    visit.opened_with("c-1", json!({"waitingRoom": true})).await;
    let (mut doctor, _) = visit.inside("c-1", &visit.doctor.account.token).await;
    let (mut patient, waiting) = visit.inside("c-1", &visit.patient.account.token).await;
    visit.record(json!({})).await;
    doctor.next("recording").await;
    assert_eq!(patient.heard("recording-request"), [Value::Null; 0]);

    let admit = json!({"roomId": "c-1", "peerId": waiting["peerId"]});
    assert_eq!(doctor.ask("admit", &admit).await, json!({"ok": true}));

    patient.next("recording-request").await;
}

#[tokio::test]
async fn the_picture_is_the_one_that_was_asked_for_before_the_patient_agreed() {
    let mut call = Call::carried("sfu", &BUCKET).await;
    call.visit.record(json!({"layout": "speaker"})).await;
    call.patient.next("recording-request").await;

    let consent = json!({"roomId": "c-1", "consent": true});
    assert_eq!(call.patient.ask("recording-consent", &consent).await, json!({"ok": true}));

    assert_eq!(asked_for(&call.server).await["layout"], "speaker");
}

/// By whose word somebody was filmed.
async fn consented(visit: &Visit, recording: &Value) -> Option<String> {
    let sql = format!("select consent_by from recordings where id = {}", recording["recordingId"]);
    accounts::value(visit.care.latido.database.url(), &sql).await
}

#[tokio::test]
async fn the_doctor_or_a_service_says_that_the_patient_agreed_and_an_administrator_does_not() {
    for (who, status, word) in [
        ("doctor", "starting", Some("doctor")),
        ("service", "starting", Some("service")),
        ("admin", "requested", None),
    ] {
        let (_server, visit) = filmed().await;
        let (path, body) = ("/api/consultations/c-1/recording/start", json!({"consent": true}));

        let answer: Answer = match who {
            "doctor" => visit.care.post(&visit.doctor.account, path, body).await,
            "service" => visit.serve("POST", path, &body).await,
            _ => visit.care.post(&visit.care.admin, path, body).await,
        };

        let recording = data(&answer);
        assert_eq!(recording["status"], status, "{who}");
        assert_eq!(consented(&visit, &recording).await.as_deref(), word, "{who}");
    }
}

#[tokio::test]
async fn in_the_room_too_an_administrator_has_the_patient_asked() {
    let mut call = Call::carried("sfu", &BUCKET).await;
    let (mut admin, _) = call.visit.inside("c-1", &call.visit.care.admin.token).await;

    let start = json!({"roomId": "c-1", "action": "start", "consent": true});
    let asked = admin.ask("recording", &start).await;

    assert_eq!(asked["status"], "requested", "{asked}");
    call.patient.next("recording-request").await;
    let taken = call.doctor.ask("recording", &start).await;
    assert_eq!(
        (&taken["status"], &taken["recordingId"]),
        (&json!("starting"), &asked["recordingId"])
    );
}

#[tokio::test]
async fn the_doctors_word_takes_the_place_of_an_answer_that_is_waited_for() {
    let mut call = Call::carried("sfu", &BUCKET).await;
    let asked = call.visit.record(json!({})).await;
    call.patient.next("recording-request").await;
    let path = "/api/consultations/c-1/recording/start";
    let twice = call.visit.care.post(&call.visit.doctor.account, path, json!({})).await;
    assert_eq!(twice.status, 409, "{}", twice.text());

    let begun = call.visit.record(json!({"consent": true, "layout": "speaker"})).await;

    assert_eq!(
        (&begun["recordingId"], &begun["status"]),
        (&asked["recordingId"], &json!("starting"))
    );
    assert_eq!(asked_for(&call.server).await["layout"], "speaker");
    assert_eq!(consented(&call.visit, &asked).await.as_deref(), Some("doctor"));
    until(&call.visit, &asked, |it| it["egressId"].is_string()).await;
    let consent = json!({"roomId": "c-1", "consent": false});
    let late = call.patient.ask("recording-consent", &consent).await;
    assert_eq!(late["error"]["code"], "conflict", "{late}");
}
