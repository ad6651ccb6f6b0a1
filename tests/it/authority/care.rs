//! Who may do what to whose records of care: every operation by every kind of caller, on one row that
//! has to do with some of them.

use super::scene::{CALLERS, Scene};
use crate::support::http::Call;
use crate::support::rights::{letter, operations};

/// What a caller gets: `o` open (whatever the rules then say), `f` forbidden, `h` hidden (by its path, or
/// a patient as though there were none), `u` asked to sign in.
struct Operation {
    method: &'static str,
    path: &'static str,
    body: &'static str,
    gets: &'static str,
}

const fn op(
    method: &'static str,
    path: &'static str,
    body: &'static str,
    gets: &'static str,
) -> Operation {
    Operation { method, path, body, gets }
}

const DOCTOR: &str = r#"{"first_name": "A", "last_name": "B", "email": "new@example.com",
    "medical_license": "NEW-1", "specialty_ids": [1], "years_experience": 1,
    "consultation_fee_cents": 0}"#;
const INSTITUTION: &str = r#"{"name": "New", "type": "clinic", "contact_email": "new@example.com",
    "license_number": "NEW-1", "region": "X", "country": "AR"}"#;
const PATIENT: &str = r#"{"first_name": "A", "last_name": "B", "email": "new@example.com",
    "date_of_birth": "1990-01-01", "sex": "female",
    "emergency_contact": {"name": "X", "phone": "5550101"}}"#;
const REASON: &str = r#"{"status": "suspended", "reason": "x"}"#;

/// Changes carry a version nobody has, so that who may is told so and nothing changes.
const OPERATIONS: &[Operation] = &[
    op("GET", "/api/v1/doctors", "", "oooooooooffu"),
    op("POST", "/api/v1/doctors", DOCTOR, "ooffffoofffu"),
    op("GET", "/api/v1/doctors/{doctor}", "", "oooooooooffu"),
    op("PUT", "/api/v1/doctors/{doctor}", "{doctor_row}", "ooofffoffffu"),
    op("PATCH", "/api/v1/doctors/{doctor}", r#"{"bio": "x"}"#, "ooofffoffffu"),
    op("DELETE", "/api/v1/doctors/{doctor}", "", "ooffffoffffu"),
    op("POST", "/api/v1/doctors/{doctor}/restore", "", "hffffffffffu"),
    op("POST", "/api/v1/doctors/{doctor}/status", REASON, "ooffffoffffu"),
    op("POST", "/api/v1/doctors/{doctor}/license/verify", r#"{"verified": true}"#, "ooffffoffffu"),
    op("GET", "/api/v1/doctors/me/dashboard", "", "ffoofffffffu"),
    op("GET", "/api/v1/doctors/me/profile", "", "ffoofffffffu"),
    op("PUT", "/api/v1/doctors/me/profile", r#"{"bio": "x"}"#, "ffoofffffffu"),
    op("GET", "/api/v1/doctors/me/institution", "", "ffohfffffffu"),
    op("GET", "/api/v1/doctors/me/patients", "", "ffoofffffffu"),
    op("GET", "/api/v1/doctors/me/patients/{patient}/medical-record", "", "ffohfffffffu"),
    op(
        "GET",
        "/api/v1/doctors/{doctor}/availability?from=2099-01-01T00:00:00Z&to=2099-01-02T00:00:00Z",
        "",
        "ooooooooooou",
    ),
    op(
        "PUT",
        "/api/v1/doctors/{doctor}/schedule",
        r#"{"weekly": [], "time_zone": "UTC"}"#,
        "ooofffoffffu",
    ),
    op("GET", "/api/v1/specialties", "", "oooooooooooo"),
    op("POST", "/api/v1/specialties", r#"{"name": ""}"#, "offffffffffu"),
    op("GET", "/api/v1/specialties/1", "", "oooooooooooo"),
    op("PUT", "/api/v1/specialties/1", r#"{"name": "X1"}"#, "offffffffffu"),
    op("DELETE", "/api/v1/specialties/1", "", "offffffffffu"),
    op("GET", "/api/v1/institutions", "", "oooooooooffu"),
    op("POST", "/api/v1/institutions", INSTITUTION, "oofffffffffu"),
    op("GET", "/api/v1/institutions/{institution}", "", "oooooooooffu"),
    op("PUT", "/api/v1/institutions/{institution}", "{institution_row}", "ooffffoffffu"),
    op("PATCH", "/api/v1/institutions/{institution}", r#"{"city": "X"}"#, "ooffffoffffu"),
    op("DELETE", "/api/v1/institutions/{institution}", "", "oofffffffffu"),
    op("POST", "/api/v1/institutions/{institution}/restore", "", "hffffffffffu"),
    op(
        "POST",
        "/api/v1/institutions/{institution}/verification",
        r#"{"status": "verified"}"#,
        "offffffffffu",
    ),
    op("GET", "/api/v1/institutions/doctors", "", "offfffoofffu"),
    op("GET", "/api/v1/institutions/patients", "", "offfffoofffu"),
    op("GET", "/api/v1/institutions/regions", "", "ooooooooooou"),
    op("GET", "/api/v1/institutions/me/dashboard", "", "ffffffoofffu"),
    op("GET", "/api/v1/patients", "", "oooooooofffu"),
    op("POST", "/api/v1/patients", PATIENT, "ooooffoofffu"),
    op("GET", "/api/v1/patients/{patient}", "", "ooohohohfffu"),
    op("PUT", "/api/v1/patients/{patient}", "{patient_row}", "ooohohohfffu"),
    op("PATCH", "/api/v1/patients/{patient}", r#"{"phones": []}"#, "ooohohohfffu"),
    op("DELETE", "/api/v1/patients/{patient}", "", "oofffffffffu"),
    op("POST", "/api/v1/patients/{patient}/restore", "", "hffffffffffu"),
    op("PATCH", "/api/v1/patients/{patient}", r#"{"health_profile": {}}"#, "ofohohohfffu"),
    op("PATCH", "/api/v1/patients/{patient}", r#"{"email": "x@example.com"}"#, "oofhfhfhfffu"),
    op("PATCH", "/api/v1/doctors/{doctor}", r#"{"email": "y@example.com"}"#, "oooffffffffu"),
    op("GET", "/api/v1/patients/{patient}/dashboard", "", "ooohohohfffu"),
    op("GET", "/api/v1/patients/{patient}/medical-record", "", "ooohohohfffu"),
    op("GET", "/api/v1/patients/{patient}/profile", "", "ooohohohfffu"),
    op("GET", "/api/v1/patients/{patient}/health-profile", "", "ooohohohfffu"),
    op("PUT", "/api/v1/patients/{patient}/health-profile", "{}", "ofohohohfffu"),
    op("GET", "/api/v1/patients/{patient}/health-profile/history", "", "ooohohohfffu"),
    op(
        "POST",
        "/api/v1/patients/{patient}/validation",
        r#"{"status": "validated_by_doctor"}"#,
        "ofohffohfffu",
    ),
    op("GET", "/api/v1/patients/{patient}/care-team", "", "ooohohohfffu"),
    op("POST", "/api/v1/patients/{patient}/care-team", r#"{"doctor_id": 999999}"#, "ofohffohfffu"),
    op("DELETE", "/api/v1/patients/{patient}/care-team/999999", "", "ofohffohfffu"),
    op("GET", "/api/v1/patients/{patient}/notes", "", "ofohohfffffu"),
    op(
        "POST",
        "/api/v1/patients/{patient}/notes",
        r#"{"kind": "soap", "body": "x"}"#,
        "ffohfffffffu",
    ),
    op("GET", "/api/v1/notes/{note}", "", "ofohohfffffu"),
    op("PUT", "/api/v1/notes/{note}", r#"{"kind": "soap", "body": "x"}"#, "ffohfffffffu"),
    op("DELETE", "/api/v1/notes/{note}", "", "ffohfffffffu"),
    op("POST", "/api/v1/notes/{note}/addendum", r#"{"body": "x"}"#, "ffohfffffffu"),
    op("GET", "/api/v1/patients/{patient}/prescriptions", "", "ofohohfffffu"),
    op("POST", "/api/v1/patients/{patient}/prescriptions", ITEMS, "ffohfffffffu"),
    op("GET", "/api/v1/prescriptions/{prescription}", "", "ofohohfffffu"),
    op("POST", "/api/v1/prescriptions/{prescription}/cancel", "", "ffohfffffffu"),
    op("GET", "/api/v1/patients/{patient}/diagnoses", "", "ofohohfffffu"),
    op("POST", "/api/v1/patients/{patient}/diagnoses", DIAGNOSIS, "ffohfffffffu"),
    op("GET", "/api/v1/diagnoses/{diagnosis}", "", "ofohohfffffu"),
    op("PATCH", "/api/v1/diagnoses/{diagnosis}", r#"{"status": "resolved"}"#, "ffohfffffffu"),
    op(
        "POST",
        "/api/v1/diagnosis/suggestions",
        r#"{"patient_id": {patient}, "symptoms": []}"#,
        "ofohfffffffu",
    ),
    op("GET", "/api/v1/appointments", "", "oooooooofffu"),
    op("POST", "/api/v1/appointments", APPOINTMENT, "ooohohohfffu"),
    op("GET", "/api/v1/appointments/{appointment}", "", "ooohohohfffu"),
    op("PATCH", "/api/v1/appointments/{appointment}", r#"{"reason": "x"}"#, "ooohohohfffu"),
    op("POST", "/api/v1/appointments/{appointment}/confirm", "", "ooohfhohfffu"),
    op("POST", "/api/v1/appointments/{appointment}/cancel", "", "ooohohohfffu"),
    op("POST", "/api/v1/appointments/{appointment}/check-in", "", "ooohfhohfffu"),
    op("POST", "/api/v1/appointments/{appointment}/complete", "", "ooohfhohfffu"),
    op("POST", "/api/v1/appointments/{appointment}/no-show", "", "ooohfhohfffu"),
    op("POST", "/api/v1/appointments/{appointment}/video", "", "ooohfhohfffu"),
    op("GET", "/api/v1/results", "", "oooooooofffu"),
    op("POST", "/api/v1/results", r#"{"patient_id": {patient}, "exam_name": "X"}"#, "ooohffohfffu"),
    op("GET", "/api/v1/results/{result}", "", "ooohohohfffu"),
    op("PATCH", "/api/v1/results/{result}", r#"{"comment": "x"}"#, "ooohfhfhfffu"),
    op("POST", "/api/v1/results/{result}/ready", "", "ooohfhfhfffu"),
    op("POST", "/api/v1/results/{result}/deliver", "", "ooohfhfhfffu"),
    op("GET", "/api/v1/results/{documented_result}/file", "", "ooohohohfffu"),
    op("PUT", "/api/v1/results/{result}/file", "", "ooohfhfhfffu"),
];

const ITEMS: &str = r#"{"items": [{"drug": "X", "dose": "1", "frequency": "1"}]}"#;
const DIAGNOSIS: &str =
    r#"{"code": "I10", "description": "x", "status": "suspected", "source": "doctor"}"#;
const APPOINTMENT: &str = r#"{"patient_id": {patient}, "doctor_id": {doctor}, "kind": "in_person",
    "starts_at": "{next_month}"}"#;

/// What a caller asks, in such a way that who may is told so and nothing changes.
fn call(scene: &Scene, operation: &Operation, caller: usize) -> Call {
    let call = scene.call(caller, operation.method, operation.path);
    // A step of a visit is refused by who asks for it only once its version is right.
    let is_step = ["confirm", "check-in", "complete", "no-show"]
        .iter()
        .any(|step| operation.path.ends_with(step));
    let call = match operation.method {
        "GET" => call,
        _ if is_step => call,
        _ => call.header("if-match", "\"v0\""),
    };
    if operation.path.ends_with("/file") && operation.method == "PUT" {
        return call.header("content-type", "application/pdf").body("not a pdf");
    }
    match operation.body {
        "" => call,
        body => call.json(&serde_json::from_str(&scene.filled(body)).unwrap()),
    }
}

#[tokio::test]
async fn every_caller_gets_what_the_matrix_gives() {
    let mut scene = Scene::start().await;
    // Who writes their own row leaves in it what they were admitted with.
    for (name, path) in [
        ("doctor_row", "/api/v1/doctors/{doctor}"),
        ("institution_row", "/api/v1/institutions/{institution}"),
        ("patient_row", "/api/v1/patients/{patient}"),
    ] {
        scene.copied(name, path).await;
    }
    let mut wrong = Vec::new();
    for operation in OPERATIONS {
        assert_eq!(operation.gets.len(), CALLERS.len(), "{}", operation.path);
        for (caller, expected) in operation.gets.chars().enumerate() {
            let answer = call(&scene, operation, caller).send().await;
            let got = letter(&answer);
            if got != expected {
                let said = String::from_utf8_lossy(&answer.body);
                let (method, path, name) = (operation.method, operation.path, CALLERS[caller]);
                wrong.push(format!("{method} {path} by {name}: {expected} expected: {said}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[tokio::test]
async fn the_matrix_knows_every_operation_of_care() {
    let known = OPERATIONS.iter().map(|it| (it.method, it.path.to_owned()));
    let is_of_care =
        |path: &str| path.starts_with("/api/v1/") && !path.starts_with("/api/v1/catalog/");
    operations(known, is_of_care).await;
}
