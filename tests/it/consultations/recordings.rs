//! Recordings where there is nowhere to keep a film, and who hears of them.

use serde_json::{Value, json};

use super::{Visit, data};
use crate::support::accounts;

impl Visit {
    /// A recording of a consultation that its doctor begins.
    async fn recorded(&self, id: &str) -> Value {
        let answer = self.step(id, "recording/start").await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        data(&answer)
    }
}

#[tokio::test]
async fn without_a_bucket_everything_is_done_but_filming() {
    let visit = Visit::start().await;
    visit.opened("c-1").await;
    let mut doctor = visit.care.connect(&visit.doctor).await;

    let started = visit.recorded("c-1").await;
    let again = visit.step("c-1", "recording/start").await;
    let shown = data(&visit.get(&visit.doctor.account, "/api/consultations/c-1").await);
    let stopped = visit.step("c-1", "recording/stop").await;
    let late = visit.step("c-1", "recording/stop").await;

    assert_eq!(
        (&started["status"], &started["mock"], &started["egressId"]),
        (&json!("mock"), &json!(true), &Value::Null)
    );
    let path = started["filepath"].as_str().unwrap();
    let time = path.strip_prefix("consultations/c-1-").unwrap().strip_suffix(".mp4").unwrap();
    assert_eq!(time.len(), "2025-10-05T120746".len());
    assert_eq!(again.status, 409, "{}", again.text());
    assert_eq!(shown["recording"], "mock");
    let recording = data(&stopped);
    assert_eq!(
        (&recording["status"], &recording["id"]),
        (&json!("mock_stopped"), &started["recordingId"])
    );
    assert!(recording["stoppedAt"].is_string());
    assert_eq!(late.status, 404);
    for mark in ["mock", "none"] {
        assert_eq!(doctor.next("consultation:update").await["recording"], mark);
    }
    let sql = "select count(*) from audit_log where entity_type = 'recording'";
    assert_eq!(accounts::value::<i64>(visit.care.latido.database.url(), sql).await, 2);
}

#[tokio::test]
async fn what_is_encrypted_or_elsewhere_or_over_is_not_recorded() {
    let visit = Visit::start().await;
    visit.opened_with("c-1", json!({"e2ee": true})).await;
    visit.opened("c-2").await;
    let path = "/api/consultations/c-2/recording/start";
    let start = async |body| visit.care.post(&visit.doctor.account, path, body).await.status;

    assert_eq!(visit.step("c-1", "recording/start").await.status, 409);
    assert_eq!(start(json!({"roomName": "consultation-c-1"})).await, 404);
    assert_eq!(start(json!({"roomName": "consultation-c-2", "layout": "speaker"})).await, 200);
    visit.step("c-2", "start").await;
    visit.step("c-2", "end").await;
    assert_eq!(visit.step("c-2", "recording/start").await.status, 410);
    let list = visit.get(&visit.doctor.account, "/api/consultations/c-2/recordings").await;
    assert_eq!(data(&list)["items"][0]["status"], "mock_stopped", "ending ends recordings");
}

#[tokio::test]
async fn what_is_created_to_be_recorded_is_from_its_beginning_on() {
    let visit = Visit::start().await;
    visit.opened_with("c-1", json!({"record": true})).await;
    let mut doctor = visit.care.connect(&visit.doctor).await;

    visit.step("c-1", "start").await;

    assert_eq!(doctor.next("consultation:update").await["recording"], "none");
    assert_eq!(doctor.next("consultation:update").await["recording"], "mock");
}

#[tokio::test]
async fn what_was_recorded_is_listed_by_pages_the_newest_first() {
    let visit = Visit::start().await;
    visit.opened("c-1").await;
    let mut made = Vec::new();
    for _ in 0..3 {
        made.push(visit.recorded("c-1").await["recordingId"].clone());
        visit.step("c-1", "recording/stop").await;
    }
    let list = async |query: &str| {
        let path = format!("/api/consultations/c-1/recordings?{query}");
        let page = data(&visit.get(&visit.doctor.account, &path).await);
        let ids: Vec<_> =
            page["items"].as_array().unwrap().iter().map(|it| it["id"].clone()).collect();
        (ids, page)
    };

    let (newest, first) = list("limit=2&count=true").await;
    let (oldest, rest) = list(&format!("cursor={}", first["nextCursor"].as_str().unwrap())).await;

    assert_eq!((newest, oldest), (vec![made[2].clone(), made[1].clone()], vec![made[0].clone()]));
    assert_eq!((&first["hasMore"], &first["total"]), (&json!(true), &json!(3)));
    assert_eq!((&rest["hasMore"], &rest["nextCursor"]), (&json!(false), &Value::Null));
    let patient = visit.get(&visit.patient.account, "/api/consultations/c-1/recordings?count=true");
    assert_eq!(
        data(&patient.await),
        json!({"items": [], "nextCursor": null, "hasMore": false, "total": 0})
    );
}

#[tokio::test]
async fn patients_see_what_was_opened_to_them_once_they_have_full_access() {
    let visit = Visit::start().await;
    visit.opened("c-1").await;
    let id = visit.recorded("c-1").await["recordingId"].as_i64().unwrap();
    let path = format!("/api/recordings/{id}");
    let patient = &visit.patient.account;
    let listed = async || {
        let answer = visit.get(patient, "/api/consultations/c-1/recordings").await;
        data(&answer)["items"].as_array().unwrap().len()
    };
    let recorded = async || {
        let path = "/api/v1/patients/me/medical-record?sections=recordings";
        visit.get(patient, path).await.json()["recordings"].as_array().unwrap().len()
    };

    let opened = visit
        .care
        .ask(&visit.doctor.account, "PATCH", &path, json!({"visibleToPatient": true}))
        .await;

    assert_eq!((opened.status.as_u16(), &data(&opened)["visibleToPatient"]), (200, &json!(true)));
    assert_eq!(opened.header("etag"), "\"v2\"");
    assert_eq!(
        (visit.get(patient, &path).await.status.as_u16(), listed().await, recorded().await),
        (404, 0, 0)
    );
    let profile = format!("/api/v1/patients/{}/health-profile", visit.patient.id);
    visit.care.ask(&visit.care.admin, "PUT", &profile, json!({"height_cm": 170})).await;
    for status in ["validated_by_doctor", "full_access"] {
        let path = format!("/api/v1/patients/{}/validation", visit.patient.id);
        let answer = visit.care.post(&visit.care.admin, &path, json!({"status": status})).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
    assert_eq!(
        (visit.get(patient, &path).await.status.as_u16(), listed().await, recorded().await),
        (200, 1, 1)
    );
    let closed = json!({"visibleToPatient": false});
    assert_eq!(visit.care.ask(patient, "PATCH", &path, closed.clone()).await.status, 403);
    visit.care.ask(&visit.doctor.account, "PATCH", &path, closed).await;
    assert_eq!(
        (visit.get(patient, &path).await.status.as_u16(), listed().await, recorded().await),
        (404, 0, 0)
    );
}

#[tokio::test]
async fn of_a_mock_there_is_nothing_to_watch_or_delete() {
    let visit = Visit::start().await;
    visit.opened("c-1").await;
    let id = visit.recorded("c-1").await["recordingId"].as_i64().unwrap();
    visit.step("c-1", "recording/stop").await;
    let path = format!("/api/recordings/{id}");

    let url = visit.get(&visit.doctor.account, &format!("{path}/url")).await;
    let reason = json!({"reason": "a pedido del paciente"});
    let deleted = visit.care.ask(&visit.care.admin, "DELETE", &path, reason.clone()).await;
    let by_doctor = visit.care.ask(&visit.doctor.account, "DELETE", &path, reason).await;
    let unreasoned = visit.care.ask(&visit.care.admin, "DELETE", &path, json!({})).await;

    assert_eq!((url.status.as_u16(), deleted.status.as_u16()), (409, 409));
    assert_eq!((by_doctor.status.as_u16(), unreasoned.status.as_u16()), (403, 422));
}
