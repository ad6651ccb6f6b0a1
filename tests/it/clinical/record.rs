//! The medical record and the first pages of the portals.

use serde_json::{Value, json};

use crate::support;
use crate::support::accounts::{self, value};
use crate::support::care::Care;

#[tokio::test]
async fn every_look_at_a_record_is_written_down_once() {
    let care = Care::start().await;
    let doctor = care.doctor(json!({})).await;
    let patient = care.patient(json!({"doctor_id": doctor.id})).await;
    let looks = async || {
        let sql = format!(
            "select count(*) from audit_log
             where action = 'read' and entity_type = 'medical_record' and entity_id = '{}'",
            patient.id
        );
        value::<i64>(care.latido.database.url(), &sql).await
    };

    let path = format!("/api/v1/doctors/me/patients/{}/medical-record", patient.id);
    let record = care.get(&doctor.account, &path).await;
    assert_eq!(record.status, 200, "{}", record.text());
    assert_eq!(looks().await, 1);
    let own = care.get(&patient.account, "/api/v1/patients/me/medical-record?sections=notes").await;

    assert_eq!(looks().await, 2);
    let own = own.json();
    assert_eq!((own["notes"].is_array(), own.get("results")), (true, None), "{own}");
    let record = record.json();
    for section in [
        "history",
        "appointments",
        "consultations",
        "notes",
        "diagnoses",
        "prescriptions",
        "results",
    ] {
        assert_eq!(record[section], json!([]), "{section}");
        assert_eq!(record["truncated"][section], false, "{section}");
    }
    let unknown = care.get(&patient.account, "/api/v1/patients/me/medical-record?sections=x").await;
    assert_eq!((unknown.status.as_u16(), looks().await), (400, 2));
}

#[tokio::test]
async fn an_institution_opens_the_record_of_a_patient_it_has_validated() {
    let care = Care::start().await;
    let institution = care.institution().await;
    let patient = care.patient(json!({"institution_id": institution.id})).await;
    let path = format!("/api/v1/patients/{}", patient.id);
    let record = format!("{path}/medical-record");
    assert_eq!(care.get(&institution.account, &record).await.status, 403);

    let step = json!({"status": "validated_by_institution"});
    let moved = care.post(&institution.account, &format!("{path}/validation"), step).await;

    assert_eq!(moved.status, 200, "{}", moved.text());
    assert_eq!(care.get(&institution.account, &record).await.status, 200);
}

#[tokio::test]
async fn the_figures_of_a_practice_are_those_of_its_patients() {
    let care = Care::start().await;
    let institution = care.institution().await;
    let doctor = care.doctor(json!({"institution_id": institution.id})).await;
    let other = care.doctor(json!({})).await;
    for (height, weight, born) in
        [(170, 65, "1990-05-17"), (100, 36, "1990-05-17"), (120, 25, "2020-01-01")]
    {
        care.patient(json!({"doctor_id": doctor.id, "date_of_birth": born, "health_profile":
            {"height_cm": height, "weight_kg": weight, "systolic": 118, "diastolic": 76,
             "smoking": "never"}}))
            .await;
    }
    care.patient(json!({"doctor_id": other.id})).await;

    let own = care.get(&doctor.account, "/api/v1/doctors/me/dashboard").await;
    let house = care.get(&institution.account, "/api/v1/institutions/me/dashboard").await;

    assert_eq!(own.status, 200, "{}", own.text());
    let own = own.json();
    assert_eq!(own["total_patients"], 3);
    let by_validation_status = json!({"pending": 3, "validated_by_doctor": 0,
        "validated_by_institution": 0, "full_access": 0});
    assert_eq!(own["patients_by_validation_status"], by_validation_status);
    assert_eq!(
        own["patients_by_bmi_class"],
        json!({"normal": 1, "obesity_class_2": 1, "pediatric": 1})
    );
    // 100, (25·0.2 + 25 + 15)/65 → 69, and a child without a class: 100.
    assert_eq!(own["avg_health_score"], 89.7);
    assert_eq!((&own["no_show_rate_30d"], &own["appointments_today"]), (&Value::Null, &json!(0)));
    let house = house.json();
    let by_status = json!({"active": 1, "suspended": 0, "retired": 0});
    assert_eq!(house["doctors_by_status"], by_status, "{house}");
    assert_eq!(house["patients_by_validation_status"], by_validation_status);
}

#[tokio::test]
async fn a_patient_sees_how_they_stand() {
    let care = Care::start().await;
    let doctor = care.doctor(json!({})).await;
    let patient = care.patient(json!({"doctor_id": doctor.id})).await;

    let shown = care.get(&patient.account, "/api/v1/patients/me/dashboard").await;

    assert_eq!(shown.status, 200, "{}", shown.text());
    let shown = shown.json();
    assert_eq!(
        (&shown["patient"]["id"], &shown["validation_status"]),
        (&json!(patient.id), &json!("pending"))
    );
    assert_eq!(shown["care_team"]["primary_doctor"]["id"], doctor.id);
    assert_eq!(shown["next_appointments"], json!([]));
}

#[tokio::test]
async fn the_average_score_is_that_of_patients_who_are_there_at_their_age() {
    let care = Care::start().await;
    let doctor = care.doctor(json!({})).await;
    let mut patients = Vec::new();
    for weight in [65, 130] {
        let patient = care.patient(json!({"doctor_id": doctor.id})).await;
        let path = format!("/api/v1/patients/{}/health-profile", patient.id);
        let profile = json!({"height_cm": 170, "weight_kg": weight, "systolic": 110,
            "diastolic": 70});
        assert_eq!(care.ask(&care.admin, "PUT", &path, profile).await.status, 200);
        patients.push(patient);
    }
    let average = async || {
        let shown = care.get(&doctor.account, "/api/v1/doctors/me/dashboard").await.json();
        shown["avg_health_score"].clone()
    };
    // 25 of 50 points, and all.
    assert_eq!(average().await, 75.0);

    // The weight of the young is not scored.
    let path = format!("/api/v1/patients/{}", patients[1].id);
    let born = json!({"date_of_birth": "2015-01-01"});
    assert_eq!(care.ask(&care.admin, "PATCH", &path, born).await.status, 200);
    assert_eq!(average().await, 100.0);

    // Whoever comes of age is scored as an adult by the node that looks next.
    let grown =
        format!("update patients set date_of_birth = '1990-01-01' where id = {}", patients[1].id);
    accounts::run(care.latido.database.url(), &grown).await;
    let _other = care.latido.beside(&[]).await;
    support::within("the score of an adult", async { while average().await != 75.0 {} }).await;

    assert_eq!(care.ask(&care.admin, "DELETE", &path, Value::Null).await.status, 204);
    assert_eq!(average().await, 100.0);
}
