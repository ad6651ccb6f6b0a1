//! The callers, and rows that have to do with some of them.

use std::time::Duration;

use latido::domain::identity::Role;
use latido::domain::time::Timestamp;
use serde_json::{Value, json};

use crate::support;
use crate::support::accounts::Account;
use crate::support::care::{Care, Person};
use crate::support::files::document;
use crate::support::http::Call;

const SERVICE_KEY: &str = "a-key-of-a-service-for-the-matrices-of-rights";

/// The callers: the administrator, a service, a doctor of the patient and another, the patient and
/// another, an institution of the patient and another, a company, a professional, a client, nobody.
pub(super) const CALLERS: [&str; 12] = [
    "admin",
    "service",
    "their doctor",
    "a doctor",
    "the patient",
    "a patient",
    "their institution",
    "an institution",
    "a company",
    "a professional",
    "a client",
    "nobody",
];

/// The callers and the rows they ask for.
pub(super) struct Scene {
    pub(super) care: Care,
    callers: Vec<Option<Account>>,
    rows: Vec<(&'static str, String)>,
}

impl Scene {
    /// The patient has a doctor, who works at an institution of the patient's, and full access. The
    /// other patient has the other doctor, who works for himself.
    pub(super) async fn start() -> Self {
        Self::start_with(&[]).await
    }

    pub(super) async fn start_with(settings: &[(&str, &str)]) -> Self {
        let key = format!("house:{SERVICE_KEY}");
        let settings =
            [&[("SERVICE_API_KEYS", key.as_str()), ("RATE_LIMIT_ENABLED", "false")], settings]
                .concat();
        let care = Care::on(support::start_with(&settings).await).await;
        let (near, far) = (care.institution().await, care.institution().await);
        let doctor = care.doctor(json!({"institution_id": near.id})).await;
        let stranger = care.doctor(json!({})).await;
        let profile = json!({"height_cm": 170});
        let more = json!({"doctor_id": doctor.id, "institution_id": near.id,
            "health_profile": profile});
        let patient = care.patient(more).await;
        let other = care.patient(json!({"doctor_id": stranger.id})).await;
        for status in ["validated_by_doctor", "validated_by_institution", "full_access"] {
            let path = format!("/api/v1/patients/{}/validation", patient.id);
            let moved = care.post(&care.admin, &path, json!({"status": status})).await;
            assert_eq!(moved.status, 200, "{}", moved.text());
        }
        let mut others = Vec::new();
        for role in [Role::Company, Role::Professional, Role::Client] {
            others.push(Some(care.latido.account(role).await));
        }
        let ids = [
            ("institution", &near),
            ("other_institution", &far),
            ("doctor", &doctor),
            ("other_doctor", &stranger),
            ("patient", &patient),
            ("other_patient", &other),
        ];
        let mut rows: Vec<_> =
            ids.map(|(name, person)| (name, person.id.to_string())).into_iter().collect();
        rows.push(("next_month", in_days(30).to_string()));
        let people =
            [doctor, stranger, patient, other, near, far].map(|person| Some(person.account));
        let callers = [Some(care.admin.clone()), None]
            .into_iter()
            .chain(people)
            .chain(others)
            .chain([None])
            .collect();
        let mut scene = Self { care, callers, rows };
        scene.write().await;
        scene
    }

    /// What there is of the patient.
    async fn write(&mut self) {
        let doctor = "their doctor";
        let note = json!({"kind": "soap", "body": "x", "released_to_patient": true});
        self.made("note", doctor, "/api/v1/patients/{patient}/notes", note).await;
        let items = json!({"items": [{"drug": "X", "dose": "1", "frequency": "1"}]});
        let path = "/api/v1/patients/{patient}/prescriptions";
        self.made("prescription", doctor, path, items).await;
        let path = "/api/v1/patients/{patient}/diagnoses";
        self.made("diagnosis", doctor, path, diagnosis(true)).await;
        let visit = self.visit("{patient}", "{doctor}", 30);
        self.made("appointment", doctor, "/api/v1/appointments", visit).await;
        let result = self.result("{patient}", &json!([{"name": "Hb", "value": "14"}]));
        self.made("result", doctor, "/api/v1/results", result).await;
        self.brought("document", doctor, "result").await;
        let mut documented = self.result("{patient}", &Value::Null);
        documented["file_id"] = self.filled("{document}").into();
        self.made("documented_result", doctor, "/api/v1/results", documented).await;
    }

    /// Names the row at a path, as an administrator sees it, in bodies from now on.
    pub(super) async fn copied(&mut self, name: &'static str, path: &str) {
        let answer = self.care.get(&self.care.admin, &self.filled(path)).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        self.known(name, answer.text().to_owned());
    }

    /// Adds a row by one of the callers, to be named in paths from now on.
    pub(super) async fn made(&mut self, name: &'static str, by: &str, path: &str, body: Value) {
        let account = self.account(by);
        let path = self.filled(path);
        let answer = self.care.post(account, &path, body).await;
        assert_eq!(answer.status, 201, "{path}: {}", answer.text());
        let body = answer.json();
        let id = &body["id"];
        self.known(name, id.as_str().map_or_else(|| id.to_string(), str::to_owned));
    }

    /// Names an id in paths from now on.
    pub(super) fn known(&mut self, name: &'static str, id: String) {
        self.rows.push((name, id));
    }

    /// A file that one of the callers brings.
    pub(super) async fn brought(&mut self, name: &'static str, by: &str, purpose: &str) {
        let file = self.care.latido.file(self.account(by), purpose, &document(200)).await;
        self.known(name, file["id"].as_str().unwrap().to_owned());
    }

    /// A person who is no caller, such as a second doctor of an institution.
    pub(super) fn met(&mut self, name: &'static str, person: &Person) {
        self.known(name, person.id.to_string());
    }

    /// A visit so many days from now.
    pub(super) fn visit(&self, patient: &str, doctor: &str, days: u64) -> Value {
        json!({"patient_id": self.id(patient), "doctor_id": self.id(doctor), "kind": "in_person",
            "starts_at": in_days(days)})
    }

    /// A result, which is pending without values.
    pub(super) fn result(&self, patient: &str, values: &Value) -> Value {
        json!({"patient_id": self.id(patient), "exam_name": "Hemograma", "values": values})
    }

    /// The id that a name in braces stands for.
    pub(super) fn id(&self, name: &str) -> i64 {
        self.filled(name).parse().unwrap()
    }

    /// A text with the ids of the rows it names.
    pub(super) fn filled(&self, text: &str) -> String {
        self.rows
            .iter()
            .fold(text.to_owned(), |text, (name, id)| text.replace(&format!("{{{name}}}"), id))
    }

    pub(super) fn account(&self, caller: &str) -> &Account {
        let place = CALLERS.iter().position(|it| *it == caller).unwrap();
        self.callers[place].as_ref().unwrap()
    }

    pub(super) fn call(&self, caller: usize, method: &str, path: &str) -> Call {
        let call = self.care.latido.call(method, &self.filled(path));
        match (&self.callers[caller], CALLERS[caller]) {
            (Some(account), _) => call.bearer(&account.token),
            (None, "service") => call.header("x-service-key", SERVICE_KEY),
            (None, _) => call,
        }
    }
}

fn in_days(days: u64) -> Timestamp {
    Timestamp::now().plus(Duration::from_hours(24 * days))
}

pub(super) fn diagnosis(is_released: bool) -> Value {
    json!({"code": "I10", "description": "x", "status": "suspected", "source": "doctor",
        "released_to_patient": is_released})
}
