//! Doctors, institutions and patients: made with their accounts, seen by those who may.

use serde_json::json;

use crate::support::accounts::value;
use crate::support::care::{Care, joined};

#[tokio::test]
async fn a_patient_is_made_with_account_contacts_and_health_and_signs_in() {
    let care = Care::start().await;
    let doctor = care.doctor(json!({})).await;

    let answer = care
        .post(
            &doctor.account,
            "/api/v1/patients",
            json!({"first_name": "María", "last_name": "Gómez", "email": "Maria@Example.com",
                "password": "correct horse battery", "date_of_birth": "1990-05-17", "sex": "female",
                "emergency_contact_name": "Luis", "emergency_contact_phone": "555 0101",
                "phones": [{"type": "mobile", "number": "+54 351 5550101", "primary": true}],
                "health_profile": {"height_cm": 170, "weight_kg": 65, "systolic": 118,
                    "diastolic": 76, "smoking": "never", "activity_minutes_week": 75,
                    "chronic_conditions": []}}),
        )
        .await;

    assert_eq!(answer.status, 201, "{}", answer.text());
    let patient = answer.json();
    assert_eq!(answer.header("location"), format!("/api/v1/patients/{}", patient["id"]));
    assert_eq!(patient["doctor_id"], doctor.id, "becomes the patient of who adds them");
    assert_eq!(patient["email"], "maria@example.com");
    assert_eq!(patient["association_status"], "associated");
    assert_eq!(patient["emergency_contact"]["name"], "Luis");
    assert_eq!(patient["phones"][0]["number"], "+54 351 5550101");
    assert_eq!(
        (&patient["kpis"]["bmi"], &patient["kpis"]["bmi_class"]),
        (&json!(22.5), &json!("normal"))
    );
    assert_eq!(patient["kpis"]["health_score"], 92);
    assert_eq!(patient["kpis"]["health_score_coverage"], 0.9);
    let signed_in = care
        .latido
        .call("POST", "/auth/login")
        .json(&json!({"email": "maria@example.com", "password": "correct horse battery"}))
        .send()
        .await;
    assert_eq!(signed_in.json()["user"]["reference_id"], patient["id"]);
}

#[tokio::test]
async fn a_taken_email_or_licence_leaves_nothing_behind() {
    let care = Care::start().await;
    let specialty = care.specialty("Cardiología").await;
    let doctor = |email: &str, license: &str| {
        json!({"first_name": "Ana", "last_name": "Ruiz", "email": email, "medical_license": license,
            "specialty_id": specialty, "years_experience": 3, "consultation_fee_cents": 0,
            "password": "correct horse battery"})
    };
    let first = care.added("/api/v1/doctors", doctor("ana@example.com", "MN-1")).await;
    assert_eq!(first["specialties"][0]["name"], "Cardiología");
    let accounts = async || {
        let url = care.latido.database.url();
        value::<i64>(url, "select count(*) from users").await
    };
    let before = accounts().await;

    for (email, license, field) in
        [("ana@example.com", "MN-2", "email"), ("eva@example.com", "MN-1", "medical_license")]
    {
        let answer = care.post(&care.admin, "/api/v1/doctors", doctor(email, license)).await;
        assert_eq!((answer.status.as_u16(), &answer.json()["field"]), (409, &json!(field)));
    }

    assert_eq!(accounts().await, before, "no account without its doctor");
    let patient = json!({"first_name": "Eva", "last_name": "Paz", "email": "ana@example.com",
        "password": "correct horse battery", "date_of_birth": "1990-01-01", "sex": "female",
        "doctor_id": first["id"], "emergency_contact": {"name": "Luis", "phone": "555 0101"}});
    let answer = care.post(&care.admin, "/api/v1/patients", patient).await;
    assert_eq!((answer.status.as_u16(), &answer.json()["field"]), (409, &json!("email")));
}

#[tokio::test]
async fn of_two_creations_at_once_one_is_made() {
    let care = Care::start().await;
    let specialty = care.specialty("Cardiología").await;
    let doctor = |number: usize| {
        json!({"first_name": "Ana", "last_name": "Ruiz", "email": format!("a{number}@example.com"),
            "medical_license": "MN-1", "specialty_id": specialty, "years_experience": 3,
            "consultation_fee_cents": 0, "password": "correct horse battery"})
    };

    let bodies = [doctor(1), doctor(2)];
    let [first, second] = bodies.map(|body| care.post(&care.admin, "/api/v1/doctors", body));
    let (first, second) = tokio::join!(first, second);

    let mut statuses = [first.status.as_u16(), second.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 409]);
}

#[tokio::test]
async fn every_broken_rule_of_a_patient_is_named() {
    let care = Care::start().await;

    let answer = care
        .post(
            &care.admin,
            "/api/v1/patients",
            json!({"first_name": "", "last_name": "Gómez", "email": "nobody", "sex": "female",
                "date_of_birth": "1990-05-17", "phones": [{"type": "mobile", "number": "x"}],
                "health_profile": {"height_cm": 10}}),
        )
        .await;

    assert_eq!(answer.status, 422);
    let pointers: Vec<_> = answer.json()["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|error| error["pointer"].as_str().unwrap().to_owned())
        .collect();
    for pointer in
        ["/first_name", "/email", "/phones", "/phones/0/number", "/health_profile/height_cm"]
    {
        assert!(pointers.iter().any(|found| found == pointer), "{pointer}: {pointers:?}");
    }
    let unbound = json!({"first_name": "Eva", "last_name": "Paz", "email": "eva@example.com",
        "password": "correct horse battery", "date_of_birth": "2999-01-01", "sex": "female"});
    let answer = care.post(&care.admin, "/api/v1/patients", unbound).await.json();
    let codes: Vec<_> = answer["errors"].as_array().unwrap().iter().map(|it| &it["code"]).collect();
    assert_eq!(codes, [&json!("range"), &json!("rule"), &json!("required")], "{answer}");
}

#[tokio::test]
async fn a_patient_is_found_by_words_of_theirs_in_any_order_and_spelling() {
    let care = Care::start().await;
    let doctor = care.doctor(json!({})).await;
    let bind = json!({"doctor_id": doctor.id});
    let named = |first: &str, last: &str| {
        joined(bind.clone(), json!({"first_name": first, "last_name": last}))
    };
    let nunez = care.patient(named("Úrsula", "Núñez")).await;
    let quote = care.patient(named("Łucja", "O\"Hara")).await;
    care.patient(joined(named("Berta", "Álvarez"), json!({"document_number": "30-111"}))).await;
    let found = async |q: &str| {
        let path = format!(
            "/api/v1/patients?{}&count=true",
            serde_urlencoded::to_string([("q", q)]).unwrap()
        );
        let page = care.get(&care.admin, &path).await.json();
        let ids = page["items"].as_array().unwrap().iter().map(|it| it["id"].as_i64().unwrap());
        (ids.collect::<Vec<_>>(), page["total"].as_i64().unwrap())
    };

    for text in ["NUÑEZ", "unez", "ursula nunez", "núñez, ursula", "rsul ñez", "nunez %"] {
        assert_eq!(found(text).await, (vec![nunez.id], 1), "{text}");
    }
    for text in ["o\"hara", "łuc", "ucja hara"] {
        assert_eq!(found(text).await, (vec![quote.id], 1), "{text}");
    }
    assert_eq!(found("30-111").await.1, 1);
    for text in ["%", "nunezursula", "nunez alvarez", "nobody at all"] {
        assert_eq!(found(text).await, (vec![], 0), "{text}");
    }
    let body = json!({"email": "zoe@example.com", "password": "correct horse battery", "nombre": "Zoé",
        "apellido": "Ibáñez", "rol": "PACIENTE", "fecha_nacimiento": "1990-01-01"});
    let registered = care.latido.call("POST", "/auth/register").json(&body).send().await;
    assert_eq!(registered.status, 201, "{}", registered.text());
    assert_eq!(found("ibanez zoe@example.com").await.1, 1);
}

#[tokio::test]
async fn pages_of_patients_stand_still_while_others_are_added() {
    let care = Care::start().await;
    let doctor = care.doctor(json!({})).await;
    let mut ids = Vec::new();
    for _ in 0..5 {
        ids.push(care.patient(json!({"doctor_id": doctor.id})).await.id);
    }
    ids.reverse();

    let first = care.get(&doctor.account, "/api/v1/doctors/me/patients?limit=2").await.json();
    care.patient(json!({"doctor_id": doctor.id})).await;
    let mut seen: Vec<i64> = Vec::new();
    let mut page = first;
    loop {
        seen.extend(page["items"].as_array().unwrap().iter().map(|it| it["id"].as_i64().unwrap()));
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        let path = format!("/api/v1/doctors/me/patients?limit=2&cursor={cursor}");
        page = care.get(&doctor.account, &path).await.json();
    }

    assert_eq!(seen, ids);
}

#[tokio::test]
async fn a_change_by_version_is_refused_when_it_is_late_and_told_to_whom_it_concerns() {
    let care = Care::start().await;
    let doctor = care.doctor(json!({})).await;
    let patient = care.patient(json!({"doctor_id": doctor.id})).await;
    let mut own = care.connect(&patient).await;
    let mut admin = care.latido.connect(&care.admin).await;
    let path = format!("/api/v1/patients/{}", patient.id);
    let version = care.get(&doctor.account, &path).await.header("etag").to_owned();

    let late = care.latido.call("PATCH", &path).bearer(&doctor.account.token);
    let late = late.header("if-match", "\"v99\"").json(&json!({"sex": "male"})).send().await;
    assert_eq!(late.status, 412);
    let changed = care.latido.call("PATCH", &path).bearer(&care.admin.token);
    let change = json!({"document_number": "30111222"});
    let changed = changed.header("if-match", &version).json(&change).send().await;

    assert_eq!(changed.status, 200, "{}", changed.text());
    assert_eq!(changed.json()["document_number"], "30111222");
    let told = own.next("user:update").await;
    assert_eq!((&told["type"], &told["action"]), (&json!("profile"), &json!("updated")));
    assert!(!told.to_string().contains("30111222"), "no health data travels: {told}");
    let mut heard = admin.next("admin:event").await;
    while heard["eventType"] != "patient.updated" {
        heard = admin.next("admin:event").await;
    }
    assert_eq!(heard["entityId"], patient.id);
}

#[tokio::test]
async fn a_removed_doctor_is_gone_and_comes_back_for_review_when_retired() {
    let care = Care::start().await;
    let doctor = care.doctor(json!({})).await;
    let path = format!("/api/v1/doctors/{}", doctor.id);
    let retire = json!({"status": "retired", "reason": "moved away"});
    let retired = care.post(&care.admin, &format!("{path}/status"), retire).await;
    assert_eq!(retired.json()["status"], "retired", "{}", retired.text());
    let again = json!({"status": "active", "reason": "came back"});
    let refused = care.post(&care.admin, &format!("{path}/status"), again.clone()).await;
    assert_eq!((refused.status.as_u16(), &refused.json()["allowed"]), (409, &json!([])));
    let refused = care.get(&doctor.account, "/api/v1/doctors/me/profile").await;
    assert_eq!(refused.status, 403, "who does not practise has no part in care");

    let gone = care.ask(&care.admin, "DELETE", &path, json!(null)).await;
    assert_eq!(gone.status, 204);
    assert_eq!(care.get(&care.admin, &path).await.status, 404);
    assert_eq!(care.get(&doctor.account, "/users/me").await.status.as_u16() / 100, 4);
    let back = care.post(&care.admin, &format!("{path}/restore"), json!(null)).await;

    assert_eq!((back.status.as_u16(), &back.json()["status"]), (200, &json!("suspended")));
    let active = care.post(&care.admin, &format!("{path}/status"), again).await;
    assert_eq!(active.json()["status"], "active");
}

#[tokio::test]
async fn an_institution_runs_its_own_doctors_and_sees_others_as_everyone_does() {
    let care = Care::start().await;
    let (own, other) = (care.institution().await, care.institution().await);
    let ours = care.doctor(json!({"institution_id": own.id})).await;
    let theirs = care.doctor(json!({"institution_id": other.id})).await;
    let path = |id: i64| format!("/api/v1/doctors/{id}");

    let seen = care.get(&own.account, &path(ours.id)).await.json();
    assert_eq!(seen["medical_license"].as_str().map(str::is_empty), Some(false));
    let seen = care.get(&own.account, &path(theirs.id)).await.json();
    assert_eq!(seen.get("medical_license"), None, "{seen}");
    let change = json!({"bio": "hola"});
    assert_eq!(care.ask(&own.account, "PATCH", &path(ours.id), change.clone()).await.status, 200);
    assert_eq!(care.ask(&own.account, "PATCH", &path(theirs.id), change).await.status, 403);
    let away = json!({"institution_id": other.id});
    assert_eq!(care.ask(&own.account, "PATCH", &path(ours.id), away).await.status, 403);
    let listed = care.get(&own.account, "/api/v1/institutions/doctors").await.json();
    assert_eq!(listed["items"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn followers_of_a_patient_are_those_who_have_to_do_with_one() {
    let care = Care::start().await;
    let (doctor, stranger) = (care.doctor(json!({})).await, care.doctor(json!({})).await);
    let patient = care.patient(json!({"doctor_id": doctor.id})).await;
    let follow = json!({"entity": "patient", "entityId": patient.id});
    let mut near = care.connect(&doctor).await;
    let mut far = care.connect(&stranger).await;

    assert_eq!(near.ask("subscribe", &follow).await["ok"], true);
    assert_eq!(far.ask("subscribe", &follow).await["error"]["code"], "forbidden");

    let path = format!("/api/v1/patients/{}/health-profile", patient.id);
    let written = care.ask(&patient.account, "PUT", &path, json!({"height_cm": 170})).await;
    assert_eq!(written.status, 200, "{}", written.text());
    let mut heard = near.next("entity:update").await;
    while heard["action"] != "measured" {
        heard = near.next("entity:update").await;
    }
    assert_eq!((&heard["entity"], &heard["entityId"]), (&json!("patient"), &json!(patient.id)));
}

#[tokio::test]
async fn what_was_measured_stays_in_the_history() {
    let care = Care::start().await;
    let doctor = care.doctor(json!({})).await;
    let patient = care.patient(json!({"doctor_id": doctor.id})).await;
    let path = "/api/v1/patients/me/health-profile";
    assert_eq!(care.get(&patient.account, path).await.status, 404);
    for weight in [65, 70] {
        let body = json!({"height_cm": 170, "weight_kg": weight});
        assert_eq!(care.ask(&patient.account, "PUT", path, body).await.status, 200);
    }

    let history = care
        .get(&doctor.account, &format!("/api/v1/patients/{}/health-profile/history", patient.id))
        .await
        .json();

    let weights: Vec<_> =
        history["items"].as_array().unwrap().iter().map(|it| &it["weight_kg"]).collect();
    assert_eq!(weights, [&json!(70.0), &json!(65.0)], "{history}");
    assert_eq!(history["items"][1]["kpis"]["bmi"], 22.5);
    let shown = care.get(&patient.account, "/api/v1/patients/me/profile").await.json();
    assert_eq!(
        (&shown["health_profile"]["weight_kg"], &shown["kpis"]["bmi"]),
        (&json!(70.0), &json!(24.2))
    );
}
