//! A patient is validated step by step (contract §9.1).

use serde_json::json;

use crate::support::care::Care;

#[tokio::test]
async fn a_patient_moves_from_pending_to_full_access_and_every_skip_is_refused() {
    let care = Care::start().await;
    let institution = care.institution().await;
    let doctor = care.doctor(json!({"institution_id": institution.id})).await;
    let patient =
        care.patient(json!({"doctor_id": doctor.id, "institution_id": institution.id})).await;
    let mut own = care.connect(&patient).await;
    let path = format!("/api/v1/patients/{}/validation", patient.id);
    let to = |status: &str| json!({"status": status});

    for skipped in ["validated_by_institution", "full_access"] {
        let answer = care.post(&care.admin, &path, to(skipped)).await;
        assert_eq!(answer.status, 409, "{skipped}");
        assert_eq!(answer.json()["allowed"], json!(["validated_by_doctor"]));
    }
    let first = care.post(&doctor.account, &path, to("validated_by_doctor")).await;
    assert_eq!(first.json()["validation_status"], "validated_by_doctor", "{}", first.text());
    let told = own.next("user:update").await;
    assert_eq!(
        (&told["type"], &told["changes"]["to"]),
        (&json!("validation"), &json!("validated_by_doctor"))
    );
    assert_eq!(care.post(&doctor.account, &path, to("validated_by_institution")).await.status, 403);
    let second = care.post(&institution.account, &path, to("validated_by_institution")).await;
    assert_eq!(second.status, 200, "{}", second.text());
    let early = care.post(&institution.account, &path, to("full_access")).await;
    assert_eq!(early.status, 422, "no health profile yet");
    let profile = "/api/v1/patients/me/health-profile";
    care.ask(&patient.account, "PUT", profile, json!({"height_cm": 170})).await;
    let third = care.post(&institution.account, &path, to("full_access")).await;
    assert_eq!(third.json()["validation_status"], "full_access", "{}", third.text());

    assert_eq!(care.post(&care.admin, &path, to("pending")).await.status, 422, "why is required");
    let back = json!({"status": "pending", "note": "wrong person"});
    assert_eq!(care.post(&care.admin, &path, back).await.json()["validation_status"], "pending");
    assert_eq!(care.post(&patient.account, &path, to("validated_by_doctor")).await.status, 403);
}

#[tokio::test]
async fn a_stranger_validates_nobody() {
    let care = Care::start().await;
    let (doctor, stranger) = (care.doctor(json!({})).await, care.doctor(json!({})).await);
    let patient = care.patient(json!({"doctor_id": doctor.id})).await;
    let path = format!("/api/v1/patients/{}/validation", patient.id);

    let answer =
        care.post(&stranger.account, &path, json!({"status": "validated_by_doctor"})).await;

    assert_eq!(answer.status, 404);
}

#[tokio::test]
async fn a_care_team_opens_a_patient_to_its_members_until_they_leave() {
    let care = Care::start().await;
    let (doctor, specialist) = (care.doctor(json!({})).await, care.doctor(json!({})).await);
    let patient = care.patient(json!({"doctor_id": doctor.id})).await;
    let path = format!("/api/v1/patients/{}", patient.id);
    let team = format!("{path}/care-team");
    assert_eq!(care.get(&specialist.account, &path).await.status, 404);

    let joined = care.post(&doctor.account, &team, json!({"doctor_id": specialist.id})).await;
    assert_eq!(joined.status, 201, "{}", joined.text());
    assert_eq!(
        care.post(&doctor.account, &team, json!({"doctor_id": specialist.id})).await.status,
        409
    );
    assert_eq!(care.get(&specialist.account, &path).await.status, 200);
    let seen = care.get(&patient.account, "/api/v1/patients/me/care-team").await.json();
    assert_eq!(seen["primary_doctor"]["id"], doctor.id);
    assert_eq!(seen["primary_doctor"].get("medical_license"), None, "{seen}");
    assert_eq!(
        (&seen["members"][0]["doctor"]["id"], &seen["members"][0]["role"]),
        (&json!(specialist.id), &json!("specialist"))
    );

    let left = care
        .ask(&doctor.account, "DELETE", &format!("{team}/{}", specialist.id), json!(null))
        .await;
    assert_eq!(left.status, 204);
    assert_eq!(care.get(&specialist.account, &path).await.status, 404);
}

#[tokio::test]
async fn who_registered_alone_is_validated_without_a_doctor() {
    let care = Care::start().await;
    let body = json!({"email": "sola@example.com", "password": "correct horse battery",
        "nombre": "Sola", "apellido": "Paz", "rol": "PACIENTE", "fecha_nacimiento": "1990-05-17"});
    let answer = care.latido.call("POST", "/auth/register").json(&body).send().await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    let patient = answer.json()["user"]["reference_id"].clone();
    let path = format!("/api/v1/patients/{patient}/validation");

    let skipped = care.post(&care.admin, &path, json!({"status": "validated_by_doctor"})).await;
    assert_eq!(skipped.json()["allowed"], json!(["validated_by_institution"]));
    let moved = care.post(&care.admin, &path, json!({"status": "validated_by_institution"})).await;

    assert_eq!(moved.json()["validation_status"], "validated_by_institution", "{}", moved.text());
}
