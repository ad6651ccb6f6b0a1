//! Diagnoses: made by doctors, also of what was suggested to them, and read once released.

use serde_json::{Value, json};

use crate::support::care::{Care, Person, joined};

async fn pair(care: &Care) -> (Person, Person) {
    let doctor = care.doctor(json!({})).await;
    let patient = care.patient(json!({"doctor_id": doctor.id})).await;
    (doctor, patient)
}

fn place(patient: &Person) -> String {
    format!("/api/v1/patients/{}/diagnoses", patient.id)
}

fn hypertension() -> Value {
    json!({"code": "I10", "description": "Hipertensión esencial", "status": "suspected",
        "source": "doctor"})
}

async fn suggested(care: &Care, doctor: &Person, patient: &Person) -> Value {
    let body = json!({"patient_id": patient.id, "symptoms": [], "vitals": {"systolic": 150}});
    let answer = care.post(&doctor.account, "/api/v1/diagnosis/suggestions", body).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()
}

#[tokio::test]
async fn a_diagnosis_is_made_changed_and_released() {
    let care = Care::start().await;
    let (doctor, patient) = pair(&care).await;

    let answer = care.post(&doctor.account, &place(&patient), hypertension()).await;

    assert_eq!(answer.status, 201, "{}", answer.text());
    let row = answer.json();
    let path = format!("/api/v1/diagnoses/{}", row["id"]);
    assert_eq!((answer.header("location"), answer.header("etag")), (path.as_str(), "\"v1\""));
    assert_eq!((&row["doctor_id"], &row["patient_id"]), (&json!(doctor.id), &json!(patient.id)));
    assert_eq!((&row["source"], &row["suggestion_id"]), (&json!("doctor"), &Value::Null));
    assert_eq!(row["released_to_patient"], false);
    assert_eq!(care.get(&patient.account, &path).await.status, 404);

    let late = care.latido.call("PATCH", &path).bearer(&doctor.account.token);
    let late = late.header("if-match", "\"v9\"").json(&json!({"status": "confirmed"})).send().await;
    assert_eq!(late.status, 412);
    let change = json!({"status": "ruled_out", "code": "I15.9", "released_to_patient": true});
    let answer = care.ask(&doctor.account, "PATCH", &path, change).await;
    assert_eq!((answer.status.as_u16(), answer.header("etag")), (200, "\"v2\""));
    assert_eq!(answer.json()["description"], "Hipertensión esencial");
    let list = care.get(&patient.account, "/api/v1/patients/me/diagnoses").await.json();
    assert_eq!(
        (&list["items"][0]["status"], &list["items"][0]["code"]),
        (&json!("ruled_out"), &json!("I15.9"))
    );
    let had = care.latido.call("GET", &path).bearer(&patient.account.token);
    assert_eq!(had.header("if-none-match", "\"v2\"").send().await.status, 304);
}

#[tokio::test]
async fn a_suggestion_becomes_a_diagnosis_of_the_same_patient_by_a_doctor_alone() {
    let care = Care::start().await;
    let (doctor, patient) = pair(&care).await;
    let other = care.patient(json!({"doctor_id": doctor.id})).await;
    let suggestions = suggested(&care, &doctor, &patient).await;
    let from = |id: Value| joined(hypertension(), json!({"source": "ai", "suggestion_id": id}));

    for (whose, id, code) in [
        (&patient, Value::Null, "required"),
        (&patient, json!("sg_unheard_of"), "reference"),
        (&other, suggestions["id"].clone(), "reference"),
    ] {
        let answer = care.post(&doctor.account, &place(whose), from(id)).await;
        assert_eq!(answer.status, 422, "{}", answer.text());
        let error = &answer.json()["errors"][0];
        assert_eq!((&error["pointer"], &error["code"]), (&json!("/suggestion_id"), &json!(code)));
    }
    let unheard = joined(from(suggestions["id"].clone()), json!({"code": "Z99"}));
    let answer = care.post(&doctor.account, &place(&patient), unheard).await;
    assert_eq!(answer.json()["errors"][0]["pointer"], "/code", "{}", answer.text());
    let body = from(suggestions["id"].clone());
    assert_eq!(care.post(&care.admin, &place(&patient), body.clone()).await.status, 403);
    let answer = care.post(&doctor.account, &place(&patient), body).await;

    assert_eq!(answer.status, 201, "{}", answer.text());
    let row = answer.json();
    assert_eq!((&row["source"], &row["suggestion_id"]), (&json!("ai"), &suggestions["id"]));
    let path = format!("/api/v1/diagnoses/{}", row["id"]);
    for (patch, pointer) in [
        (json!({"source": "doctor"}), "/source"),
        (json!({"suggestion_id": "sg_other"}), "/suggestion_id"),
    ] {
        let answer = care.ask(&doctor.account, "PATCH", &path, patch).await;
        assert_eq!(answer.status, 422);
        assert_eq!(answer.json()["errors"][0]["pointer"], pointer);
    }
}

#[tokio::test]
async fn a_diagnosis_keeps_its_bounds_and_its_readers() {
    let care = Care::start().await;
    let (doctor, patient) = pair(&care).await;
    let (stranger, other) = pair(&care).await;
    let institution = care.institution().await;

    for (more, pointer, code) in [
        (json!({"code": "hypertension"}), "/code", "format"),
        (json!({"code": "I10."}), "/code", "format"),
        (json!({"description": ""}), "/description", "length"),
        (json!({"description": "x".repeat(501)}), "/description", "length"),
        (json!({"status": "maybe"}), "/status", "enum"),
        (json!({"source": "oracle"}), "/source", "enum"),
        (json!({"consultation_id": "none"}), "/consultation_id", "reference"),
    ] {
        let body = joined(hypertension(), more);
        let answer = care.post(&doctor.account, &place(&patient), body).await;
        assert_eq!(answer.status, 422, "{pointer}: {}", answer.text());
        let error = &answer.json()["errors"][0];
        assert_eq!((&error["pointer"], &error["code"]), (&json!(pointer), &json!(code)));
    }
    let body = joined(hypertension(), json!({"released_to_patient": true}));
    let row = care.post(&doctor.account, &place(&patient), body).await.json();
    let path = format!("/api/v1/diagnoses/{}", row["id"]);
    for (who, account, reads, writes) in [
        ("the administrator", &care.admin, 200, 403),
        ("another doctor", &stranger.account, 404, 404),
        ("the patient", &patient.account, 200, 403),
        ("another patient", &other.account, 404, 403),
        ("an institution", &institution.account, 403, 403),
    ] {
        assert_eq!(care.get(account, &path).await.status, reads, "{who}");
        assert_eq!(care.get(account, &place(&patient)).await.status, reads, "{who}");
        let make = care.post(account, &place(&patient), hypertension()).await;
        assert_eq!(make.status, writes, "{who}");
        let change = care.ask(account, "PATCH", &path, json!({"status": "resolved"})).await;
        assert_eq!(change.status, writes, "{who}");
    }
}

#[tokio::test]
async fn who_treats_the_patient_hears_of_every_change_and_the_patient_of_what_is_released() {
    let care = Care::start().await;
    let (doctor, patient) = pair(&care).await;
    let (mut doctors, mut patients) = (care.connect(&doctor).await, care.connect(&patient).await);
    let row = care.post(&doctor.account, &place(&patient), hypertension()).await.json();
    let path = format!("/api/v1/diagnoses/{}", row["id"]);

    let heard = doctors.next("user:update").await;

    assert_eq!((&heard["type"], &heard["action"]), (&json!("diagnosis"), &json!("created")));
    let known = json!({"diagnosis_id": row["id"], "patient_id": patient.id});
    assert_eq!(heard["changes"], known);
    let release = json!({"released_to_patient": true});
    assert_eq!(care.ask(&doctor.account, "PATCH", &path, release).await.status, 200);
    assert_eq!(doctors.next("user:update").await["action"], "updated");
    let heard = patients.next("user:update").await;
    assert_eq!((&heard["type"], &heard["action"]), (&json!("diagnosis"), &json!("created")));
    assert_eq!(heard["changes"], json!({"diagnosis_id": row["id"]}));
}
