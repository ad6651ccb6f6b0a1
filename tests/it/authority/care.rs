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
    op("GET", "/api/v1/doctors", "", "ooooooooofu"),
    op("POST", "/api/v1/doctors", DOCTOR, "ooffffooffu"),
    op("GET", "/api/v1/doctors/{doctor}", "", "ooooooooofu"),
    op("PUT", "/api/v1/doctors/{doctor}", DOCTOR, "ooffffofffu"),
    op("PATCH", "/api/v1/doctors/{doctor}", r#"{"bio": "x"}"#, "ooofffofffu"),
    op("DELETE", "/api/v1/doctors/{doctor}", "", "ooffffofffu"),
    op("POST", "/api/v1/doctors/{doctor}/restore", "", "hfffffffffu"),
    op("POST", "/api/v1/doctors/{doctor}/status", REASON, "ooffffofffu"),
    op("POST", "/api/v1/doctors/{doctor}/license/verify", r#"{"verified": true}"#, "ooffffofffu"),
    op("GET", "/api/v1/doctors/me/dashboard", "", "ffooffffffu"),
    op("GET", "/api/v1/doctors/me/profile", "", "ffooffffffu"),
    op("PUT", "/api/v1/doctors/me/profile", r#"{"bio": "x"}"#, "ffooffffffu"),
    op("GET", "/api/v1/doctors/me/institution", "", "ffohffffffu"),
    op("GET", "/api/v1/doctors/me/patients", "", "ffooffffffu"),
    op("GET", "/api/v1/doctors/me/patients/{patient}/medical-record", "", "ffohffffffu"),
    op(
        "GET",
        "/api/v1/doctors/{doctor}/availability?from=2099-01-01T00:00:00Z&to=2099-01-02T00:00:00Z",
        "",
        "oooooooooou",
    ),
    op(
        "PUT",
        "/api/v1/doctors/{doctor}/schedule",
        r#"{"weekly": [], "time_zone": "UTC"}"#,
        "ooofffofffu",
    ),
    op("GET", "/api/v1/specialties", "", "ooooooooooo"),
    op("POST", "/api/v1/specialties", r#"{"name": ""}"#, "offfffffffu"),
    op("PUT", "/api/v1/specialties/1", r#"{"name": "X1"}"#, "offfffffffu"),
    op("DELETE", "/api/v1/specialties/1", "", "offfffffffu"),
    op("GET", "/api/v1/institutions", "", "ooooooooofu"),
    op("POST", "/api/v1/institutions", INSTITUTION, "ooffffffffu"),
    op("GET", "/api/v1/institutions/{institution}", "", "ooooooooofu"),
    op("PUT", "/api/v1/institutions/{institution}", INSTITUTION, "ooffffffffu"),
    op("PATCH", "/api/v1/institutions/{institution}", r#"{"city": "X"}"#, "ooffffofffu"),
    op("DELETE", "/api/v1/institutions/{institution}", "", "ooffffffffu"),
    op("POST", "/api/v1/institutions/{institution}/restore", "", "hfffffffffu"),
    op(
        "POST",
        "/api/v1/institutions/{institution}/verification",
        r#"{"status": "verified"}"#,
        "offfffffffu",
    ),
    op("GET", "/api/v1/institutions/doctors", "", "offfffooffu"),
    op("GET", "/api/v1/institutions/patients", "", "offfffooffu"),
    op("GET", "/api/v1/institutions/regions", "", "oooooooooou"),
    op("GET", "/api/v1/institutions/me/dashboard", "", "ffffffooffu"),
    op("GET", "/api/v1/patients", "", "ooooooooffu"),
    op("POST", "/api/v1/patients", PATIENT, "ooooffooffu"),
    op("GET", "/api/v1/patients/{patient}", "", "ooohohohffu"),
    op("PUT", "/api/v1/patients/{patient}", PATIENT, "ooohfhohffu"),
    op("PATCH", "/api/v1/patients/{patient}", r#"{"phones": []}"#, "ooohohohffu"),
    op("DELETE", "/api/v1/patients/{patient}", "", "ooffffffffu"),
    op("POST", "/api/v1/patients/{patient}/restore", "", "hfffffffffu"),
    op("GET", "/api/v1/patients/{patient}/dashboard", "", "ooohohohffu"),
    op("GET", "/api/v1/patients/{patient}/medical-record", "", "ooohohohffu"),
    op("GET", "/api/v1/patients/{patient}/profile", "", "ooohohohffu"),
    op("GET", "/api/v1/patients/{patient}/health-profile", "", "ooohohohffu"),
    op("PUT", "/api/v1/patients/{patient}/health-profile", "{}", "ofohohohffu"),
    op("GET", "/api/v1/patients/{patient}/health-profile/history", "", "ooohohohffu"),
    op(
        "POST",
        "/api/v1/patients/{patient}/validation",
        r#"{"status": "validated_by_doctor"}"#,
        "ofohffohffu",
    ),
    op("GET", "/api/v1/patients/{patient}/care-team", "", "ooohohohffu"),
    op("POST", "/api/v1/patients/{patient}/care-team", r#"{"doctor_id": 999999}"#, "ofohffohffu"),
    op("DELETE", "/api/v1/patients/{patient}/care-team/999999", "", "ofohffohffu"),
    op("GET", "/api/v1/patients/{patient}/notes", "", "ofohohffffu"),
    op(
        "POST",
        "/api/v1/patients/{patient}/notes",
        r#"{"kind": "soap", "body": "x"}"#,
        "ffohffffffu",
    ),
    op("GET", "/api/v1/notes/{note}", "", "ofohohffffu"),
    op("PUT", "/api/v1/notes/{note}", r#"{"kind": "soap", "body": "x"}"#, "ffohffffffu"),
    op("DELETE", "/api/v1/notes/{note}", "", "ffohffffffu"),
    op("POST", "/api/v1/notes/{note}/addendum", r#"{"body": "x"}"#, "ffohffffffu"),
    op("GET", "/api/v1/patients/{patient}/prescriptions", "", "ofohohffffu"),
    op("POST", "/api/v1/patients/{patient}/prescriptions", ITEMS, "ffohffffffu"),
    op("GET", "/api/v1/prescriptions/{prescription}", "", "ofohohffffu"),
    op("POST", "/api/v1/prescriptions/{prescription}/cancel", "", "ffohffffffu"),
    op("GET", "/api/v1/patients/{patient}/diagnoses", "", "ofohohffffu"),
    op("POST", "/api/v1/patients/{patient}/diagnoses", DIAGNOSIS, "ffohffffffu"),
    op("GET", "/api/v1/diagnoses/{diagnosis}", "", "ofohohffffu"),
    op("PATCH", "/api/v1/diagnoses/{diagnosis}", r#"{"status": "resolved"}"#, "ffohffffffu"),
    op(
        "POST",
        "/api/v1/diagnosis/suggestions",
        r#"{"patient_id": {patient}, "symptoms": []}"#,
        "ofohffffffu",
    ),
    op("GET", "/api/v1/appointments", "", "ooooooooffu"),
    op("POST", "/api/v1/appointments", APPOINTMENT, "ooohohohffu"),
    op("GET", "/api/v1/appointments/{appointment}", "", "ooohohohffu"),
    op("PATCH", "/api/v1/appointments/{appointment}", r#"{"reason": "x"}"#, "ooohohohffu"),
    op("POST", "/api/v1/appointments/{appointment}/confirm", "", "ooohfhohffu"),
    op("POST", "/api/v1/appointments/{appointment}/cancel", "", "ooohohohffu"),
    op("POST", "/api/v1/appointments/{appointment}/check-in", "", "ooohfhohffu"),
    op("POST", "/api/v1/appointments/{appointment}/complete", "", "ooohfhohffu"),
    op("POST", "/api/v1/appointments/{appointment}/no-show", "", "ooohfhohffu"),
    op("POST", "/api/v1/appointments/{appointment}/video", "", "ooohfhohffu"),
    op("GET", "/api/v1/results", "", "ooooooooffu"),
    op("POST", "/api/v1/results", r#"{"patient_id": {patient}, "exam_name": "X"}"#, "ooohffohffu"),
    op("GET", "/api/v1/results/{result}", "", "ooohohohffu"),
    op("PATCH", "/api/v1/results/{result}", r#"{"comment": "x"}"#, "ooohfhfhffu"),
    op("POST", "/api/v1/results/{result}/ready", "", "ooohfhfhffu"),
    op("POST", "/api/v1/results/{result}/deliver", "", "ooohfhfhffu"),
    op("GET", "/api/v1/results/{result}/file", "", "hhhhhhhhffu"),
    op("PUT", "/api/v1/results/{result}/file", "", "ooohfhfhffu"),
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
    let scene = Scene::start().await;
    let mut wrong = Vec::new();
    for operation in OPERATIONS {
        assert_eq!(operation.gets.len(), CALLERS.len(), "{}", operation.path);
        for (caller, expected) in operation.gets.chars().enumerate() {
            let answer = call(&scene, operation, caller).send().await;
            let said = answer.text();
            let got = letter(&answer);
            if got != expected {
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
