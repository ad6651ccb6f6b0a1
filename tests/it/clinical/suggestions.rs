//! Suggestions: by the rules that are built in or by a service, which never learns who the patient is.

use latido::persistence::audit::{self, Filter, Recorded};
use serde_json::{Value, json};

use crate::support::care::{Care, Person};
use crate::support::http::Answer;
use crate::support::upstream::{Reply, Upstream};
use crate::support::{self, accounts};

const PATH: &str = "/api/v1/diagnosis/suggestions";

/// A doctor and a patient of theirs of whom something is known.
async fn pair(care: &Care) -> (Person, Person) {
    let doctor = care.doctor(json!({})).await;
    let profile = json!({"systolic": 145, "diastolic": 85, "height_cm": 170, "weight_kg": 90,
        "heart_rate": 70, "notes": "vive con su hermana Marta"});
    let patient = care
        .patient(json!({"doctor_id": doctor.id, "document_number": "30.123.456",
            "external_ref": "HC-99881", "health_profile": profile}))
        .await;
    (doctor, patient)
}

/// The house with a service that suggests.
async fn advised(upstream: &Upstream) -> Care {
    let url = upstream.url("/v1/");
    let settings = [
        ("AI_BASE_URL", url.as_str()),
        ("AI_API_KEY", "sk-of-the-tests"),
        ("AI_MODEL", "model-of-the-tests"),
    ];
    Care::on(support::start_with(&settings).await).await
}

fn completion(suggestions: &Value) -> Value {
    let content = json!({ "suggestions": suggestions }).to_string();
    json!({ "choices": [{ "message": { "role": "assistant", "content": content } }] })
}

async fn asked(care: &Care, doctor: &Person, patient: &Person) -> Answer {
    let body = json!({"patient_id": patient.id, "symptoms": ["María Gómez refiere cefalea"],
        "vitals": {"systolic": 185}, "question": "¿Podría ser secundaria?"});
    care.post(&doctor.account, PATH, body).await
}

/// Lines of the audit trail about suggestions, oldest first.
async fn trail(care: &Care) -> Vec<Recorded> {
    let filter = Filter { entity_type: Some("suggestion"), ..Filter::default() };
    let mut lines = audit::list(&care.latido.running.store, &filter, None, 100).await.unwrap();
    lines.reverse();
    lines
}

async fn kept(care: &Care) -> i64 {
    accounts::value(care.latido.database.url(), "select count(*) from ai_suggestions").await
}

#[tokio::test]
async fn the_built_in_rules_reckon_with_what_is_measured_now_and_what_was_known() {
    let care = Care::start().await;
    let (doctor, patient) = pair(&care).await;

    let answer = asked(&care, &doctor, &patient).await;

    assert_eq!(answer.status, 200, "{}", answer.text());
    let answer = answer.json();
    let id = answer["id"].as_str().unwrap();
    assert!(id.starts_with("sg_"), "{id}");
    assert_eq!(answer["provider"], "rules");
    assert_eq!(answer["disclaimer"], "decision support; a doctor must confirm");
    assert_eq!(
        answer["suggestions"],
        json!([
            {"code": "E66.9", "description": "Obesity, unspecified", "confidence": 0.9,
                "evidence": ["body mass index 31.1 ≥ 30"]},
            {"code": "I10", "description": "Essential (primary) hypertension", "confidence": 0.8,
                "evidence": ["systolic 185 ≥ 180"]},
        ])
    );
    let lines = trail(&care).await;
    assert_eq!(lines.len(), 1);
    assert_eq!((lines[0].action.as_str(), lines[0].entity_id.as_deref()), ("created", Some(id)));
    assert_eq!(
        Value::from(lines[0].data.0.clone()),
        json!({"patient_id": patient.id, "provider": "rules"})
    );
    assert_eq!(kept(&care).await, 1);
    let sql = "select count(*) from diagnoses";
    assert_eq!(accounts::value::<i64>(care.latido.database.url(), sql).await, 0);
}

#[tokio::test]
async fn a_service_is_told_how_a_patient_is_and_not_who() {
    let upstream = Upstream::start(|_| {
        let found = json!([
            {"code": "G43.9", "description": "Migraña", "confidence": 0.4, "evidence": ["cefalea"]},
            {"code": "I10", "description": "Hipertensión", "confidence": 0.7, "evidence": []},
            {"code": "nonsense", "description": "x", "confidence": 7, "evidence": []},
        ]);
        Reply::json(200, &completion(&found))
    })
    .await;
    let care = advised(&upstream).await;
    let (doctor, patient) = pair(&care).await;

    let answer = asked(&care, &doctor, &patient).await;

    assert_eq!(answer.status, 200, "{}", answer.text());
    let answer = answer.json();
    assert_eq!(answer["provider"], "openai");
    let codes: Vec<_> =
        answer["suggestions"].as_array().unwrap().iter().map(|it| it["code"].clone()).collect();
    assert_eq!(codes, ["I10", "G43.9"]);

    let got = upstream.asked();
    assert_eq!(got.len(), 1);
    assert_eq!(got[0].path, "/v1/chat/completions");
    assert_eq!(got[0].header("authorization"), "Bearer sk-of-the-tests");
    let body: Value = serde_json::from_slice(&got[0].body).unwrap();
    assert_eq!(body["model"], "model-of-the-tests");
    assert_eq!(body["response_format"]["type"], "json_schema");
    assert_eq!(body["response_format"]["json_schema"]["strict"], true);
    let told: Value =
        serde_json::from_str(body["messages"][1]["content"].as_str().unwrap()).unwrap();
    let mut fields: Vec<_> = told.as_object().unwrap().keys().map(String::as_str).collect();
    fields.sort_unstable();
    assert_eq!(fields, ["age", "kpis", "sex", "symptoms", "vitals"]);
    assert_eq!(told["symptoms"], json!(["[patient] [patient] refiere cefalea"]));
    assert_eq!(
        (&told["vitals"]["systolic"], &told["vitals"]["diastolic"]),
        (&json!(185), &json!(85))
    );
    let text = String::from_utf8(got[0].body.to_vec()).unwrap();
    for told in [
        "María",
        "Gómez",
        "30.123.456",
        "HC-99881",
        "example.com",
        "1990",
        "Luis",
        "Marta",
        "Ruiz",
        "secundaria",
        "patient_id",
    ] {
        assert!(!text.contains(told), "{told}: {text}");
    }

    let actions: Vec<_> = trail(&care).await.into_iter().map(|line| line.action).collect();
    assert_eq!(actions, ["asked", "created"]);
    let diagnosis = json!({"code": "I10", "description": "Hipertensión", "status": "confirmed",
        "source": "ai", "suggestion_id": answer["id"]});
    let place = format!("/api/v1/patients/{}/diagnoses", patient.id);
    assert_eq!(care.post(&doctor.account, &place, diagnosis).await.status, 201);
}

#[tokio::test]
async fn a_service_that_fails_is_a_bad_gateway_and_the_trail_knows() {
    let upstream = Upstream::start(|_| Reply::text(500, "cefalea")).await;
    let care = advised(&upstream).await;
    let (doctor, patient) = pair(&care).await;

    for (number, reply) in [
        (500, Value::Null),
        (200, json!({"choices": []})),
        (200, json!({"choices": [{"message": {"content": "no soy médico"}}]})),
        (401, json!({"error": {"message": "bad key"}})),
    ] {
        upstream.change(move |_| Reply::json(number, &reply));
        let answer = asked(&care, &doctor, &patient).await;
        assert_eq!(answer.status, 502, "{}", answer.text());
        assert_eq!(answer.json()["type"], "urn:latido:problem:upstream-failed");
        assert!(!answer.text().contains("cefalea"));
    }

    let actions: Vec<_> = trail(&care).await.into_iter().map(|line| line.action).collect();
    assert_eq!(actions, ["asked", "failed"].repeat(4));
    assert_eq!(kept(&care).await, 0);
}

#[tokio::test]
async fn what_a_service_failed_to_answer_is_asked_again_under_the_same_key() {
    let upstream = Upstream::start(|_| Reply::text(500, "")).await;
    let care = advised(&upstream).await;
    let (doctor, patient) = pair(&care).await;
    let ask = async || {
        let call = care.latido.call("POST", PATH).bearer(&doctor.account.token);
        let call = call.header("idempotency-key", "k-1");
        call.json(&json!({"patient_id": patient.id, "symptoms": ["fiebre"]})).send().await
    };

    assert_eq!(ask().await.status, 502);
    upstream.change(|_| Reply::json(200, &completion(&json!([]))));
    let answered = ask().await;
    let again = ask().await;

    assert_eq!(answered.status, 200, "{}", answered.text());
    assert_eq!(answered.json()["id"], again.json()["id"]);
    assert_eq!((upstream.asked().len(), kept(&care).await), (2, 1));
}

#[tokio::test]
async fn suggestions_are_for_doctors_of_the_patient_and_administrators() {
    let care = Care::start().await;
    let (doctor, patient) = pair(&care).await;
    let stranger = care.doctor(json!({})).await;
    let institution = care.institution().await;
    let body = json!({"patient_id": patient.id, "symptoms": ["fiebre"]});

    for (who, account, status) in [
        ("the doctor", &doctor.account, 200),
        ("the administrator", &care.admin, 200),
        ("another doctor", &stranger.account, 404),
        ("the patient", &patient.account, 403),
        ("an institution", &institution.account, 403),
    ] {
        assert_eq!(care.post(account, PATH, body.clone()).await.status, status, "{who}");
    }
    for (body, pointer) in [
        (json!({"symptoms": []}), "/patient_id"),
        (json!({"patient_id": patient.id, "symptoms": vec!["x"; 51]}), "/symptoms"),
        (json!({"patient_id": patient.id, "question": "x".repeat(2001)}), "/question"),
        (json!({"patient_id": patient.id, "vitals": {"spo2": 101}}), "/vitals/spo2"),
    ] {
        let answer = care.post(&doctor.account, PATH, body).await;
        assert_eq!(answer.status, 422, "{}", answer.text());
        assert_eq!(answer.json()["errors"][0]["pointer"], pointer);
    }
}
