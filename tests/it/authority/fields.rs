//! How much of a row each caller sees.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::scene::{CALLERS, Scene};

/// What callers see at one place of an answer.
struct View {
    path: &'static str,
    /// Names of fields; `first` of a list, or the id of one of its rows.
    place: &'static str,
    /// A letter of [`View::shapes`] for each caller; `-` gets no answer.
    by: &'static str,
    shapes: Shapes,
}

/// Fields by letter, in words with spaces between them.
type Shapes = &'static [(char, &'static [&'static str])];

const fn view(path: &'static str, place: &'static str, by: &'static str, shapes: Shapes) -> View {
    View { path, place, by, shapes }
}

/// What a row is kept with.
const KEPT: &str = "version created_at updated_at deleted_at";

const PUBLIC_DOCTOR: &str = "id first_name last_name specialties institution_id years_experience \
    consultation_fee_cents currency bio languages rating_avg rating_count status";
const DOCTOR: &[&str] = &[
    PUBLIC_DOCTOR,
    "user_id email medical_license license_verified license_valid_until specialty_id phones",
    "addresses external_ref",
    KEPT,
];
const PUBLIC_INSTITUTION: &str = "id name type region country city website status \
    verification_status accreditation accredited_until";
const INSTITUTION: &[&str] =
    &[PUBLIC_INSTITUTION, "user_id contact_email license_number phones addresses", KEPT];
const PATIENT_SUMMARY: &str =
    "id first_name last_name date_of_birth validation_status doctor_id institution_id kpis";
const PATIENT: &[&str] = &[
    PATIENT_SUMMARY,
    "user_id email sex document_number association_status emergency_contact phones addresses",
    "external_ref",
    KEPT,
];
const WITH_PROFILE: &[&str] = &[PATIENT[0], PATIENT[1], PATIENT[2], KEPT, "health_profile"];
const NOTE: &[&str] = &[
    "id patient_id consultation_id author_id kind body addendum_to released_to_patient locked_at",
    KEPT,
];
const PRESCRIPTION: &[&str] =
    &["id patient_id doctor_id consultation_id status items valid_until", KEPT];
const DIAGNOSIS: &[&str] = &[
    "id patient_id doctor_id consultation_id code description status source suggestion_id",
    "released_to_patient",
    KEPT,
];
const APPOINTMENT: &[&str] = &[
    "id patient_id doctor_id institution_id kind status starts_at ends_at exam_ids location_id",
    "reason consultation_id cancelled_by",
    KEPT,
];
const RESULT: &[&str] = &[
    "id patient_id exam_id exam_name appointment_id ordered_by status values file_id comment",
    "ready_at delivered_at",
    KEPT,
];
const RECORD: &[&str] = &[
    "patient health_profile history appointments consultations notes diagnoses prescriptions",
    "results recordings generated_at truncated",
];
const DASHBOARD: &[&str] = &[
    "patient kpis validation_status next_appointments recent_results active_prescriptions",
    "unread_messages care_team",
];
const USER: &[&str] = &[
    "id email user_type roles role rol reference_id nombre apellido is_active email_verified",
    "created_at telefono avatar_file_id version",
];
const OWN_USER: &[&str] = &[USER[0], USER[1], "profile"];

const OF_DOCTORS: Shapes = &[('A', DOCTOR), ('P', &[PUBLIC_DOCTOR])];
const OF_INSTITUTIONS: Shapes = &[('A', INSTITUTION), ('P', &[PUBLIC_INSTITUTION])];
const OF_PATIENTS: Shapes = &[('A', PATIENT), ('S', &[PATIENT_SUMMARY])];

const VIEWS: &[View] = &[
    view("/api/v1/doctors/{doctor}", "", "AAAPPPAPP---", OF_DOCTORS),
    view("/api/v1/doctors", "items/{doctor}", "AAAPPPAPP---", OF_DOCTORS),
    view("/api/v1/doctors/me/profile", "", "--AA--------", OF_DOCTORS),
    view(
        "/api/v1/institutions/doctors?institution_id={institution}",
        "items/{doctor}",
        "A-----A-----",
        OF_DOCTORS,
    ),
    view("/api/v1/patients/{patient}/care-team", "primary_doctor", "AAA-P-A-----", OF_DOCTORS),
    view(
        "/api/v1/patients/{patient}/care-team",
        "members/first/doctor",
        "PPP-P-P-----",
        OF_DOCTORS,
    ),
    view(
        "/api/v1/patients/{patient}/dashboard",
        "care_team/primary_doctor",
        "AAA-P-A-----",
        OF_DOCTORS,
    ),
    view("/api/v1/institutions/{institution}", "", "AAAAPPAPP---", OF_INSTITUTIONS),
    view("/api/v1/institutions", "items/{institution}", "AAAAPPAPP---", OF_INSTITUTIONS),
    view("/api/v1/doctors/me/institution", "", "--A---------", OF_INSTITUTIONS),
    view("/api/v1/patients/{patient}/care-team", "institution", "AAA-P-A-----", OF_INSTITUTIONS),
    view("/api/v1/patients/{patient}", "", "AAA-A-A-----", OF_PATIENTS),
    view("/api/v1/patients?limit=100", "items/{patient}", "SSS-S-S-----", OF_PATIENTS),
    view("/api/v1/doctors/me/patients", "items/{patient}", "--S---------", OF_PATIENTS),
    view(
        "/api/v1/institutions/patients?institution_id={institution}",
        "items/{patient}",
        "S-----S-----",
        OF_PATIENTS,
    ),
    view("/api/v1/patients/{patient}/dashboard", "patient", "SSS-S-S-----", OF_PATIENTS),
    view("/api/v1/patients/{patient}/medical-record", "patient", "AAA-A-A-----", OF_PATIENTS),
    view("/api/v1/patients/{patient}/profile", "", "AAA-A-A-----", &[('A', WITH_PROFILE)]),
    view("/api/v1/patients/{patient}/dashboard", "", "AAA-A-A-----", &[('A', DASHBOARD)]),
    view("/api/v1/patients/{patient}/medical-record", "", "AAA-A-A-----", &[('A', RECORD)]),
    view("/api/v1/notes/{note}", "", "A-A-A-------", &[('A', NOTE)]),
    view("/api/v1/prescriptions/{prescription}", "", "A-A-A-------", &[('A', PRESCRIPTION)]),
    view("/api/v1/diagnoses/{diagnosis}", "", "A-A-A-------", &[('A', DIAGNOSIS)]),
    view("/api/v1/appointments/{appointment}", "", "AAA-A-A-----", &[('A', APPOINTMENT)]),
    view("/api/v1/appointments", "items/{appointment}", "AAA-A-A-----", &[('A', APPOINTMENT)]),
    view("/api/v1/results/{result}", "", "AAA-A-A-----", &[('A', RESULT)]),
    view("/api/v1/results", "items/{result}", "AAA-A-A-----", &[('A', RESULT)]),
    view("/users/me", "", "A-AAAAAAAAA-", &[('A', OWN_USER)]),
    view("/users/{account}", "", "AA----------", &[('A', USER)]),
    view("/users?limit=100", "items/{account}", "A-----------", &[('A', USER)]),
];

/// What an answer has at a place; none where there is nothing.
fn at<'a>(body: &'a Value, place: &str) -> Option<&'a Value> {
    place.split('/').filter(|name| !name.is_empty()).try_fold(body, |body, name| match body {
        Value::Array(rows) if name == "first" => rows.first(),
        Value::Array(rows) => rows.iter().find(|row| row["id"].as_i64() == name.parse().ok()),
        body => body.get(name),
    })
}

fn names(shape: &[&'static str]) -> BTreeSet<&'static str> {
    shape.iter().flat_map(|names| names.split_whitespace()).collect()
}

#[tokio::test]
async fn every_caller_sees_as_much_of_a_row_as_the_matrix_gives() {
    let mut scene = Scene::start().await;
    let account = scene.account("the patient").id;
    scene.known("account", account.to_string());
    let colleague = scene.care.doctor(json!({})).await;
    let team = scene.filled("/api/v1/patients/{patient}/care-team");
    let added = scene.care.post(&scene.care.admin, &team, json!({"doctor_id": colleague.id})).await;
    assert_eq!(added.status, 201, "{}", added.text());
    let mut wrong = Vec::new();

    for View { path, place, by, shapes } in VIEWS {
        assert_eq!(by.len(), CALLERS.len(), "{path}");
        for (caller, expected) in by.chars().enumerate() {
            let answer = scene.call(caller, "GET", path).send().await;
            let body = if answer.status == 200 { answer.json() } else { Value::Null };
            let seen = at(&body, &scene.filled(place)).and_then(Value::as_object);
            let seen = seen.map(|row| row.keys().map(String::as_str).collect::<BTreeSet<_>>());
            let shape = shapes.iter().find(|(letter, _)| *letter == expected);
            let expected = shape.map(|(_, shape)| names(shape));
            if seen != expected {
                let name = CALLERS[caller];
                wrong
                    .push(format!("{path} {place} by {name}: {expected:?} expected, not {seen:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}
