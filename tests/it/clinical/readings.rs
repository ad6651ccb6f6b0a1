//! Whoever looks at what is known of a patient's health leaves a line in the audit trail.

use serde_json::json;

use crate::support::accounts::value;
use crate::support::care::{Care, Person};

/// Lines that say somebody looked at the patient's health.
async fn looks(care: &Care, by: i64, patient: &Person) -> i64 {
    let sql = format!(
        "select count(*) from audit_log where action = 'read' and actor_id = {by}
            and cast(data as text) like '%\"patient_id\":%{}}}'",
        patient.id
    );
    value(care.latido.database.url(), &sql).await
}

#[tokio::test]
async fn every_look_at_a_patients_health_is_one_line() {
    let care = Care::start().await;
    let doctor = care.doctor(json!({})).await;
    let patient = care.patient(json!({"doctor_id": doctor.id})).await;
    let own = format!("/api/v1/patients/{}", patient.id);
    let measured = json!({"weight_kg": 65});
    let answer = care.ask(&doctor.account, "PUT", &format!("{own}/health-profile"), measured).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let note = json!({"kind": "soap", "body": "Tensión alta.", "released_to_patient": true});
    let drugs = json!({"items": [{"drug": "Enalapril", "dose": "10 mg", "frequency": "c/12 h"}]});
    let found = json!({"code": "I10", "description": "Hipertensión", "status": "confirmed",
        "source": "doctor", "released_to_patient": true});
    let examined = json!({"patient_id": patient.id, "exam_name": "Glucemia",
        "values": [{"name": "glucosa", "value": "90"}]});
    let mut rows = Vec::new();
    for (place, list, body) in [
        ("notes", format!("{own}/notes"), note),
        ("prescriptions", format!("{own}/prescriptions"), drugs),
        ("diagnoses", format!("{own}/diagnoses"), found),
        ("results", "/api/v1/results".to_owned(), examined),
    ] {
        let answer = care.post(&doctor.account, &list, body).await;
        assert_eq!(answer.status, 201, "{list}: {}", answer.text());
        rows.push(format!("/api/v1/{place}/{}", answer.json()["id"]));
        rows.push(list);
    }
    rows.push(own.clone());
    for part in ["profile", "health-profile", "health-profile/history", "dashboard"] {
        rows.push(format!("{own}/{part}"));
    }

    for path in rows {
        let before = looks(&care, doctor.account.id, &patient).await;
        let answer = care.get(&doctor.account, &path).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        let after = looks(&care, doctor.account.id, &patient).await;
        assert_eq!(after - before, 1, "{path}");
        assert_eq!(care.get(&patient.account, &path).await.status, 200, "{path}");
    }
    assert_eq!(looks(&care, patient.account.id, &patient).await, 0, "one's own are not counted");
}
