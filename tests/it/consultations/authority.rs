//! Who may do what to whose consultations: every operation by every kind of caller (contract §4).

use latido::domain::identity::Role;
use serde_json::{Value, json};

use super::{CREATE, SERVICE_KEY, Visit, data};
use crate::support;
use crate::support::accounts::Account;
use crate::support::http::Call;
use crate::support::rights::{letter, operations};

/// The callers, in the order of the letters of [`OPERATIONS`].
const CALLERS: [&str; 11] = [
    "admin",
    "service",
    "its doctor",
    "a doctor of the patient",
    "a doctor",
    "its patient",
    "a patient",
    "its institution",
    "a company",
    "a client",
    "nobody",
];

/// What a caller gets: `o` open (whatever the rules then say), `f` forbidden, `h` hidden, `u` asked to
/// sign in. Bodies and versions are such that nothing changes.
const OPERATIONS: &[(&str, &str, &str, &str)] = &[
    ("POST", "/api/consultations/create", DRAFT, "ooofffffffu"),
    ("GET", "/api/consultations", "", "ooooooooffu"),
    ("GET", "/api/consultations/{c}", "", "oooohohoffu"),
    ("POST", "/api/consultations/{c}/join", "", "ofofhohfffu"),
    ("POST", "/api/token", r#"{"consultationId": "c-1"}"#, "ooofhohfffu"),
    ("POST", "/api/consultations/{c}/start", "", "ooofhfhfffu"),
    ("POST", "/api/consultations/{c}/end", "", "ooofhfhfffu"),
    ("POST", "/api/consultations/{c}/cancel", "", "ooofhfhfffu"),
    ("POST", "/api/consultations/{c}/handover", r#"{"mode": "p2p"}"#, "ooofhfhfffu"),
    ("GET", "/api/consultations/{c}/messages", "", "oooohohoffu"),
    ("GET", "/api/consultations/{c}/precheck", "", "ofofhohfffu"),
    ("GET", "/api/consultations/{c}/e2ee-key", "", "ffhfhhhfffu"),
    ("POST", "/api/consultations/{c}/invite", r#"{"role": "observer"}"#, "ooofhfhfffu"),
    ("DELETE", "/api/consultations/{c}/invites/{recording}9", "", "hhhfhfhfffu"),
    ("POST", "/api/consultations/{c}/recording/start", "", "ooofhfhfffu"),
    ("POST", "/api/consultations/{c}/recording/stop", STOP, "hhhfhfhfffu"),
    ("GET", "/api/consultations/{c}/recordings", "", "oooohohfffu"),
    ("GET", "/api/recordings/{recording}", "", "oooohohfffu"),
    ("GET", "/api/recordings/{recording}/url", "", "oooohohfffu"),
    ("PATCH", "/api/recordings/{recording}", r#"{"visibleToPatient": true}"#, "ofofhfhfffu"),
    ("DELETE", "/api/recordings/{recording}", r#"{"reason": "x"}"#, "offfffffffu"),
    ("GET", "/api/rooms/active", "", "ooooofffffu"),
    ("GET", "/api/rooms/{c}/stats", "", "ooofhohfffu"),
    ("POST", "/api/rooms/{c}/stats", "{}", "ffofhohfffu"),
    ("POST", "/api/rooms/{c}/participants/x/disconnect", "", "hhhfhfhfffu"),
    (
        "POST",
        "/api/rooms/{c}/participants/x/mute",
        r#"{"source": "camera", "muted": true}"#,
        "hfhfhfhfffu",
    ),
];

const DRAFT: &str =
    r#"{"consultationId": "c-1", "patientId": "{patient}", "doctorId": "{doctor}"}"#;
const STOP: &str = r#"{"recordingId": 999}"#;

/// Signed, or for whoever has a code.
const OPEN: [(&str, &str); 2] =
    [("POST", "/api/consultations/redeem"), ("POST", "/webhooks/livekit")];

struct Scene {
    visit: Visit,
    callers: Vec<Option<Account>>,
    recording: i64,
}

/// A consultation that is over, with one recording the patient may see.
async fn scene() -> Scene {
    let visit = Visit::start().await;
    let care = &visit.care;
    let institution = care.institution().await;
    let path = format!("/api/v1/patients/{}", visit.patient.id);
    let body = json!({"institution_id": institution.id});
    assert_eq!(care.ask(&care.admin, "PATCH", &path, body).await.status, 200);
    let profile = format!("{path}/health-profile");
    care.ask(&care.admin, "PUT", &profile, json!({"height_cm": 170})).await;
    for status in ["validated_by_doctor", "validated_by_institution", "full_access"] {
        let path = format!("{path}/validation");
        assert_eq!(care.post(&care.admin, &path, json!({"status": status})).await.status, 200);
    }
    let (colleague, stranger) = (care.doctor(json!({})).await, care.doctor(json!({})).await);
    let team = json!({"doctor_id": colleague.id});
    let added = care.post(&care.admin, &format!("{path}/care-team"), team).await;
    assert!(added.status.is_success(), "{}", added.text());
    let other = care.patient(json!({"doctor_id": stranger.id})).await;
    visit.opened_with("c-1", json!({})).await;
    let started = data(&visit.step("c-1", "recording/start").await);
    let recording = started["recordingId"].as_i64().unwrap();
    let path = format!("/api/recordings/{recording}");
    care.ask(&care.admin, "PATCH", &path, json!({"visibleToPatient": true})).await;
    visit.step("c-1", "start").await;
    visit.step("c-1", "end").await;
    let company = care.latido.account(Role::Company).await;
    let client = care.latido.account(Role::Client).await;
    let callers = vec![
        Some(care.admin.clone()),
        None,
        Some(visit.doctor.account.clone()),
        Some(colleague.account),
        Some(stranger.account),
        Some(visit.patient.account.clone()),
        Some(other.account),
        Some(institution.account),
        Some(company),
        Some(client),
        None,
    ];
    Scene { visit, callers, recording }
}

impl Scene {
    fn filled(&self, text: &str) -> String {
        text.replace("{c}", "c-1")
            .replace("{recording}", &self.recording.to_string())
            .replace("{patient}", &self.visit.patient.id.to_string())
            .replace("{doctor}", &self.visit.doctor.id.to_string())
    }

    fn call(&self, (method, path, body, _): &(&str, &str, &str, &str), caller: usize) -> Call {
        let call = self.visit.care.latido.call(method, &self.filled(path));
        let call = match (&self.callers[caller], CALLERS[caller]) {
            (Some(account), _) => call.bearer(&account.token),
            (None, "service") => call.header("x-service-key", SERVICE_KEY),
            (None, _) => call,
        };
        let call = match *method {
            "PATCH" | "DELETE" => call.header("if-match", "\"v0\""),
            _ => call,
        };
        match *body {
            "" => call,
            body => call.json(&serde_json::from_str(&self.filled(body)).unwrap()),
        }
    }
}

#[tokio::test]
async fn every_caller_gets_what_the_matrix_gives() {
    let scene = scene().await;
    let mut wrong = Vec::new();
    for operation in OPERATIONS {
        let (method, path, _, gets) = operation;
        for (caller, expected) in CALLERS.iter().zip(gets.chars()) {
            let place = CALLERS.iter().position(|it| it == caller).unwrap();
            let answer = scene.call(operation, place).send().await;
            if letter(&answer) != expected {
                wrong.push(format!(
                    "{method} {path} by {caller}: {expected} expected: {}",
                    answer.text()
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[tokio::test]
async fn the_matrix_knows_every_operation_of_consultations() {
    let matrix =
        OPERATIONS.iter().map(|(method, path, ..)| (*method, path.replace("/x/", "/{x}/")));
    let open = OPEN.map(|(method, path)| (method, path.to_owned()));
    let families =
        ["/api/consultations", "/api/recordings", "/api/rooms", "/api/token", "/webhooks/"];
    let is_of = |path: &str| families.iter().any(|family| path.starts_with(family));
    operations(matrix.chain(open), is_of).await;
}

#[tokio::test]
async fn with_the_development_bypass_anybody_may_be_named() {
    let settings = [("AUTH_DEV_BYPASS", "true")];
    let latido = support::start_with(&settings).await;
    let body: Value = json!({"consultationId": "c-1", "patientId": "patient-maria-123",
        "doctorId": "doctor-carlos-456"});

    let answer = latido.call("POST", CREATE).json(&body).send().await;

    assert_eq!(answer.status, 201, "{}", answer.text());
    let observer = latido.call("POST", "/api/consultations/c-1/join").send().await;
    assert_eq!(data(&observer)["identity"], "observer-0");
}
