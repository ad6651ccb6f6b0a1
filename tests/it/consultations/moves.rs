//! Consultations through their states, and what follows them.

use serde_json::{Value, json};

use super::{Visit, data};
use crate::support::accounts;

#[tokio::test]
async fn a_consultation_begins_and_ends_once() {
    let visit = Visit::start().await;
    visit.opened("c-1").await;
    let mut patient = visit.care.connect(&visit.patient).await;

    let early = visit.step("c-1", "end").await;
    let started = visit.step("c-1", "start").await;
    let again = visit.step("c-1", "start").await;
    let late = visit.step("c-1", "cancel").await;
    let path = "/api/consultations/c-1/end";
    let ended = visit
        .care
        .post(&visit.doctor.account, path, json!({"summary": "Control, sin novedades."}))
        .await;

    for refused in [early, again, late] {
        assert_eq!(refused.status, 409, "{}", refused.text());
        assert_eq!(refused.json()["type"], "urn:latido:problem:invalid-transition");
    }
    let live = data(&started);
    assert_eq!((&live["status"], live["startedAt"].is_string()), (&json!("live"), true));
    assert_eq!((started.header("etag"), &live["version"]), ("\"v2\"", &json!(2)));
    let over = data(&ended);
    assert_eq!(
        (&over["status"], &over["summary"]),
        (&json!("ended"), &json!("Control, sin novedades."))
    );
    assert!(over["endedAt"].is_string() && over["durationSeconds"].is_u64(), "{over}");
    for status in ["live", "ended"] {
        assert_eq!(patient.next("consultation:update").await["status"], status);
    }
    let sql = "select count(*) from audit_log
        where entity_type = 'consultation' and action in ('started', 'ended')";
    assert_eq!(accounts::value::<i64>(visit.care.latido.database.url(), sql).await, 2);
    let sql = "select count(*) from audit_log where cast(data as text) like '%novedades%'";
    assert_eq!(accounts::value::<i64>(visit.care.latido.database.url(), sql).await, 0);
}

#[tokio::test]
async fn a_move_from_another_version_is_refused() {
    let visit = Visit::start().await;
    visit.opened("c-1").await;
    let start = async |version: &str| {
        let call = visit.care.latido.call("POST", "/api/consultations/c-1/start");
        let call = call.bearer(&visit.doctor.account.token).header("if-match", version);
        call.send().await.status.as_u16()
    };

    assert_eq!(start("\"v7\"").await, 412);
    assert_eq!(start("\"v1\"").await, 200);
}

#[tokio::test]
async fn consultations_are_listed_newest_first_to_those_they_concern() {
    let visit = Visit::start().await;
    let other = visit.care.patient(json!({"doctor_id": visit.doctor.id})).await;
    for id in ["c-1", "c-2"] {
        visit.opened(id).await;
    }
    visit.opened_with("c-3", json!({"patientId": other.id})).await;
    visit.step("c-2", "start").await;
    let list = async |by, query: &str| {
        let answer = visit.get(by, &format!("/api/consultations{query}")).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        data(&answer)
    };
    let ids = |page: &Value| -> Vec<String> {
        let items = page["items"].as_array().unwrap().iter();
        items.map(|it| it["consultationId"].as_str().unwrap().to_owned()).collect()
    };

    assert_eq!(ids(&list(&visit.patient.account, "").await), ["c-2", "c-1"]);
    assert_eq!(ids(&list(&visit.doctor.account, "").await), ["c-3", "c-2", "c-1"]);
    assert_eq!(ids(&list(&visit.care.admin, "?status=live").await), ["c-2"]);
    let query = format!("?patientId={}", other.id);
    assert_eq!(ids(&list(&visit.doctor.account, &query).await), ["c-3"]);
    let counted = list(&visit.patient.account, "?limit=1&count=true").await;
    assert_eq!((ids(&counted).len(), &counted["total"]), (1, &json!(2)));
    let first = list(&visit.doctor.account, "?limit=2").await;
    assert_eq!(first.get("total"), None);
    assert_eq!((ids(&first), &first["hasMore"]), (vec!["c-3".into(), "c-2".into()], &json!(true)));
    let query = format!("?limit=2&cursor={}", first["nextCursor"].as_str().unwrap());
    let second = list(&visit.doctor.account, &query).await;
    assert_eq!((ids(&second), &second["nextCursor"]), (vec!["c-1".to_owned()], &Value::Null));
    let stranger = visit.care.doctor(json!({})).await;
    assert_eq!(ids(&list(&stranger.account, "").await), [""; 0]);
    assert_eq!(visit.get(&stranger.account, "/api/consultations/c-1").await.status, 404);
    let unknown = visit.get(&visit.care.admin, "/api/consultations?colour=red").await;
    assert_eq!(unknown.status, 400);
}

#[tokio::test]
async fn who_has_a_version_is_spared_it() {
    let visit = Visit::start().await;
    visit.opened("c-1").await;
    let answer = visit.get(&visit.patient.account, "/api/consultations/c-1").await;
    assert_eq!(answer.header("etag"), "\"v1\"");
    assert!(!answer.text().contains("oken"), "no token is shown: {}", answer.text());

    let call = visit.care.latido.call("GET", "/api/consultations/c-1");
    let call = call.bearer(&visit.patient.account.token).header("if-none-match", "\"v1\"");

    assert_eq!(call.send().await.status, 304);
}
