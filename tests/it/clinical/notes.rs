//! Notes: a doctor's to write, locked after a day, and the patient's to read once released.

use latido::domain::identity::Role;
use latido::domain::time::Timestamp;
use serde_json::{Value, json};

use crate::support::care::{Care, Person, joined};
use crate::support::{self, accounts};

const SERVICE_KEY: &str = "a-key-of-a-service-that-reads-no-chart";

/// A doctor and a patient of theirs.
async fn pair(care: &Care) -> (Person, Person) {
    let doctor = care.doctor(json!({})).await;
    let patient = care.patient(json!({"doctor_id": doctor.id})).await;
    (doctor, patient)
}

fn place(patient: &Person) -> String {
    format!("/api/v1/patients/{}/notes", patient.id)
}

fn soap() -> Value {
    json!({"kind": "soap", "body": "S: cefalea desde ayer"})
}

/// A note, made by someone.
async fn written(care: &Care, doctor: &Person, patient: &Person, more: Value) -> Value {
    let answer = care.post(&doctor.account, &place(patient), joined(soap(), more)).await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    answer.json()
}

/// As if the note had been written two days ago.
async fn aged(care: &Care, note: &Value) {
    let sql =
        format!("update notes set created_at = created_at - 172800000 where id = {}", note["id"]);
    accounts::run(care.latido.database.url(), &sql).await;
}

#[tokio::test]
async fn a_note_can_be_changed_for_a_day_by_its_author() {
    let care = Care::start().await;
    let (doctor, patient) = pair(&care).await;
    let colleague = care.doctor(json!({})).await;
    let team = format!("/api/v1/patients/{}/care-team", patient.id);
    care.added(&team, json!({"doctor_id": colleague.id})).await;

    let answer = care.post(&doctor.account, &place(&patient), soap()).await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    let note = answer.json();
    let path = format!("/api/v1/notes/{}", note["id"]);
    assert_eq!((answer.header("location"), answer.header("etag")), (path.as_str(), "\"v1\""));
    assert_eq!(note["author_id"], doctor.account.id);
    assert_eq!(note["patient_id"], patient.id);
    for absent in ["consultation_id", "addendum_to", "deleted_at"] {
        assert_eq!(note[absent], Value::Null, "{absent}");
    }
    assert_eq!(note["released_to_patient"], false);
    let time = |name: &str| serde_json::from_value::<Timestamp>(note[name].clone()).unwrap().0;
    assert_eq!(time("locked_at"), time("created_at") + 24 * 60 * 60 * 1000);

    let changed = json!({"kind": "progress", "body": "Mejor"});
    let refused = care.ask(&colleague.account, "PUT", &path, changed.clone()).await;
    assert_eq!(refused.status, 403, "not the author");
    assert_eq!(care.get(&colleague.account, &path).await.status, 200);
    let late = care.latido.call("PUT", &path).bearer(&doctor.account.token);
    let late = late.header("if-match", "\"v9\"").json(&changed).send().await;
    assert_eq!(late.status, 412);
    let answer = care.ask(&doctor.account, "PUT", &path, changed.clone()).await;
    assert_eq!((answer.status, answer.header("etag")), (200.try_into().unwrap(), "\"v2\""));
    assert_eq!(
        (&answer.json()["kind"], &answer.json()["body"]),
        (&json!("progress"), &json!("Mejor"))
    );

    aged(&care, &note).await;
    let locked = care.ask(&doctor.account, "PUT", &path, changed).await;
    assert_eq!(locked.status, 409, "{}", locked.text());
    let locked = locked.json();
    assert_eq!(locked["type"], "urn:latido:problem:invalid-transition");
    assert_eq!((&locked["from"], &locked["allowed"]), (&json!("locked"), &json!([])));
    assert_eq!(care.ask(&doctor.account, "DELETE", &path, Value::Null).await.status, 409);
}

#[tokio::test]
async fn what_is_to_be_said_of_a_locked_note_is_added() {
    let care = Care::start().await;
    let (doctor, patient) = pair(&care).await;
    let note = written(&care, &doctor, &patient, json!({"kind": "admission"})).await;
    aged(&care, &note).await;
    let path = format!("/api/v1/notes/{}/addendum", note["id"]);

    let answer = care.post(&doctor.account, &path, json!({"body": "Dosis: 5 mg"})).await;

    assert_eq!(answer.status, 201, "{}", answer.text());
    let addendum = answer.json();
    assert_eq!(answer.header("location"), format!("/api/v1/notes/{}", addendum["id"]));
    assert_eq!((&addendum["addendum_to"], &addendum["kind"]), (&note["id"], &json!("admission")));
    assert_eq!(addendum["patient_id"], patient.id);
    let list = care.get(&doctor.account, &place(&patient)).await.json();
    assert_eq!(list["items"].as_array().unwrap().len(), 2);
    assert_eq!(care.post(&patient.account, &path, json!({"body": "x"})).await.status, 403);
    assert_eq!(care.post(&doctor.account, &path, json!({"body": ""})).await.status, 422);
}

#[tokio::test]
async fn a_patient_reads_what_is_released_and_hears_of_it() {
    let care = Care::start().await;
    let (doctor, patient) = pair(&care).await;
    let mut socket = care.connect(&patient).await;
    let note = written(&care, &doctor, &patient, json!({})).await;
    let (path, mine) = (format!("/api/v1/notes/{}", note["id"]), "/api/v1/patients/me/notes");

    assert_eq!(care.get(&patient.account, &path).await.status, 404);
    let list = care.get(&patient.account, &format!("{mine}?count=true")).await.json();
    assert_eq!((&list["items"], &list["total"]), (&json!([]), &json!(0)));

    let released = joined(soap(), json!({"released_to_patient": true}));
    for (body, action, status) in
        [(released.clone(), "created", 200), (released, "updated", 200), (soap(), "deleted", 404)]
    {
        let answer = care.ask(&doctor.account, "PUT", &path, body).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        let heard = socket.next("user:update").await;
        assert_eq!((&heard["type"], &heard["action"]), (&json!("note"), &json!(action)));
        assert_eq!(heard["changes"], json!({"note_id": note["id"]}));
        assert_eq!(care.get(&patient.account, &path).await.status, status);
    }
}

#[tokio::test]
async fn a_chart_is_open_to_its_doctors_and_administrators_only() {
    let keys = format!("x:{SERVICE_KEY}");
    let care = Care::on(support::start_with(&[("SERVICE_API_KEYS", &keys)]).await).await;
    let institution = care.institution().await;
    let doctor = care.doctor(json!({"institution_id": institution.id})).await;
    let patient = care.patient(json!({"doctor_id": doctor.id})).await;
    let stranger = care.doctor(json!({})).await;
    let other = care.patient(json!({"doctor_id": stranger.id})).await;
    let company = care.latido.account(Role::Company).await;
    let note = written(&care, &doctor, &patient, json!({"released_to_patient": true})).await;
    let path = format!("/api/v1/notes/{}", note["id"]);

    for (who, account, reads, writes) in [
        ("the administrator", &care.admin, 200, 403),
        ("another doctor", &stranger.account, 404, 404),
        ("the patient", &patient.account, 200, 403),
        ("another patient", &other.account, 404, 403),
        ("the institution", &institution.account, 403, 403),
        ("a company", &company, 403, 403),
    ] {
        assert_eq!(care.get(account, &path).await.status, reads, "{who}");
        assert_eq!(care.get(account, &place(&patient)).await.status, reads, "{who}");
        assert_eq!(care.post(account, &place(&patient), soap()).await.status, writes, "{who}");
        assert_eq!(care.ask(account, "PUT", &path, soap()).await.status, writes, "{who}");
        assert_eq!(care.ask(account, "DELETE", &path, Value::Null).await.status, writes, "{who}");
    }
    for path in [&path, &place(&patient)] {
        let service = care.latido.call("GET", path).header("x-service-key", SERVICE_KEY);
        assert_eq!(service.send().await.status, 403);
        assert_eq!(care.latido.call("GET", path).send().await.status, 401);
    }
}

#[tokio::test]
async fn a_removed_note_is_gone_and_one_with_an_addendum_stays() {
    let care = Care::start().await;
    let (doctor, patient) = pair(&care).await;
    let first = written(&care, &doctor, &patient, json!({})).await;
    let second = written(&care, &doctor, &patient, json!({})).await;
    let of = |note: &Value| format!("/api/v1/notes/{}", note["id"]);
    let added =
        care.post(&doctor.account, &format!("{}/addendum", of(&first)), json!({"body": "x"})).await;
    assert_eq!(added.status, 201);

    let delete = |path: String| {
        let (care, doctor) = (&care, &doctor);
        async move { care.ask(&doctor.account, "DELETE", &path, Value::Null).await.status }
    };
    assert_eq!(delete(of(&first)).await, 409);
    assert_eq!(delete(of(&second)).await, 204);
    assert_eq!(delete(of(&second)).await, 404);

    assert_eq!(care.get(&doctor.account, &of(&second)).await.status, 404);
    let path = place(&patient);
    let shown = care.get(&doctor.account, &format!("{path}?limit=1&count=true")).await.json();
    assert_eq!((&shown["total"], &shown["has_more"]), (&json!(2), &json!(true)));
    let next = format!("{path}?limit=1&cursor={}", shown["next_cursor"].as_str().unwrap());
    assert_eq!(care.get(&doctor.account, &next).await.json()["items"][0]["id"], first["id"]);
    let removed = format!("{path}?include_deleted=true&count=true");
    assert_eq!(care.get(&doctor.account, &removed).await.status, 403);
    assert_eq!(care.get(&care.admin, &removed).await.json()["total"], 3);
    assert_eq!(care.get(&doctor.account, &format!("{path}?colour=red")).await.status, 400);
}

#[tokio::test]
async fn a_note_keeps_its_bounds_and_names_a_visit_of_the_patient() {
    let care = Care::start().await;
    let (doctor, patient) = pair(&care).await;
    for (visit, whose) in [("visit-1", patient.id), ("visit-2", 0)] {
        let whose = if whose == 0 { "null".to_owned() } else { whose.to_string() };
        let sql = format!(
            "insert into consultations (id, patient_ref, doctor_ref, patient_id, room_name, mode,
                 status, created_at, updated_at)
             values ('{visit}', 'x', 'y', {whose}, '{visit}', 'p2p', 'ended', 0, 0)"
        );
        accounts::run(care.latido.database.url(), &sql).await;
    }

    for (more, pointer, code) in [
        (json!({"consultation_id": "visit-2"}), "/consultation_id", "reference"),
        (json!({"consultation_id": "visit-9"}), "/consultation_id", "reference"),
        (json!({"kind": "poem"}), "/kind", "enum"),
        (json!({"body": ""}), "/body", "length"),
        (json!({"body": "x".repeat(20_001)}), "/body", "length"),
        (json!({"body": null}), "/body", "type"),
    ] {
        let answer = care.post(&doctor.account, &place(&patient), joined(soap(), more)).await;
        assert_eq!(answer.status, 422, "{}", answer.text());
        let error = &answer.json()["errors"][0];
        assert_eq!((&error["pointer"], &error["code"]), (&json!(pointer), &json!(code)));
    }
    let note = written(&care, &doctor, &patient, json!({"consultation_id": "visit-1"})).await;
    assert_eq!(note["consultation_id"], "visit-1");
    let sql = "select count(*) from audit_log where entity_type = 'note' and action = 'created'";
    assert_eq!(accounts::value::<i64>(care.latido.database.url(), sql).await, 1);
    let told = "select count(*) from audit_log where cast(data as text) like '%cefalea%'";
    assert_eq!(accounts::value::<i64>(care.latido.database.url(), told).await, 0);
}
