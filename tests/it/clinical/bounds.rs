//! What people of care may be made into, and what stays out of sight.

use latido::domain::identity::Role;
use serde_json::{Value, json};

use crate::support;
use crate::support::accounts;
use crate::support::care::Care;

const SERVICE_KEY: &str = "a-key-of-a-service-that-reads-of-care";

#[tokio::test]
async fn an_associated_patient_keeps_somebody_to_call() {
    let care = Care::start().await;
    let doctor = care.doctor(json!({})).await;
    let patient = care.patient(json!({"doctor_id": doctor.id})).await;
    let path = format!("/api/v1/patients/{}", patient.id);

    for by in [&patient.account, &care.admin] {
        let nobody = json!({"emergency_contact": null});
        let refused = care.ask(by, "PATCH", &path, nobody).await;
        assert_eq!(refused.status, 422, "{}", refused.text());
        assert_eq!(refused.json()["errors"][0]["pointer"], "/emergency_contact");
    }
    let refused = care.ask(&care.admin, "PATCH", &path, json!({"doctor_id": null})).await;
    assert_eq!(refused.json()["errors"][0]["pointer"], "/doctor_id");
}

#[tokio::test]
async fn a_patient_of_nobody_can_be_changed_without_becoming_somebodys() {
    let care = Care::start().await;
    let body = json!({"email": "sola@example.com", "password": "password123",
        "nombre": "Sola", "apellido": "Paz", "fecha_nacimiento": "1990-05-17", "rol": "paciente"});
    let answer = care.latido.call("POST", "/auth/register").json(&body).send().await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    let list = care.get(&care.admin, "/api/v1/patients").await.json();
    let path = format!("/api/v1/patients/{}", list["items"][0]["id"]);

    let answer = care.ask(&care.admin, "PATCH", &path, json!({"first_name": "Otra"})).await;

    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.json()["first_name"], "Otra");
    let doctor = care.doctor(json!({})).await;
    let refused = care.ask(&care.admin, "PATCH", &path, json!({"doctor_id": doctor.id})).await;
    assert_eq!(refused.status, 422, "{}", refused.text());
    assert_eq!(refused.json()["errors"][0]["pointer"], "/emergency_contact");
}

#[tokio::test]
async fn a_specialty_that_is_not_there_is_a_reference() {
    let care = Care::start().await;
    let doctor = care.doctor(json!({})).await;
    let path = format!("/api/v1/doctors/{}", doctor.id);

    for wanted in [json!({"specialty_ids": [99_999]}), json!({"specialty_id": 99_999})] {
        let refused = care.ask(&care.admin, "PATCH", &path, wanted).await;
        assert_eq!(refused.status, 422, "{}", refused.text());
        assert_eq!(refused.json()["errors"][0]["code"], "reference");
    }
    let new = json!({"first_name": "Ana", "last_name": "Ruiz", "email": "ana@example.com",
        "password": "password123", "medical_license": "MN-1", "specialty_ids": [99_999], "years_experience": 1,
        "consultation_fee_cents": 0});
    let refused = care.post(&care.admin, "/api/v1/doctors", new).await;
    assert_eq!(refused.status, 422, "{}", refused.text());
    assert_eq!(refused.json()["errors"][0]["pointer"], "/specialty_ids/0");
}

#[tokio::test]
async fn a_doctor_suspended_by_a_change_is_suspended_as_by_a_decision() {
    let care = Care::start().await;
    let doctor = care.doctor(json!({})).await;
    let patient = care.patient(json!({"doctor_id": doctor.id})).await;
    let mut admins = care.latido.connect(&care.admin).await;
    let mut socket = care.connect(&doctor).await;
    let row = json!({"entity": "patient", "entityId": patient.id});
    assert_eq!(socket.ask("subscribe", &row).await["ok"], true);

    let path = format!("/api/v1/doctors/{}", doctor.id);
    let answer = care.ask(&care.admin, "PATCH", &path, json!({"status": "suspended"})).await;

    assert_eq!(answer.status, 200, "{}", answer.text());
    socket.next("unsubscribed").await;
    let event = loop {
        let event = admins.next("admin:event").await;
        if event["action"] == "status_changed" {
            break event;
        }
    };
    assert_eq!(event["data"], json!({"from": "active", "to": "suspended", "appointment_ids": []}));
}

#[tokio::test]
async fn an_institution_knows_the_licences_of_its_own_doctors() {
    let care = Care::start().await;
    let institution = care.institution().await;
    let own = care.doctor(json!({"institution_id": institution.id})).await;
    let other = care.doctor(json!({})).await;

    for (doctor, found) in [(&own, 1), (&other, 0)] {
        let path = format!("/api/v1/doctors?q=MN-{}", doctor.account.id);
        let list = care.get(&institution.account, &path).await.json();
        assert_eq!(list["items"].as_array().unwrap().len(), found, "{list}");
    }
}

#[tokio::test]
async fn who_was_removed_is_in_no_care_team_and_nobodys_patient() {
    let care = Care::start().await;
    let (doctor, colleague) = (care.doctor(json!({})).await, care.doctor(json!({})).await);
    let patient = care.patient(json!({"doctor_id": doctor.id})).await;
    let team = format!("/api/v1/patients/{}/care-team", patient.id);
    care.added(&team, json!({"doctor_id": colleague.id})).await;
    let result = json!({"patient_id": patient.id, "exam_name": "Hemograma"});
    let result = care.post(&doctor.account, "/api/v1/results", result).await;
    let result = format!("/api/v1/results/{}", result.json()["id"]);
    assert_eq!(care.get(&doctor.account, &result).await.status, 200);

    let path = format!("/api/v1/doctors/{}", colleague.id);
    assert_eq!(care.ask(&care.admin, "DELETE", &path, Value::Null).await.status, 204);
    let shown = care.get(&care.admin, &team).await.json();
    assert_eq!(shown["members"], json!([]));
    assert_eq!(shown["primary_doctor"]["id"], doctor.id);

    let path = format!("/api/v1/patients/{}", patient.id);
    assert_eq!(care.ask(&care.admin, "DELETE", &path, Value::Null).await.status, 204);
    assert_eq!(care.get(&doctor.account, &result).await.status, 404);
    let list = care.get(&doctor.account, "/api/v1/results").await.json();
    assert_eq!(list["items"], json!([]));
}

#[tokio::test]
async fn a_consultation_of_its_doctor_makes_a_patient_the_institutions() {
    let care = Care::start().await;
    let institution = care.institution().await;
    let doctor = care.doctor(json!({"institution_id": institution.id})).await;
    let other = care.doctor(json!({})).await;
    let patient = care.patient(json!({"doctor_id": other.id})).await;
    let path = format!("/api/v1/patients/{}", patient.id);
    assert_eq!(care.get(&institution.account, &path).await.status, 404);

    let sql = format!(
        "insert into consultations (id, patient_ref, doctor_ref, patient_id, doctor_id, room_name,
            mode, status, created_at, updated_at)
         select 'c-1', 'p', 'd', {}, {}, 'consultation-c-1', 'p2p', 'ended', max(created_at),
            max(created_at)
         from patients",
        patient.id, doctor.id
    );
    accounts::run(care.latido.database.url(), &sql).await;

    assert_eq!(care.get(&institution.account, &path).await.status, 200);
    let list = care.get(&institution.account, "/api/v1/patients").await.json();
    assert_eq!(list["items"][0]["id"], patient.id);
    let mut socket = care.connect(&institution).await;
    let asked = json!({"userIds": [patient.account.id]});
    assert_eq!(socket.ask("presence:subscribe", &asked).await["ok"], true);
}

#[tokio::test]
async fn a_service_sees_no_removed_rows_and_measures_nobody() {
    let keys = format!("care:{SERVICE_KEY}");
    let care = Care::on(support::start_with(&[("SERVICE_API_KEYS", &keys)]).await).await;
    let doctor = care.doctor(json!({})).await;
    let patient = care.patient(json!({"doctor_id": doctor.id})).await;

    for path in ["/api/v1/catalog/exams", "/api/v1/doctors", "/api/v1/patients"] {
        let call = care.latido.call("GET", &format!("{path}?include_deleted=true"));
        let refused = call.header("x-service-key", SERVICE_KEY).send().await;
        assert_eq!(refused.status, 403, "{path}: {}", refused.text());
    }
    let path = format!("/api/v1/patients/{}/health-profile", patient.id);
    let call = care.latido.call("PUT", &path).header("x-service-key", SERVICE_KEY);
    assert_eq!(call.json(&json!({"height_cm": 170})).send().await.status, 403);
}

#[tokio::test]
async fn lists_are_narrowed_by_when_their_rows_were_made() {
    let care = Care::start().await;
    let doctor = care.doctor(json!({})).await;
    let patient = care.patient(json!({"doctor_id": doctor.id})).await;
    let profile = format!("/api/v1/patients/{}/health-profile", patient.id);
    let measured = care.ask(&care.admin, "PUT", &profile, json!({"height_cm": 170})).await;
    assert_eq!(measured.status, 200);

    let history = format!("{profile}/history");
    for path in ["/api/v1/doctors/me/patients", "/api/v1/specialties", history.as_str()] {
        let list = |filter: &str| {
            let path = format!("{path}?{filter}");
            let (care, by) = (&care, &doctor.account);
            async move { care.get(by, &path).await.json()["items"].as_array().unwrap().len() }
        };
        assert_eq!(list("created_from=2020-01-01T00:00:00Z").await, 1, "{path}");
        assert_eq!(list("created_to=2020-01-01T00:00:00Z").await, 0, "{path}");
    }
}

#[tokio::test]
async fn what_an_administrator_does_to_their_own_account_is_told_to_all_of_them() {
    let latido = support::start().await;
    let admin = latido.account(Role::Admin).await;
    let mut socket = latido.connect(&latido.account(Role::Admin).await).await;

    let left = latido.call("POST", "/auth/logout").bearer(&admin.token).send().await;

    assert_eq!(left.status, 204, "{}", left.text());
    let event = socket.next("admin:event").await;
    assert_eq!(
        (&event["eventType"], &event["userId"]),
        (&json!("session.logout"), &json!(admin.id))
    );
}
