//! Specialties, and the doctors who show them.

use serde_json::{Value, json};

use crate::support::care::Care;

#[tokio::test]
async fn a_renamed_specialty_makes_new_versions_of_its_doctors() {
    let care = Care::start().await;
    let cardiology = care.specialty("Cardiología").await;
    let doctor = care.doctor(json!({"specialty_ids": [cardiology]})).await;
    let other = care.doctor(json!({})).await;
    let read = async |id: i64, known: &str| {
        let call = care.latido.call("GET", &format!("/api/v1/doctors/{id}"));
        call.bearer(&care.admin.token).header("if-none-match", known).send().await
    };
    let specialty = format!("/api/v1/specialties/{cardiology}");
    let change = async |body: Value| {
        assert_eq!(care.ask(&care.admin, "PUT", &specialty, body).await.status, 200);
    };

    change(json!({"name": "Cardiología", "category": "clínica"})).await;
    assert_eq!(read(doctor.id, "\"v1\"").await.status, 304, "doctors show no categories");
    change(json!({"name": "Cardiología infantil", "category": "clínica"})).await;

    let shown = read(doctor.id, "\"v1\"").await;
    assert_eq!((shown.status.as_u16(), shown.header("etag")), (200, "\"v2\""));
    assert_eq!(shown.json()["specialties"][0]["name"], "Cardiología infantil");
    assert_eq!(read(other.id, "\"v1\"").await.status, 304);
}

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
