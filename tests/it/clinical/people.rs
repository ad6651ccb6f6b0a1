//! Doctors, institutions and patients: made with their accounts, seen by those who may.

use latido::domain::identity::Role;
use serde_json::json;

use crate::support::care::Care;

#[tokio::test]
async fn a_patient_is_made_with_account_contacts_and_health_and_signs_in() {
    let care = Care::start().await;
    let doctor = care.doctor(json!({})).await;

    let answer = care
        .post(
            &doctor.account,
            "/api/v1/patients",
            json!({"first_name": "María", "last_name": "Gómez", "email": "Maria@Example.com",
                "password": "correct horse battery", "date_of_birth": "1990-05-17", "sex": "female",
                "emergency_contact_name": "Luis", "emergency_contact_phone": "555 0101",
                "phones": [{"type": "mobile", "number": "+54 351 5550101", "primary": true}],
                "health_profile": {"height_cm": 170, "weight_kg": 65, "systolic": 118,
                    "diastolic": 76, "smoking": "never", "activity_minutes_week": 75,
                    "chronic_conditions": []}}),
        )
        .await;

    assert_eq!(answer.status, 201, "{}", answer.text());
    let patient = answer.json();
    assert_eq!(answer.header("location"), format!("/api/v1/patients/{}", patient["id"]));
    assert_eq!(patient["doctor_id"], doctor.id, "becomes the patient of who adds them");
    assert_eq!(patient["email"], "maria@example.com");
    assert_eq!(patient["association_status"], "associated");
    assert_eq!(patient["emergency_contact"]["name"], "Luis");
    assert_eq!(patient["phones"][0]["number"], "+54 351 5550101");
    assert_eq!(
        (&patient["kpis"]["bmi"], &patient["kpis"]["bmi_class"]),
        (&json!(22.5), &json!("normal"))
    );
    assert_eq!(patient["kpis"]["health_score"], 92);
    assert_eq!(patient["kpis"]["health_score_coverage"], 0.9);
    let signed_in = care
        .latido
        .call("POST", "/auth/login")
        .json(&json!({"email": "maria@example.com", "password": "correct horse battery"}))
        .send()
        .await;
    assert_eq!(signed_in.json()["user"]["reference_id"], patient["id"]);
}
