//! Visits are reminded of once, whatever the number of nodes, and without a word on what they are for.

use std::time::Duration;

use latido::domain::time::Timestamp;
use serde_json::{Value, json};

use crate::support::accounts;
use crate::support::care::{Care, Person};

/// A visit that was booked long ago.
async fn book(care: &Care, patient: &Person, doctor: &Person, minutes: u64) -> Value {
    let starts_at = Timestamp::now().plus(Duration::from_mins(minutes)).to_string();
    let body = json!({"patient_id": patient.id, "doctor_id": doctor.id, "kind": "in_person",
        "starts_at": starts_at, "duration_minutes": 5, "reason": "una dolencia"});
    let visit = care.added("/api/v1/appointments", body).await;
    let sql = format!("update appointments set updated_at = 0 where id = {}", visit["id"]);
    accounts::run(care.latido.database.url(), &sql).await;
    visit
}

#[tokio::test]
async fn patient_and_doctor_are_reminded_once_by_one_node() {
    let care = Care::start().await;
    let other = care.latido.beside(&[]).await;
    let doctor = care.doctor(json!({})).await;
    let patient = care.patient(json!({"doctor_id": doctor.id})).await;
    care.ask(&doctor.account, "PATCH", "/users/me/settings", json!({"locale": "en"})).await;
    let (mut patients, mut doctors) =
        (care.connect(&patient).await, other.connect(&doctor.account).await);

    for minutes in [30, 45] {
        let visit = book(&care, &patient, &doctor, minutes).await;

        let heard = patients.next("notification").await;
        assert_eq!(heard["kind"], "appointment.reminder");
        assert_eq!(heard["title"], "Recordatorio de turno");
        assert_eq!(
            heard["data"],
            json!({"appointment_id": visit["id"], "starts_at": visit["starts_at"]})
        );
        assert!(!heard.to_string().contains("dolencia"), "{heard}");
        assert_eq!(doctors.next("notification").await["title"], "Appointment reminder");
    }

    let count = "select count(*) from notifications";
    assert_eq!(accounts::value::<i64>(care.latido.database.url(), count).await, 4);
}

#[tokio::test]
async fn a_visit_that_is_far_off_is_not_reminded_of_yet() {
    let care = Care::start().await;
    let doctor = care.doctor(json!({})).await;
    let patient = care.patient(json!({"doctor_id": doctor.id})).await;
    let mut socket = care.connect(&patient).await;
    book(&care, &patient, &doctor, 1500).await;
    let near = book(&care, &patient, &doctor, 600).await;

    let heard = socket.next("notification").await;

    assert_eq!(heard["data"]["appointment_id"], near["id"]);
    let count = "select count(*) from appointment_reminders";
    assert_eq!(accounts::value::<i64>(care.latido.database.url(), count).await, 1);
}
