//! Files: for their owners, the house, and who may read what refers to them.

use serde_json::{Value, json};

use super::scene::{CALLERS, Scene};
use crate::support::files::{document, form};
use crate::support::http::Answer;
use crate::support::rights::{letter, operations};

/// Files that rows refer to: who gets them, and who is told that for now they cannot be removed.
const FILES: &[(&str, &str, &str)] = &[
    ("{result_file}", "ooohohohhhhu", "ooohfhfhhhhu"),
    ("{corrected_file}", "ooohhhohhhhu", "ooohhhfhhhhu"),
    ("{avatar}", "oohhohhhhhhu", "oohhohhhhhhu"),
];
/// Who gets a file of the patient's that nothing refers to, and may remove it.
const FREE: &str = "oohhohhhhhhu";

async fn brought(scene: &Scene, caller: usize, purpose: &str) -> Answer {
    let bytes = document(300);
    let parts = [("purpose", None, purpose.as_bytes()), ("file", Some("x.pdf"), &bytes[..])];
    let (kind, body) = form(&parts);
    let call = scene.call(caller, "POST", "/files").header("content-type", kind);
    call.body(body).send().await
}

/// Two results of the patient's with a file by the doctor, of which one is being corrected, and a picture
/// that is the patient's.
async fn scene() -> Scene {
    let mut scene = Scene::start().await;
    for (file, result) in [("result_file", "filed"), ("corrected_file", "corrected")] {
        scene.brought(file, "their doctor", "result").await;
        let body = json!({"patient_id": scene.id("{patient}"), "exam_name": "Hemograma",
            "file_id": scene.filled(&format!("{{{file}}}"))});
        scene.made(result, "their doctor", "/api/v1/results", body).await;
    }
    let path = scene.filled("/api/v1/results/{corrected}");
    let values = json!({"values": [{"name": "Hb", "value": "15"}]});
    let taken_back = scene.care.ask(scene.account("their doctor"), "PATCH", &path, values).await;
    assert_eq!(taken_back.json()["status"], "pending", "{}", taken_back.text());
    scene.brought("avatar", "the patient", "avatar").await;
    let body = json!({"avatar_file_id": scene.filled("{avatar}")});
    let patient = scene.account("the patient");
    let chosen = scene.care.ask(patient, "PATCH", "/users/me", body).await;
    assert_eq!(chosen.status, 200, "{}", chosen.text());
    scene
}

#[tokio::test]
async fn every_caller_gets_and_removes_the_files_that_the_matrix_gives() {
    let scene = scene().await;
    let place = CALLERS.iter().position(|it| *it == "the patient").unwrap();
    let mut wrong = Vec::new();
    let mut check = |what: &str, caller: usize, expected: char, answer: &Answer| {
        if letter(answer) != expected {
            let (name, status) = (CALLERS[caller], answer.status);
            wrong.push(format!("{what} by {name}: {expected} expected, not {status}"));
        }
    };

    for (caller, name) in CALLERS.iter().enumerate() {
        for (file, gets, removes) in FILES {
            let path = format!("/files/{file}");
            let removed = scene.call(caller, "DELETE", &path).send().await;
            check(&format!("DELETE {file}"), caller, removes.as_bytes()[caller].into(), &removed);
            let got = scene.call(caller, "GET", &path).send().await;
            check(&format!("GET {file}"), caller, gets.as_bytes()[caller].into(), &got);
            assert_eq!(got.status == 200, got.body == document(200), "{file}");
        }
        let free = brought(&scene, place, "other").await.json();
        let path = format!("/files/{}", free["id"].as_str().unwrap());
        let expected = FREE.as_bytes()[caller].into();
        let got = scene.call(caller, "GET", &path).send().await;
        check("GET a free file", caller, expected, &got);
        let removed = scene.call(caller, "DELETE", &path).send().await;
        check("DELETE a free file", caller, expected, &removed);
        let left = scene.call(place, "GET", &path).send().await;
        assert_eq!(left.status == 404, removed.status == 204, "{name}");
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[tokio::test]
async fn everyone_with_an_account_and_services_bring_files_of_every_purpose() {
    let scene = Scene::start().await;
    for (caller, name) in CALLERS.iter().enumerate() {
        for purpose in ["kyc", "chat", "result", "avatar", "portfolio", "note", "other"] {
            let answer = brought(&scene, caller, purpose).await;

            if *name == "nobody" {
                assert_eq!(answer.status, 401);
                continue;
            }
            assert_eq!(answer.status, 201, "{purpose} by {name}: {}", answer.text());
            let file = answer.json();
            let mut fields: Vec<_> = file.as_object().unwrap().keys().cloned().collect();
            fields.sort_unstable();
            let expected = "content_type created_at id name purpose sha256 size";
            assert_eq!(fields.join(" "), expected);
            let path = format!("/files/{}", file["id"].as_str().unwrap());
            assert_eq!(scene.call(caller, "GET", &path).send().await.body, document(300));
        }
    }
}

#[tokio::test]
async fn nobody_gets_a_file_by_a_row_of_theirs_that_would_refer_to_it() {
    let mut scene = scene().await;
    let result = scene.result("{other_patient}", &Value::Null);
    scene.made("own_result", "a doctor", "/api/v1/results", result).await;
    let own = scene.filled("/api/v1/results/{own_result}");
    let foreign = json!({"file_id": scene.filled("{result_file}")});

    let refused = scene.care.ask(scene.account("a doctor"), "PATCH", &own, foreign).await;

    assert_eq!(refused.status, 422, "{}", refused.text());
    assert_eq!(refused.json()["errors"][0]["code"], "reference");
    let path = scene.filled("/files/{result_file}");
    for name in ["a doctor", "a patient"] {
        assert_eq!(scene.care.get(scene.account(name), &path).await.status, 404, "{name}");
    }
}

#[tokio::test]
async fn the_matrix_knows_every_operation_of_files() {
    let known = [("POST", "/files"), ("GET", "/files/{id}"), ("DELETE", "/files/{id}")];
    let known = known.map(|(method, path)| (method, path.to_owned()));
    operations(known.into_iter(), |path| path.starts_with("/files")).await;
}
