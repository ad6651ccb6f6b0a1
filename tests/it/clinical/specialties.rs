//! Specialties.

use serde_json::{Value, json};

use crate::support::care::Care;

#[tokio::test]
async fn removed_specialties_are_listed_to_administrators() {
    let care = Care::start().await;
    let doctor = care.doctor(json!({})).await;
    let gone = care.specialty("Cardiología").await;
    let path = format!("/api/v1/specialties/{gone}");
    assert_eq!(care.ask(&care.admin, "DELETE", &path, Value::Null).await.status, 204);
    let all = "/api/v1/specialties?include_deleted=true&count=true";

    let list = care.get(&care.admin, all).await;
    assert_eq!(list.status, 200, "{}", list.text());
    let list = list.json();
    assert_eq!((&list["items"][0]["id"], &list["total"]), (&json!(gone), &json!(2)));
    assert!(list["items"][0]["deleted_at"].is_string());
    let there = care.get(&care.admin, "/api/v1/specialties?count=true").await.json();
    assert_eq!(there["total"], 1);
    assert_eq!(care.get(&doctor.account, all).await.status, 403);
    assert_eq!(care.latido.call("GET", all).send().await.status, 403);
}
