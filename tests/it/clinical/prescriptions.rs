//! Prescriptions: ordered, cancelled, over by themselves, and the patient hears of it.

use serde_json::{Value, json};

use crate::support::accounts;
use crate::support::care::{Care, Person, joined};

async fn pair(care: &Care) -> (Person, Person) {
    let doctor = care.doctor(json!({})).await;
    let patient = care.patient(json!({"doctor_id": doctor.id})).await;
    (doctor, patient)
}

fn place(patient: &Person) -> String {
    format!("/api/v1/patients/{}/prescriptions", patient.id)
}

fn enalapril() -> Value {
    json!({"items": [{"drug": "Enalapril", "dose": "10 mg", "route": "oral",
        "frequency": "c/12 h", "duration_days": 30}]})
}

async fn ordered(care: &Care, doctor: &Person, patient: &Person, more: Value) -> Value {
    let answer = care.post(&doctor.account, &place(patient), joined(enalapril(), more)).await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    answer.json()
}

#[tokio::test]
async fn a_prescription_is_ordered_and_cancelled_once_and_the_patient_hears_of_both() {
    let care = Care::start().await;
    let (doctor, patient) = pair(&care).await;
    let mut socket = care.connect(&patient).await;

    let answer = care.post(&doctor.account, &place(&patient), enalapril()).await;

    assert_eq!(answer.status, 201, "{}", answer.text());
    let row = answer.json();
    let path = format!("/api/v1/prescriptions/{}", row["id"]);
    assert_eq!((answer.header("location"), answer.header("etag")), (path.as_str(), "\"v1\""));
    assert_eq!((&row["doctor_id"], &row["patient_id"]), (&json!(doctor.id), &json!(patient.id)));
    assert_eq!((&row["status"], &row["valid_until"]), (&json!("active"), &Value::Null));
    assert_eq!(row["items"], enalapril()["items"]);
    let heard = socket.next("user:update").await;
    assert_eq!((&heard["type"], &heard["action"]), (&json!("prescription"), &json!("created")));
    assert_eq!(heard["changes"], json!({"prescription_id": row["id"], "status": "active"}));
    assert_eq!(care.get(&patient.account, &path).await.json()["items"], row["items"]);

    let cancel = format!("{path}/cancel");
    let late = care.latido.call("POST", &cancel).bearer(&doctor.account.token);
    assert_eq!(late.header("if-match", "\"v7\"").send().await.status, 412);
    let answer = care.post(&doctor.account, &cancel, Value::Null).await;
    assert_eq!((answer.status.as_u16(), answer.header("etag")), (200, "\"v2\""));
    assert_eq!(answer.json()["status"], "cancelled");
    let heard = socket.next("user:update").await;
    assert_eq!((&heard["type"], &heard["action"]), (&json!("prescription"), &json!("updated")));
    assert_eq!(heard["changes"]["status"], "cancelled");

    let again = care.post(&doctor.account, &cancel, json!({})).await;
    assert_eq!(again.status, 409);
    let again = again.json();
    assert_eq!(again["type"], "urn:latido:problem:invalid-transition");
    assert_eq!((&again["from"], &again["to"]), (&json!("cancelled"), &json!("cancelled")));
}

#[tokio::test]
async fn a_prescription_past_its_last_day_is_over_whether_or_not_it_was_written_down() {
    let care = Care::start().await;
    let (doctor, patient) = pair(&care).await;
    let row = ordered(&care, &doctor, &patient, json!({"valid_until": "2099-12-31"})).await;
    assert_eq!(row["valid_until"], "2099-12-31");
    let sql =
        format!("update prescriptions set valid_until = '2020-01-01' where id = {}", row["id"]);
    accounts::run(care.latido.database.url(), &sql).await;
    let path = format!("/api/v1/prescriptions/{}", row["id"]);

    let read = care.get(&patient.account, &path).await;
    let list = care.get(&patient.account, "/api/v1/patients/me/prescriptions").await.json();
    let cancelled = care.post(&doctor.account, &format!("{path}/cancel"), Value::Null).await;

    assert_eq!((&read.json()["status"], read.header("etag")), (&json!("expired"), "\"v2\""));
    assert_eq!(list["items"][0]["status"], "expired");
    assert_eq!((cancelled.status.as_u16(), &cancelled.json()["from"]), (409, &json!("expired")));
}

#[tokio::test]
async fn patients_read_all_of_their_own_and_only_related_doctors_write() {
    let care = Care::start().await;
    let (doctor, patient) = pair(&care).await;
    let (stranger, other) = pair(&care).await;
    let institution = care.institution().await;
    let row = ordered(&care, &doctor, &patient, json!({})).await;
    let path = format!("/api/v1/prescriptions/{}", row["id"]);

    for (who, account, reads, writes) in [
        ("the administrator", &care.admin, 200, 403),
        ("another doctor", &stranger.account, 404, 404),
        ("the patient", &patient.account, 200, 403),
        ("another patient", &other.account, 404, 403),
        ("an institution", &institution.account, 403, 403),
    ] {
        assert_eq!(care.get(account, &path).await.status, reads, "{who}");
        assert_eq!(care.get(account, &place(&patient)).await.status, reads, "{who}");
        let order = care.post(account, &place(&patient), enalapril()).await;
        assert_eq!(order.status, writes, "{who}");
        let cancel = care.post(account, &format!("{path}/cancel"), Value::Null).await;
        assert_eq!(cancel.status, writes, "{who}");
    }
}

#[tokio::test]
async fn a_prescription_keeps_its_bounds() {
    let care = Care::start().await;
    let (doctor, patient) = pair(&care).await;
    let item = enalapril()["items"][0].clone();
    let with = |more: Value| json!([joined(item.clone(), more)]);

    for (more, pointer, code) in [
        (json!({"items": []}), "/items", "length"),
        (json!({"items": vec![item.clone(); 21]}), "/items", "length"),
        (json!({"items": with(json!({"duration_days": 366}))}), "/items/0/duration_days", "range"),
        (json!({"items": with(json!({"duration_days": 0}))}), "/items/0/duration_days", "range"),
        (json!({"items": with(json!({"drug": ""}))}), "/items/0/drug", "length"),
        (json!({"items": [{"drug": "x", "dose": "y"}]}), "/items/0/frequency", "required"),
        (json!({"valid_until": "2020-01-01"}), "/valid_until", "rule"),
        (json!({"valid_until": "tomorrow"}), "/valid_until", "format"),
        (json!({"consultation_id": "none"}), "/consultation_id", "reference"),
    ] {
        let body = joined(enalapril(), more);
        let answer = care.post(&doctor.account, &place(&patient), body).await;
        assert_eq!(answer.status, 422, "{pointer}: {}", answer.text());
        let error = &answer.json()["errors"][0];
        assert_eq!((&error["pointer"], &error["code"]), (&json!(pointer), &json!(code)));
    }
}
