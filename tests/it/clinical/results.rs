//! Results of examinations: recorded, released, read and corrected by those who may.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use latido::domain::identity::Role;
use serde_json::{Value, json};

use crate::support::accounts::{self, Account};
use crate::support::care::{Care, Person};
use crate::support::files::document;
use crate::support::http::Answer;

async fn recorded(care: &Care, by: &Account, patient: &Person, more: Value) -> Value {
    let body = json!({"patient_id": patient.id, "exam_name": "Hemograma"});
    let answer = care.post(by, "/api/v1/results", crate::support::care::joined(body, more)).await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    answer.json()
}

async fn put(care: &Care, by: &Account, result: &Value, bytes: &[u8]) -> Answer {
    let call = care.latido.call("PUT", &format!("{}/file", path(result))).bearer(&by.token);
    call.header("content-type", "application/pdf").body(bytes.to_vec()).send().await
}

fn path(result: &Value) -> String {
    format!("/api/v1/results/{}", result["id"])
}

/// Everybody hears a message behind what was told before.
async fn marked(care: &Care) {
    let body = json!({"type": "info", "message": "marked"});
    let answer = care.post(&care.admin, "/api/admin/messages", body).await;
    assert_eq!(answer.status, 202, "{}", answer.text());
}

async fn readings(care: &Care) -> i64 {
    let sql =
        "select count(*) from audit_log where action = 'file_read' and entity_type = 'result'";
    accounts::value(care.latido.database.url(), sql).await
}

#[tokio::test]
async fn a_result_is_released_with_its_file_and_delivered_by_the_first_reading() {
    let care = Care::start().await;
    let doctor = care.doctor(json!({})).await;
    let patient = care.patient(json!({"doctor_id": doctor.id})).await;
    let mut of_patient = care.connect(&patient).await;
    let mut of_doctor = care.connect(&doctor).await;
    let bytes = document(250_000);

    let result = recorded(&care, &doctor.account, &patient, json!({})).await;
    let own = async |method: &str, of: &str| {
        care.ask(&patient.account, method, &format!("{}{of}", path(&result)), Value::Null).await
    };
    assert_eq!((&result["status"], &result["file_id"]), (&json!("pending"), &Value::Null));
    assert_eq!(result["ordered_by"], doctor.account.id);
    assert_eq!(own("GET", "").await.status, 404);
    assert_eq!(own("GET", "/file").await.status, 404);
    assert_eq!(of_doctor.next("result:update").await["status"], "pending");

    let answer = put(&care, &doctor.account, &result, &bytes).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.json()["status"], "ready");
    let update = of_patient.next("result:update").await;
    assert_eq!(
        (&update["resultId"], &update["status"], &update["examName"]),
        (&result["id"], &json!("ready"), &json!("Hemograma"))
    );
    assert_eq!(own("GET", "").await.json()["status"], "ready");
    assert_eq!(own("HEAD", "/file").await.status, 200);
    assert_eq!(
        own("GET", "").await.json()["status"],
        "ready",
        "a look at the head delivers nothing"
    );

    let read = own("GET", "/file").await;
    assert!(read.body == bytes, "{}", read.status);
    assert_eq!(read.header("content-type"), "application/pdf");
    assert_eq!(of_patient.next("result:update").await["status"], "delivered");
    let after = own("GET", "").await.json();
    assert_eq!(after["status"], "delivered");
    assert!(after["delivered_at"].is_string());
    assert!(own("GET", "/file").await.body == bytes);
    assert!(care.get(&doctor.account, &format!("{}/file", path(&result))).await.body == bytes);
    assert_eq!(readings(&care).await, 3, "one line for each reading");
    let statuses: Vec<_> =
        [of_doctor.next("result:update").await, of_doctor.next("result:update").await]
            .map(|update| update["status"].clone())
            .into();
    assert_eq!(statuses, ["ready", "delivered"]);
}

#[tokio::test]
async fn a_result_without_a_file_is_delivered_when_its_patient_reads_it() {
    let care = Care::start().await;
    let doctor = care.doctor(json!({})).await;
    let patient = care.patient(json!({"doctor_id": doctor.id})).await;
    let values = json!({"values": [{"name": "Cultivo", "value": "negativo"}]});
    let mut of_patient = care.connect(&patient).await;
    let result = recorded(&care, &doctor.account, &patient, values).await;
    let read =
        async |by: &Account, method: &str| care.ask(by, method, &path(&result), Value::Null).await;

    assert_eq!(of_patient.next("result:update").await["status"], "ready");
    assert_eq!(read(&doctor.account, "GET").await.json()["status"], "ready");
    assert_eq!(read(&patient.account, "HEAD").await.header("etag"), "\"v1\"");

    let seen = read(&patient.account, "GET").await;
    assert_eq!((seen.status.as_u16(), seen.header("etag")), (200, "\"v2\""));
    let seen = seen.json();
    assert_eq!(seen["status"], "delivered");
    assert!(seen["delivered_at"].is_string());
    assert_eq!(of_patient.next("result:update").await["status"], "delivered");
    assert_eq!(read(&patient.account, "GET").await.header("etag"), "\"v2\"");
    let trail = "/api/admin/audit?entityType=result&action=delivered";
    let lines = care.get(&care.admin, trail).await.json();
    let by: Vec<_> = lines["items"].as_array().unwrap().iter().map(|it| &it["actorId"]).collect();
    assert_eq!(by, [patient.account.id]);
}

#[tokio::test]
async fn the_patient_gets_the_file_under_its_own_address_as_well() {
    let care = Care::start().await;
    let doctor = care.doctor(json!({})).await;
    let patient = care.patient(json!({"doctor_id": doctor.id})).await;
    let stranger = care.patient(json!({"doctor_id": care.doctor(json!({})).await.id})).await;
    let bytes = document(3000);
    let file = care.latido.file(&doctor.account, "result", &bytes).await;
    let at = format!("/files/{}", file["id"].as_str().unwrap());
    assert_eq!(care.get(&patient.account, &at).await.status, 404);

    let more = json!({"file_id": file["id"]});
    let result = recorded(&care, &doctor.account, &patient, more).await;

    assert_eq!(result["status"], "ready");
    assert_eq!(care.get(&stranger.account, &at).await.status, 404);
    assert!(care.get(&patient.account, &at).await.body == bytes);
    assert_eq!(care.get(&patient.account, &path(&result)).await.json()["status"], "delivered");
    assert_eq!(readings(&care).await, 1);
    assert_eq!(care.ask(&doctor.account, "DELETE", &at, Value::Null).await.status, 409);
    assert_eq!(care.ask(&patient.account, "DELETE", &at, Value::Null).await.status, 403);
}

#[tokio::test]
async fn a_socket_fetches_the_file_of_a_result_byte_for_byte() {
    let care = Care::start().await;
    let doctor = care.doctor(json!({})).await;
    let patient = care.patient(json!({"doctor_id": doctor.id})).await;
    let bytes = document(5 * 1024 * 1024);
    let result = recorded(&care, &doctor.account, &patient, json!({})).await;
    let asked = json!({"resultId": result["id"]});
    let mut socket = care.connect(&patient).await;
    assert_eq!(socket.ask("result:fetch", &asked).await["error"]["code"], "not_found");
    put(&care, &doctor.account, &result, &bytes).await;

    let (answer, attachments) = socket.ask_with("result:fetch", &asked, &[]).await;

    assert_eq!(
        answer,
        json!({"ok": true, "resultId": result["id"], "contentType": "application/pdf",
            "fileName": format!("result-{}.pdf", result["id"]),
            "data": {"_placeholder": true, "num": 0}})
    );
    assert!(attachments[0] == bytes);
    assert_eq!(socket.next("result:update").await["status"], "ready");
    assert_eq!(socket.next("result:update").await["status"], "delivered");
    let mut plain = care.latido.connect_plain(&doctor.account).await;
    let answer = plain.ask("result:fetch", &asked).await;
    assert_eq!((&answer["ok"], &answer["resultId"]), (&json!(true), &result["id"]));
    assert!(STANDARD.decode(answer["data"].as_str().unwrap()).unwrap() == bytes);
    assert_eq!(readings(&care).await, 2);
    let company = care.latido.account(Role::Company).await;
    let mut foreign = care.latido.connect(&company).await;
    assert_eq!(foreign.ask("result:fetch", &asked).await["error"]["code"], "forbidden");
}

#[tokio::test]
async fn a_file_too_large_for_a_message_is_told_by_its_address() {
    let care = Care::start().await;
    let doctor = care.doctor(json!({})).await;
    let patient = care.patient(json!({"doctor_id": doctor.id})).await;
    let bytes = document(5 * 1024 * 1024 + 1);
    let result = recorded(&care, &doctor.account, &patient, json!({})).await;
    put(&care, &doctor.account, &result, &bytes).await;
    let mut socket = care.connect(&patient).await;

    let answer = socket.ask("result:fetch", &json!({"resultId": result["id"]})).await;

    let url = answer["url"].as_str().unwrap();
    let at = &url[url.find("/api/").unwrap()..];
    assert_eq!(answer, json!({"ok": true, "url": url}));
    assert_eq!(care.get(&patient.account, &path(&result)).await.json()["status"], "ready");
    assert!(care.get(&patient.account, at).await.body == bytes);
}

#[tokio::test]
async fn a_correction_takes_a_result_back_until_it_is_released_anew() {
    let care = Care::start().await;
    let doctor = care.doctor(json!({})).await;
    let patient = care.patient(json!({"doctor_id": doctor.id})).await;
    let file = care.latido.file(&doctor.account, "result", &document(50)).await;
    let more = json!({"file_id": file["id"],
        "values": [{"name": "Hemoglobina", "value": 13.9, "unit": "g/dL", "flag": "normal"}]});
    let result = recorded(&care, &doctor.account, &patient, more).await;
    let change = async |method: &str, of: &str, body: Value| {
        care.ask(&doctor.account, method, &format!("{}{of}", path(&result)), body).await
    };
    // A list delivers nothing that has a file.
    let seen = async || {
        let list = care.get(&patient.account, "/api/v1/results").await.json();
        list["items"][0].clone()
    };
    assert_eq!((&result["status"], &result["values"][0]["value"]), (&json!("ready"), &json!(13.9)));

    let comment = change("PATCH", "", json!({"comment": "Control en seis meses"})).await;
    assert_eq!(comment.json()["status"], "ready", "a comment corrects nothing");
    assert_eq!(seen().await["comment"], "Control en seis meses");
    let values = json!({"values": [{"name": "Hemoglobina", "value": 12}]});
    let corrected = change("PATCH", "", values.clone()).await.json();
    assert_eq!((&corrected["status"], &corrected["ready_at"]), (&json!("pending"), &Value::Null));
    assert_eq!(corrected["values"], values["values"]);
    assert_eq!(seen().await, Value::Null);
    assert_eq!(care.get(&patient.account, &path(&result)).await.status, 404);
    let early = change("POST", "/deliver", Value::Null).await;
    assert_eq!(early.status, 409);
    assert_eq!(early.json()["type"], "urn:latido:problem:invalid-transition");
    assert_eq!(early.json()["allowed"], json!(["ready"]));

    let released = change("POST", "/ready", Value::Null).await;
    assert_eq!(released.json()["status"], "ready");
    assert_eq!(change("POST", "/ready", Value::Null).await.status, 409);
    assert_eq!(seen().await["values"], values["values"]);
    assert_eq!(
        put(&care, &doctor.account, &result, &document(100)).await.json()["status"],
        "ready"
    );
    assert_eq!(change("POST", "/deliver", Value::Null).await.json()["status"], "delivered");
    assert_eq!(change("PATCH", "", json!({"values": []})).await.status, 409);
    assert_eq!(put(&care, &doctor.account, &result, &document(100)).await.status, 409);
    let stale = care.latido.call("PATCH", &path(&result)).bearer(&doctor.account.token);
    let stale = stale.header("if-match", "\"v1\"").json(&json!({"comment": null})).send().await;
    assert_eq!(stale.status, 412);
}

#[tokio::test]
async fn results_are_seen_by_the_related_and_written_by_who_ordered_them() {
    let care = Care::start().await;
    let clinic = care.institution().await;
    let doctor = care.doctor(json!({"institution_id": clinic.id})).await;
    let colleague = care.doctor(json!({})).await;
    let patient = care.patient(json!({"doctor_id": doctor.id})).await;
    let team = format!("/api/v1/patients/{}/care-team", patient.id);
    care.added(&team, json!({"doctor_id": colleague.id})).await;
    let stranger = care.doctor(json!({})).await;
    let other = care.patient(json!({"doctor_id": stranger.id})).await;
    let company = care.latido.account(Role::Company).await;
    let result = recorded(&care, &doctor.account, &patient, json!({})).await;
    let comment = json!({"comment": "x"});

    for (who, read, write) in [
        (&care.admin, 200, 200),
        (&doctor.account, 200, 200),
        (&colleague.account, 200, 403),
        (&clinic.account, 200, 403),
        (&stranger.account, 404, 404),
        (&patient.account, 404, 404),
        (&other.account, 404, 404),
        (&company, 403, 403),
    ] {
        let role = who.role;
        assert_eq!(care.get(who, &path(&result)).await.status, read, "{role:?}");
        let change = care.ask(who, "PATCH", &path(&result), comment.clone()).await;
        assert_eq!(change.status, write, "{role:?}");
        let file = put(&care, who, &result, b"<html>").await;
        let refused = if write == 200 { 415 } else { write };
        assert_eq!(file.status, refused, "{role:?}");
    }
    let new = json!({"patient_id": patient.id, "exam_name": "Orina"});
    for (who, status) in [
        (&clinic.account, 201),
        (&colleague.account, 201),
        (&stranger.account, 404),
        (&patient.account, 403),
        (&company, 403),
    ] {
        assert_eq!(care.post(who, "/api/v1/results", new.clone()).await.status, status);
    }
}

#[tokio::test]
async fn what_a_result_refers_to_must_be_there() {
    let care = Care::start().await;
    let doctor = care.doctor(json!({})).await;
    let patient = care.patient(json!({"doctor_id": doctor.id})).await;
    let exam =
        care.added("/api/v1/catalog/exams", json!({"code": "HEM", "name": "Hemograma"})).await;
    let foreign = care.latido.file(&patient.account, "result", &document(50)).await;
    let wrong = care.latido.file(&doctor.account, "chat", &document(50)).await;
    let picture = care.latido.file(&doctor.account, "result", b"\x89PNG\r\n\x1a\n\0\0").await;
    let post = async |body: Value| {
        let body = crate::support::care::joined(json!({"patient_id": patient.id}), body);
        care.post(&doctor.account, "/api/v1/results", body).await
    };

    for (body, pointer, code) in [
        (json!({}), "/exam_name", "required"),
        (json!({"exam_id": exam["id"], "exam_name": "x"}), "/exam_name", "rule"),
        (json!({"exam_id": 999}), "/exam_id", "reference"),
        (json!({"exam_name": "x", "appointment_id": 999}), "/appointment_id", "reference"),
        (json!({"exam_name": "x", "file_id": foreign["id"]}), "/file_id", "reference"),
        (json!({"exam_name": "x", "file_id": wrong["id"]}), "/file_id", "reference"),
        (json!({"exam_name": "x", "file_id": picture["id"]}), "/file_id", "format"),
        (
            json!({"exam_name": "x", "values": [{"name": "", "value": 1}]}),
            "/values/0/name",
            "length",
        ),
    ] {
        let answer = post(body).await;
        assert_eq!(answer.status, 422, "{pointer}: {}", answer.text());
        let error = &answer.json()["errors"][0];
        assert_eq!((&error["pointer"], &error["code"]), (&json!(pointer), &json!(code)));
    }
    let result = post(json!({"exam_id": exam["id"]})).await;
    assert_eq!(result.json()["exam_name"], "Hemograma");
    assert_eq!(result.header("location"), path(&result.json()));
    let change = json!({"file_id": picture["id"]});
    let refused = care.ask(&doctor.account, "PATCH", &path(&result.json()), change).await;
    assert_eq!(refused.json()["errors"][0]["pointer"], "/file_id", "{}", refused.text());
}

#[tokio::test]
async fn results_are_listed_to_those_who_see_them() {
    let care = Care::start().await;
    let [doctor, other] = [care.doctor(json!({})).await, care.doctor(json!({})).await];
    let patient = care.patient(json!({"doctor_id": doctor.id})).await;
    let stranger = care.patient(json!({"doctor_id": other.id})).await;
    let value = json!({"values": [{"name": "Cultivo", "value": "negativo"}]});
    let pending = recorded(&care, &doctor.account, &patient, json!({})).await;
    let ready = recorded(&care, &doctor.account, &patient, value.clone()).await;
    let foreign = recorded(&care, &other.account, &stranger, value).await;
    let list = async |by: &Account, query: &str| {
        let page = care.get(by, &format!("/api/v1/results?{query}")).await;
        assert_eq!(page.status, 200, "{}", page.text());
        let page = page.json();
        let ids = page["items"].as_array().unwrap().iter().map(|item| item["id"].clone());
        (ids.collect::<Vec<_>>(), page)
    };
    let ids = |results: &[&Value]| results.iter().map(|it| it["id"].clone()).collect::<Vec<_>>();

    assert_eq!(list(&care.admin, "").await.0, ids(&[&foreign, &ready, &pending]));
    assert_eq!(list(&doctor.account, "").await.0, ids(&[&ready, &pending]));
    assert_eq!(list(&patient.account, "").await.0, ids(&[&ready]));
    assert_eq!(list(&patient.account, "status=pending").await.0, ids(&[]));
    let of_stranger = format!("patient_id={}", stranger.id);
    assert_eq!(list(&doctor.account, &of_stranger).await.0, ids(&[]));
    assert_eq!(list(&care.admin, &of_stranger).await.0, ids(&[&foreign]));
    let (first, page) = list(&care.admin, "limit=2&count=true").await;
    assert_eq!((first, &page["total"]), (ids(&[&foreign, &ready]), &json!(3)));
    let cursor = format!("limit=2&count=true&cursor={}", page["next_cursor"].as_str().unwrap());
    assert_eq!(list(&care.admin, &cursor.replace("&count=true", "")).await.0, ids(&[&pending]));
    assert_eq!(care.get(&care.admin, "/api/v1/results?name=x").await.status, 400);
    let company = care.latido.account(Role::Company).await;
    assert_eq!(care.get(&company, "/api/v1/results").await.status, 403);
}

#[tokio::test]
async fn what_a_patient_has_seen_in_a_list_is_delivered_and_corrected_no_more() {
    let care = Care::start().await;
    let doctor = care.doctor(json!({})).await;
    let patient = care.patient(json!({"doctor_id": doctor.id})).await;
    let value = json!({"values": [{"name": "Cultivo", "value": "negativo"}]});
    for shown_by in
        ["/api/v1/results", "/api/v1/patients/me/dashboard", "/api/v1/patients/me/medical-record"]
    {
        let result = recorded(&care, &doctor.account, &patient, value.clone()).await;
        assert_eq!(result["status"], "ready");
        for reader in [&doctor.account, &patient.account] {
            let path = shown_by.replace("/me/", &format!("/{}/", patient.id));
            assert_eq!(care.get(reader, &path).await.status, 200, "{path}");
        }

        let after = care.get(&doctor.account, &path(&result)).await.json();
        assert_eq!(after["status"], "delivered", "{shown_by}");
        let corrected = json!({"values": [{"name": "Cultivo", "value": "positivo"}]});
        let answer = care.ask(&doctor.account, "PATCH", &path(&result), corrected).await;
        assert_eq!(answer.status, 409, "{shown_by}");
    }
}

#[tokio::test]
async fn a_result_that_is_taken_back_is_not_followed_any_more() {
    let care = Care::start().await;
    let doctor = care.doctor(json!({})).await;
    let patient = care.patient(json!({"doctor_id": doctor.id})).await;
    let file = care.latido.file(&doctor.account, "result", &document(50)).await;
    let filed = json!({"file_id": file["id"]});
    let result = recorded(&care, &doctor.account, &patient, filed).await;
    let mut follower = care.connect(&patient).await;
    let row = json!({"entity": "result", "entityId": result["id"]});
    assert_eq!(follower.ask("subscribe", &row).await["ok"], true);
    marked(&care).await;
    follower.until("marked", "entity:update").await;

    let correct = json!({"values": [{"name": "Hb", "value": "15"}]});
    let answer = care.ask(&doctor.account, "PATCH", &path(&result), correct).await;
    assert_eq!(answer.json()["status"], "pending", "{}", answer.text());
    let comment = json!({"comment": "se repite"});
    assert_eq!(care.ask(&doctor.account, "PATCH", &path(&result), comment).await.status, 200);
    marked(&care).await;

    assert_eq!(follower.until("marked", "entity:update").await, Vec::<Value>::new());
    let told = follower.heard("result:update");
    assert!(told.iter().all(|it| it["status"] == "ready"), "{told:?}");
}

#[tokio::test]
async fn who_ordered_a_result_hears_of_it_and_has_its_file_while_the_patient_is_theirs() {
    let care = Care::start().await;
    let [before, after] = [care.doctor(json!({})).await, care.doctor(json!({})).await];
    let patient = care.patient(json!({"doctor_id": before.id})).await;
    let file = care.latido.file(&before.account, "result", &document(50)).await;
    let file_path = format!("/files/{}", file["id"].as_str().unwrap());
    let filed = json!({"file_id": file["id"]});
    let result = recorded(&care, &before.account, &patient, filed).await;
    assert_eq!(care.get(&before.account, &file_path).await.status, 200);

    let path_of_patient = format!("/api/v1/patients/{}", patient.id);
    let moved =
        care.ask(&care.admin, "PATCH", &path_of_patient, json!({"doctor_id": after.id})).await;
    assert_eq!(moved.status, 200, "{}", moved.text());
    let mut heard = care.connect(&before).await;
    let mut admin = care.latido.connect(&care.admin).await;
    let delivered = care.post(&care.admin, &format!("{}/deliver", path(&result)), json!({})).await;
    assert_eq!(delivered.status, 200, "{}", delivered.text());
    assert_eq!(admin.next("result:update").await["status"], "delivered");
    marked(&care).await;

    assert_eq!(heard.until("marked", "result:update").await, Vec::<Value>::new());
    assert_eq!(care.get(&before.account, &file_path).await.status, 404);
    assert_eq!(care.get(&after.account, &file_path).await.status, 200);
}
