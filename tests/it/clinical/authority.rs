//! Who may do what to whose records: every operation by every kind of caller, on one row that has to
//! do with some of them (contract §4).

use std::collections::BTreeSet;
use std::time::Duration;

use latido::domain::identity::Role;
use latido::domain::time::Timestamp;
use serde_json::{Value, json};

use crate::support;
use crate::support::accounts::Account;
use crate::support::care::{Care, Person};
use crate::support::http::Call;

const SERVICE_KEY: &str = "a-key-of-a-service-for-the-records-of-care";

/// The callers, in the order of the letters of [`OPERATIONS`]: the administrator, a service, a doctor
/// of the patient and another, the patient and another, an institution of the patient and another, a
/// company, a client, nobody.
const CALLERS: [&str; 11] = [
    "admin",
    "service",
    "their doctor",
    "a doctor",
    "the patient",
    "a patient",
    "their institution",
    "an institution",
    "a company",
    "a client",
    "nobody",
];

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
    op("DELETE", "/api/v1/patients/{patient}/care-team/999999", "", "hfhhffhhffu"),
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

/// The callers and the rows they ask for.
struct Scene {
    care: Care,
    callers: Vec<Option<Account>>,
    rows: Vec<(&'static str, i64)>,
    next_month: Timestamp,
}

async fn scene() -> Scene {
    let key = format!("care:{SERVICE_KEY}");
    let settings = [("SERVICE_API_KEYS", key.as_str()), ("RATE_LIMIT_ENABLED", "false")];
    let care = Care::on(support::start_with(&settings).await).await;
    let (near, far) = (care.institution().await, care.institution().await);
    let doctor = care.doctor(json!({"institution_id": near.id})).await;
    let stranger = care.doctor(json!({})).await;
    let patient = care
        .patient(json!({"doctor_id": doctor.id, "institution_id": near.id,
            "health_profile": {"height_cm": 170}}))
        .await;
    let other = care.patient(json!({"doctor_id": stranger.id})).await;
    for status in ["validated_by_doctor", "validated_by_institution", "full_access"] {
        let path = format!("/api/v1/patients/{}/validation", patient.id);
        assert_eq!(care.post(&care.admin, &path, json!({"status": status})).await.status, 200);
    }
    let next_month = Timestamp::now().plus(Duration::from_hours(30 * 24));
    let rows = rows(&care, &doctor, &patient, near.id, next_month).await;
    let (company, client) =
        (care.latido.account(Role::Company).await, care.latido.account(Role::Client).await);
    let people = [doctor, stranger, patient, other, near, far].map(|person| Some(person.account));
    let callers = [Some(care.admin.clone()), None]
        .into_iter()
        .chain(people)
        .chain([Some(company), Some(client), None])
        .collect();
    Scene { care, callers, rows, next_month }
}

/// What there is of the patient.
async fn rows(
    care: &Care,
    doctor: &Person,
    patient: &Person,
    institution: i64,
    next_month: Timestamp,
) -> Vec<(&'static str, i64)> {
    let of_patient = format!("/api/v1/patients/{}", patient.id);
    let made = async |name: &'static str, path: String, body: Value| {
        let answer = care.post(&doctor.account, &path, body).await;
        assert_eq!(answer.status, 201, "{path}: {}", answer.text());
        (name, answer.json()["id"].as_i64().unwrap())
    };
    let read = |text: &str| serde_json::from_str::<Value>(text).unwrap();
    let note = json!({"kind": "soap", "body": "x", "released_to_patient": true});
    let diagnosis = support::care::joined(read(DIAGNOSIS), json!({"released_to_patient": true}));
    let appointment = json!({"patient_id": patient.id, "doctor_id": doctor.id, "kind": "in_person",
        "starts_at": next_month});
    let result = json!({"patient_id": patient.id, "exam_name": "Hemograma",
        "values": [{"name": "Hb", "value": "14"}]});
    vec![
        ("doctor", doctor.id),
        ("patient", patient.id),
        ("institution", institution),
        made("note", format!("{of_patient}/notes"), note).await,
        made("prescription", format!("{of_patient}/prescriptions"), read(ITEMS)).await,
        made("diagnosis", format!("{of_patient}/diagnoses"), diagnosis).await,
        made("appointment", "/api/v1/appointments".into(), appointment).await,
        made("result", "/api/v1/results".into(), result).await,
    ]
}

impl Scene {
    fn filled(&self, text: &str) -> String {
        let text = text.replace("{next_month}", &self.next_month.to_string());
        self.rows
            .iter()
            .fold(text, |text, (name, id)| text.replace(&format!("{{{name}}}"), &id.to_string()))
    }

    fn call(&self, operation: &Operation, caller: usize) -> Call {
        let call = self.care.latido.call(operation.method, &self.filled(operation.path));
        let call = match (&self.callers[caller], CALLERS[caller]) {
            (Some(account), _) => call.bearer(&account.token),
            (None, "service") => call.header("x-service-key", SERVICE_KEY),
            (None, _) => call,
        };
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
            body => call.json(&serde_json::from_str(&self.filled(body)).unwrap()),
        }
    }
}

fn letter(status: u16, said: &str) -> char {
    match status {
        422 if said.contains("there is no such patient") => 'h',
        401 => 'u',
        403 => 'f',
        404 => 'h',
        status if status < 500 => 'o',
        _ => '!',
    }
}

#[tokio::test]
async fn every_caller_gets_what_the_matrix_gives() {
    let scene = scene().await;
    let mut wrong = Vec::new();
    for operation in OPERATIONS {
        assert_eq!(operation.gets.len(), CALLERS.len(), "{}", operation.path);
        for (caller, expected) in operation.gets.chars().enumerate() {
            let answer = scene.call(operation, caller).send().await;
            let said = answer.text();
            let got = letter(answer.status.as_u16(), said);
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
    let latido = support::start().await;
    let document = latido.call("GET", "/openapi.json").send().await.json();
    let plain = |path: &str| {
        let path = path.split('?').next().unwrap_or_default();
        let parts = path.split('/').map(|part| {
            let is_id = part.starts_with('{') || part.parse::<i64>().is_ok();
            if is_id { "{}" } else { part }
        });
        parts.collect::<Vec<_>>().join("/")
    };
    let known: BTreeSet<_> =
        OPERATIONS.iter().map(|it| format!("{} {}", it.method, plain(it.path))).collect();
    let documented: BTreeSet<_> = document["paths"]
        .as_object()
        .unwrap()
        .iter()
        .filter(|(path, _)| path.starts_with("/api/v1/") && !path.starts_with("/api/v1/catalog/"))
        .flat_map(|(path, operations)| {
            let methods = operations.as_object().unwrap().keys();
            methods.map(move |method| format!("{} {}", method.to_uppercase(), plain(path)))
        })
        .collect();

    assert_eq!(known.symmetric_difference(&documented).collect::<Vec<_>>(), [""; 0]);
    assert!(known.len() > 70, "{}", known.len());
}
