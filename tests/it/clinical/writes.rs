//! Rows of care that several write at once, and what is not everybody's to write.

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::support::accounts::{Account, value};
use crate::support::care::{Care, Person};

const AT_ONCE: usize = 20;

async fn patch(care: &Care, by: &Account, path: &str, fields: Value) -> u16 {
    care.ask(by, "PATCH", path, fields).await.status.as_u16()
}

#[tokio::test]
async fn of_many_writers_at_once_none_is_turned_away_and_none_undoes_another() {
    let care = Care::start().await;
    let institution = care.institution().await;
    let doctor = care.doctor(json!({"institution_id": institution.id})).await;
    let patient = care.patient(json!({"doctor_id": doctor.id})).await;
    for (path, Person { id, .. }, field) in [
        ("patients", &patient, "last_name"),
        ("doctors", &doctor, "last_name"),
        ("institutions", &institution, "city"),
    ] {
        let path = format!("/api/v1/{path}/{id}");
        // The first write spells the account's e-mail as accounts do, which is a write of its own.
        assert_eq!(patch(&care, &care.admin, &path, json!({field: "Nombre"})).await, 200);
        let before = care.get(&care.admin, &path).await.json()["version"].as_u64().unwrap();
        let phones = json!([{"type": "mobile", "number": "5550101", "primary": true}]);
        let writes = (0..AT_ONCE).map(|place| {
            let fields = if place == 0 {
                json!({"phones": phones})
            } else {
                json!({field: format!("Nombre {place}")})
            };
            patch(&care, &care.admin, &path, fields)
        });

        let statuses = join_all(writes).await;

        assert_eq!(statuses, [200; AT_ONCE], "{path}");
        let row = care.get(&care.admin, &path).await.json();
        assert_eq!(row["phones"], phones, "{path}: {row}");
        assert_eq!(row["version"], before + AT_ONCE as u64, "{path}");
    }
}

#[tokio::test]
async fn a_row_and_its_account_are_written_from_both_sides_at_once() {
    let care = Care::start().await;
    let institution = care.institution().await;
    let doctor = care.doctor(json!({})).await;
    let patient = care.patient(json!({"doctor_id": doctor.id})).await;
    for (path, person, field) in [
        ("patients", &patient, "email"),
        ("doctors", &doctor, "email"),
        ("institutions", &institution, "contact_email"),
    ] {
        let row = format!("/api/v1/{path}/{}", person.id);
        let account = format!("/users/{}", person.account.id);
        let writes = (0..AT_ONCE).map(|place| {
            let email = format!("nueva-{path}-{place}@example.com");
            let (path, field) = if place % 2 == 0 { (&row, field) } else { (&account, "email") };
            patch(&care, &care.admin, path, json!({field: email}))
        });

        assert_eq!(join_all(writes).await, [200; AT_ONCE], "{path}");
        let written = care.get(&care.admin, &row).await.json()[field].clone();
        let sql = format!("select email from users where id = {}", person.account.id);
        let signs_in_with: String = value(care.latido.database.url(), &sql).await;
        assert_eq!(written, signs_in_with, "{path}");
    }
}

#[tokio::test]
async fn who_treats_or_employs_somebody_does_not_redirect_their_mail() {
    let care = Care::start().await;
    let institution = care.institution().await;
    let doctor = care.doctor(json!({"institution_id": institution.id})).await;
    let patient = care.patient(json!({"doctor_id": doctor.id})).await;
    let of_patient = format!("/api/v1/patients/{}", patient.id);
    let of_doctor = format!("/api/v1/doctors/{}", doctor.id);
    let email = json!({"email": "other@example.com"});

    assert_eq!(patch(&care, &doctor.account, &of_patient, email.clone()).await, 403);
    assert_eq!(patch(&care, &institution.account, &of_doctor, email.clone()).await, 403);
    assert_eq!(patch(&care, &doctor.account, &of_patient, json!({"last_name": "Paz"})).await, 200);
    assert_eq!(patch(&care, &doctor.account, &of_doctor, email).await, 200, "their own");
    let email = json!({"email": "another@example.com"});
    assert_eq!(patch(&care, &care.admin, &of_patient, email).await, 200);
}

#[tokio::test]
async fn a_patch_of_what_was_measured_keeps_the_rest() {
    let care = Care::start().await;
    let doctor = care.doctor(json!({})).await;
    let measured = json!({"weight_kg": 65, "blood_type": "O+", "allergies": ["penicilina"]});
    let patient = care.patient(json!({"doctor_id": doctor.id})).await;
    let path = format!("/api/v1/patients/{}", patient.id);
    let profile = format!("{path}/health-profile");
    assert_eq!(care.ask(&doctor.account, "PUT", &profile, measured).await.status, 200);

    let fields = json!({"health_profile": {"weight_kg": 70, "blood_type": null},
        "emergency_contact": {"name": "Rosa"}});
    assert_eq!(patch(&care, &doctor.account, &path, fields).await, 200);

    let row = care.get(&doctor.account, &format!("{path}/profile")).await.json();
    let health = &row["health_profile"];
    assert_eq!((&health["weight_kg"], &health["blood_type"]), (&json!(70.0), &Value::Null));
    assert_eq!(health["allergies"], json!(["penicilina"]));
    assert_eq!(row["emergency_contact"]["name"], "Rosa");
    assert_eq!(row["emergency_contact"]["phone"], "+54 351 555 0101");
}
