//! Doctors: what they may be made into, and who hears of it.

use std::time::Duration;

use latido::domain::time::Timestamp;
use serde_json::json;

use crate::support::care::Care;

#[tokio::test]
async fn administrators_hear_which_visits_stay_whoever_suspends_the_doctor() {
    let care = Care::start().await;
    let institution = care.institution().await;
    let doctor = care.doctor(json!({"institution_id": institution.id})).await;
    let patient = care.patient(json!({"doctor_id": doctor.id})).await;
    let visit = json!({"patient_id": patient.id, "doctor_id": doctor.id, "kind": "in_person",
        "starts_at": Timestamp::now().plus(Duration::from_hours(48))});
    let visit = care.added("/api/v1/appointments", visit).await;
    care.latido.mark("booked").await;
    let mut admins = care.latido.connect(&care.admin).await;
    let path = format!("/api/v1/doctors/{}/status", doctor.id);

    for (marker, by, from, to, stay) in [
        ("by its institution", &institution.account, "active", "suspended", json!([visit["id"]])),
        ("back", &care.admin, "suspended", "active", json!(null)),
        ("by an administrator", &care.admin, "active", "suspended", json!([visit["id"]])),
    ] {
        let decision = json!({"status": to, "reason": "x"});
        let answer = care.post(by, &path, decision).await;
        assert_eq!(answer.status, 200, "{marker}: {}", answer.text());
        care.latido.mark(marker).await;

        let told = admins.until(marker, "admin:event").await;
        let told: Vec<_> =
            told.iter().filter(|it| it["eventType"] == "doctor.status_changed").collect();
        assert_eq!(told.len(), 1, "{marker}: {told:?}");
        assert_eq!((&told[0]["entityId"], &told[0]["userId"]), (&json!(doctor.id), &json!(by.id)));
        let data = &told[0]["data"];
        assert_eq!((&data["from"], &data["to"]), (&json!(from), &json!(to)));
        assert_eq!(data["appointment_ids"], stay, "{marker}");
    }
}

#[tokio::test]
async fn a_main_specialty_is_one_of_ten() {
    let care = Care::start().await;
    let mut ids = Vec::new();
    for number in 0..11 {
        ids.push(care.specialty(&format!("Especialidad n.º {number}")).await);
    }
    let doctor = care.doctor(json!({"specialty_ids": ids[..10]})).await;
    let path = format!("/api/v1/doctors/{}", doctor.id);
    let main =
        async |id: i64| care.ask(&care.admin, "PATCH", &path, json!({"specialty_id": id})).await;

    let refused = main(ids[10]).await;
    assert_eq!(refused.status, 422, "{}", refused.text());
    let error = &refused.json()["errors"][0];
    assert_eq!((&error["pointer"], &error["code"]), (&json!("/specialty_ids"), &json!("length")));
    let other = main(ids[9]).await;
    assert_eq!(other.status, 200, "{}", other.text());
    let other = other.json();
    assert_eq!(other["specialty_id"], ids[9]);
    assert_eq!(other["specialties"].as_array().unwrap().len(), 10);
}

#[tokio::test]
async fn a_doctor_hears_what_was_found_about_the_licence() {
    let care = Care::start().await;
    let doctor = care.doctor(json!({})).await;
    let mut socket = care.connect(&doctor).await;

    let finding = json!({"verified": true, "valid_until": "2099-01-31", "note": "seen"});
    let path = format!("/api/v1/doctors/{}/license/verify", doctor.id);
    let found = care.post(&care.admin, &path, finding).await;

    assert_eq!(found.status, 200, "{}", found.text());
    let told = socket.next("user:update").await;
    assert_eq!((&told["type"], &told["action"]), (&json!("profile"), &json!("updated")));
    let changes = json!({"license_verified": true, "license_valid_until": "2099-01-31"});
    assert_eq!(told["changes"], changes);
}
