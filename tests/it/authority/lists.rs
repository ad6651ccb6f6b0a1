//! Which rows of a list each caller gets.

use serde_json::{Value, json};

use super::scene::{CALLERS, Scene, diagnosis};
use crate::support::rights::letter;

/// A list, and who sees which of its rows.
struct List {
    path: &'static str,
    /// Where the rows are in the answer.
    place: &'static str,
    /// For each caller: `y` a list, else as [`letter`] has it.
    open_to: &'static str,
    /// Each row with a `y` for every caller who gets it.
    rows: &'static [(&'static str, &'static str)],
}

const fn list(
    path: &'static str,
    open_to: &'static str,
    rows: &'static [(&'static str, &'static str)],
) -> List {
    List { path, place: "/items", open_to, rows }
}

/// The rows of a section of the patient's record, which nobody has who may not see the patient.
const fn section(place: &'static str, rows: &'static [(&'static str, &'static str)]) -> List {
    List { path: "/api/v1/patients/{patient}/medical-record", place, open_to: "yyyhyhyhfffu", rows }
}

const fn enveloped(
    path: &'static str,
    open_to: &'static str,
    rows: &'static [(&'static str, &'static str)],
) -> List {
    List { path, place: "/data/items", open_to, rows }
}

const LISTS: &[List] = &[
    list(
        "/api/v1/doctors?limit=100",
        "yyyyyyyyyffu",
        &[
            ("{doctor}", "yyyyyyyyynnn"),
            ("{other_doctor}", "yyyyyyyyynnn"),
            ("{suspended_doctor}", "yynnnnynnnnn"),
            ("{suspended_loner}", "yynnnnnnnnnn"),
        ],
    ),
    list(
        "/api/v1/institutions?limit=100",
        "yyyyyyyyyffu",
        &[("{institution}", "yyyyyyyyynnn"), ("{other_institution}", "yyyyyyyyynnn")],
    ),
    list(
        "/api/v1/institutions/doctors?limit=100&institution_id={institution}",
        "yfffffyffffu",
        &[
            ("{doctor}", "ynnnnnynnnnn"),
            ("{suspended_doctor}", "ynnnnnynnnnn"),
            ("{other_doctor}", "nnnnnnnnnnnn"),
        ],
    ),
    list(
        "/api/v1/institutions/patients?limit=100&institution_id={institution}",
        "yfffffyffffu",
        &[("{patient}", "ynnnnnynnnnn"), ("{other_patient}", "nnnnnnnnnnnn")],
    ),
    list(
        "/api/v1/patients?limit=100",
        "yyyyyyyyfffu",
        &[("{patient}", "yyynynynnnnn"), ("{other_patient}", "yynynynnnnnn")],
    ),
    list(
        "/api/v1/doctors/me/patients?limit=100",
        "ffyyfffffffu",
        &[("{patient}", "nnynnnnnnnnn"), ("{other_patient}", "nnnynnnnnnnn")],
    ),
    list(
        "/api/v1/patients/{patient}/notes",
        "yfyhyhfffffu",
        &[("{note}", "ynynynnnnnnn"), ("{draft_note}", "ynynnnnnnnnn")],
    ),
    list(
        "/api/v1/patients/{patient}/diagnoses",
        "yfyhyhfffffu",
        &[("{diagnosis}", "ynynynnnnnnn"), ("{draft_diagnosis}", "ynynnnnnnnnn")],
    ),
    list(
        "/api/v1/patients/{patient}/prescriptions",
        "yfyhyhfffffu",
        &[("{prescription}", "ynynynnnnnnn")],
    ),
    // What a doctor has to do with are the patient's visits, whoever they are with.
    list(
        "/api/v1/appointments?limit=100",
        "yyyyyyyyfffu",
        &[
            ("{appointment}", "yyynynynnnnn"),
            ("{appointment_elsewhere}", "yyynynynnnnn"),
            ("{other_appointment}", "yynynynnnnnn"),
        ],
    ),
    list(
        "/api/v1/results?limit=100",
        "yyyyyyyyfffu",
        &[
            ("{result}", "yyynynynnnnn"),
            ("{pending_result}", "yyynnnynnnnn"),
            ("{other_result}", "yynynynnnnnn"),
        ],
    ),
    enveloped(
        "/api/consultations?limit=100",
        "yyyyyyyyfffu",
        &[("{consultation}", "yyynynynnnnn"), ("{other_consultation}", "yynynynnnnnn")],
    ),
    enveloped(
        "/api/consultations/{consultation}/recordings",
        "yyyhyhfhfffu",
        &[("{recording}", "yyynynnnnnnn"), ("{hidden_recording}", "yyynnnnnnnnn")],
    ),
    section("/notes", &[("{note}", "yyynynynnnnn"), ("{draft_note}", "yyynnnynnnnn")]),
    section(
        "/diagnoses",
        &[("{diagnosis}", "yyynynynnnnn"), ("{draft_diagnosis}", "yyynnnynnnnn")],
    ),
    section("/prescriptions", &[("{prescription}", "yyynynynnnnn")]),
    section("/results", &[("{result}", "yyynynynnnnn"), ("{pending_result}", "yyynnnynnnnn")]),
    section(
        "/appointments",
        &[
            ("{appointment}", "yyynynynnnnn"),
            ("{appointment_elsewhere}", "yyynynynnnnn"),
            ("{other_appointment}", "nnnnnnnnnnnn"),
        ],
    ),
    section("/consultations", &[("{consultation}", "yyynynynnnnn")]),
    // Institutions see no recordings, in the record neither.
    section(
        "/recordings",
        &[("{recording}", "yyynynnnnnnn"), ("{hidden_recording}", "yyynnnnnnnnn")],
    ),
    list(
        "/users?limit=100",
        "yffffffffffu",
        &[("{account}", "ynnnnnnnnnnn"), ("{admin_account}", "ynnnnnnnnnnn")],
    ),
];

/// More of the patient, some of it not for everybody, and as much of the other patient.
async fn write(scene: &mut Scene) {
    let (doctor, stranger) = ("their doctor", "a doctor");
    let draft = json!({"kind": "soap", "body": "x", "released_to_patient": false});
    scene.made("draft_note", doctor, "/api/v1/patients/{patient}/notes", draft).await;
    let path = "/api/v1/patients/{patient}/diagnoses";
    scene.made("draft_diagnosis", doctor, path, diagnosis(false)).await;
    let pending = scene.result("{patient}", &Value::Null);
    scene.made("pending_result", doctor, "/api/v1/results", pending).await;
    let values = json!([{"name": "Hb", "value": "14"}]);
    let result = scene.result("{other_patient}", &values);
    scene.made("other_result", stranger, "/api/v1/results", result).await;
    let visit = scene.visit("{other_patient}", "{other_doctor}", 30);
    scene.made("other_appointment", stranger, "/api/v1/appointments", visit).await;

    let near = scene.id("{institution}");
    let elsewhere = scene.care.doctor(json!({})).await;
    scene.met("doctor_elsewhere", &elsewhere);
    let visit = scene.visit("{patient}", "{doctor_elsewhere}", 31);
    scene.made("appointment_elsewhere", "admin", "/api/v1/appointments", visit).await;
    for (name, more) in
        [("suspended_doctor", json!({"institution_id": near})), ("suspended_loner", json!({}))]
    {
        let person = scene.care.doctor(more).await;
        let path = format!("/api/v1/doctors/{}/status", person.id);
        let body = json!({"status": "suspended", "reason": "x"});
        let suspended = scene.care.post(&scene.care.admin, &path, body).await;
        assert_eq!(suspended.status, 200, "{}", suspended.text());
        scene.met(name, &person);
    }
    call(scene).await;
    for (name, caller) in [("account", "the patient"), ("admin_account", "admin")] {
        let id = scene.account(caller).id;
        scene.known(name, id.to_string());
    }
}

/// A consultation of each patient; of the first one two recordings, of which one is open to the patient.
async fn call(scene: &mut Scene) {
    let other = json!({"consultationId": "c-2", "patientId": scene.id("{other_patient}"),
        "doctorId": scene.id("{other_doctor}")});
    let own = json!({"consultationId": "c-1", "patientId": scene.id("{patient}"),
        "doctorId": scene.id("{doctor}")});
    for (name, by, body) in
        [("other_consultation", "a doctor", other), ("consultation", "their doctor", own)]
    {
        let id = body["consultationId"].as_str().unwrap().to_owned();
        let path = "/api/consultations/create";
        let opened = scene.care.post(scene.account(by), path, body).await;
        assert_eq!(opened.status, 201, "{}", opened.text());
        scene.known(name, id);
    }
    for (name, is_open) in [("recording", true), ("hidden_recording", false)] {
        let step = async |step: &str| {
            let path = format!("/api/consultations/c-1/recording/{step}");
            let taken = scene.care.post(scene.account("their doctor"), &path, Value::Null).await;
            assert_eq!(taken.status, 200, "{}", taken.text());
            taken.json()["data"].clone()
        };
        let id = step("start").await["recordingId"].to_string();
        step("stop").await;
        let body = json!({"visibleToPatient": is_open});
        let path = format!("/api/recordings/{id}");
        let shown = scene.care.ask(scene.account("their doctor"), "PATCH", &path, body).await;
        assert_eq!(shown.status, 200, "{}", shown.text());
        scene.known(name, id);
    }
}

/// The ids of the rows, as text.
fn ids(body: &Value, place: &str) -> Vec<String> {
    let id = |row: &Value| match row.get("id").or(row.get("consultationId")) {
        Some(Value::String(id)) => id.clone(),
        id => id.unwrap().to_string(),
    };
    body.pointer(place).unwrap().as_array().unwrap().iter().map(id).collect()
}

#[tokio::test]
async fn every_caller_gets_the_rows_that_the_matrix_gives() {
    let mut scene = Scene::start().await;
    write(&mut scene).await;
    let mut wrong = Vec::new();

    for List { path, place, open_to, rows } in LISTS {
        for (caller, expected) in open_to.chars().enumerate() {
            let answer = scene.call(caller, "GET", path).send().await;
            let said = answer.text();
            let got = if answer.status == 200 { 'y' } else { letter(&answer) };
            let name = CALLERS[caller];
            if got != expected {
                wrong.push(format!("{path} by {name}: {expected} expected: {said}"));
            }
            let seen = if got == 'y' { ids(&answer.json(), place) } else { Vec::new() };
            for (row, by) in *rows {
                let is_expected = by.as_bytes()[caller] == b'y';
                if seen.contains(&scene.filled(row)) != is_expected {
                    wrong.push(format!("{path} {place} {row} by {name}: {is_expected} expected"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}
