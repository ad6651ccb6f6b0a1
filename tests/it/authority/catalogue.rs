//! The catalogue: read by everybody, written by the house.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::scene::{CALLERS, Scene};
use crate::support::rights::{letter, operations};

const EVERYBODY: &str = "oooooooooooo";
const THE_HOUSE: &str = "oofffffffffu";

/// A table of the catalogue: its name, what the first row of it is called, and all there is to see of one.
const RESOURCES: [(&str, &str, &str); 5] = [
    ("categories", "category", "id name parent_id"),
    ("locations", "location", "id name address lat lon active"),
    ("exams", "exam", "id code name description category_id preparation duration_minutes active"),
    ("packages", "package", "id name exam_ids description active"),
    (
        "prices",
        "price",
        "id exam_id package_id location_id amount_cents currency valid_from valid_to",
    ),
];
/// What a row is kept with.
const KEPT: &str = "version created_at updated_at deleted_at";

/// Method, path, body, and what each caller gets. Bodies and versions are such that nothing changes.
type Operation = (&'static str, String, &'static str, &'static str);

fn all_operations() -> Vec<Operation> {
    let of = |(table, row, _): (&str, &str, &str)| {
        let (all, each) =
            (format!("/api/v1/catalog/{table}"), format!("/api/v1/catalog/{table}/{{{row}}}"));
        [
            ("GET", all.clone(), "", EVERYBODY),
            ("POST", all, "{}", THE_HOUSE),
            ("GET", each.clone(), "", EVERYBODY),
            ("PUT", each.clone(), "{}", THE_HOUSE),
            ("PATCH", each.clone(), "{}", THE_HOUSE),
            ("DELETE", each, "", THE_HOUSE),
        ]
    };
    let more = [
        ("POST", "/api/v1/catalog/prices/bulk".to_owned(), r#"{"items": []}"#, THE_HOUSE),
        // There is nothing to restore.
        ("POST", "/api/v1/catalog/exams/{exam}/restore".to_owned(), "", "hffffffffffu"),
    ];
    RESOURCES.into_iter().flat_map(of).chain(more).collect()
}

/// A row of each table, and an exam that is not offered.
async fn catalogued() -> Scene {
    let mut scene = Scene::start().await;
    let path = |table: &str| format!("/api/v1/catalog/{table}");
    let address = json!({"type": "work", "line1": "X 1", "city": "Córdoba", "country": "AR"});
    let row = json!({"name": "Sangre"});
    scene.made("category", "admin", &path("categories"), row).await;
    let row = json!({"name": "Centro", "address": address, "active": true});
    scene.made("location", "admin", &path("locations"), row).await;
    let row = json!({"code": "HEM", "name": "Hemograma", "category_id": scene.id("{category}")});
    scene.made("exam", "admin", &path("exams"), row).await;
    let row = json!({"code": "OLD", "name": "Antiguo", "active": false});
    scene.made("inactive_exam", "admin", &path("exams"), row).await;
    let row = json!({"name": "Control", "exam_ids": [scene.id("{exam}")], "active": true});
    scene.made("package", "admin", &path("packages"), row).await;
    let row = json!({"exam_id": scene.id("{exam}"), "amount_cents": 450_000, "currency": "ARS"});
    scene.made("price", "admin", &path("prices"), row).await;
    scene
}

#[tokio::test]
async fn every_caller_may_do_what_the_matrix_gives_and_nobody_else_changes_anything() {
    let scene = catalogued().await;
    let read = async || {
        let mut rows = Vec::new();
        for (table, ..) in RESOURCES {
            let path = format!("/api/v1/catalog/{table}?include_deleted=true");
            rows.push(scene.care.get(&scene.care.admin, &path).await.json());
        }
        rows
    };
    let before = read().await;
    let mut wrong = Vec::new();

    for (method, path, body, gets) in all_operations() {
        for (caller, expected) in gets.chars().enumerate() {
            let call = scene.call(caller, method, &path);
            let call = if method == "GET" { call } else { call.header("if-match", "\"v0\"") };
            let call = if body.is_empty() {
                call
            } else {
                call.json(&serde_json::from_str(body).unwrap())
            };
            let answer = call.send().await;
            if letter(&answer) != expected {
                let (name, said) = (CALLERS[caller], answer.text());
                wrong.push(format!("{method} {path} by {name}: {expected} expected: {said}"));
            }
        }
    }

    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
    assert_eq!(read().await, before);
}

#[tokio::test]
async fn every_caller_sees_all_of_every_row_that_is_there() {
    let scene = catalogued().await;
    let removed = scene.filled("/api/v1/catalog/exams/{inactive_exam}");
    let names = |row: &Value| {
        let row = row.as_object().unwrap();
        row.keys().cloned().collect::<BTreeSet<_>>()
    };
    for is_there in [true, false] {
        for (caller, name) in CALLERS.iter().enumerate() {
            for (table, row, fields) in RESOURCES {
                let fields: BTreeSet<_> =
                    fields.split(' ').chain(KEPT.split(' ')).map(str::to_owned).collect();
                let path = format!("/api/v1/catalog/{table}");
                let list = scene.call(caller, "GET", &path).send().await.json();
                let one = format!("{path}/{{{row}}}");
                let one = scene.call(caller, "GET", &one).send().await.json();

                let rows = list["items"].as_array().unwrap();
                let many = if table == "exams" && is_there { 2 } else { 1 };
                assert_eq!(rows.len(), many, "{table} by {name}");
                assert!(rows.contains(&one), "{table} by {name}: {one}");
                assert_eq!(names(&one), fields, "{table} by {name}");
            }
            let exam = scene.call(caller, "GET", &removed).send().await;
            assert_eq!(exam.status == 200, is_there, "{name}");
            let hidden = "/api/v1/catalog/exams?include_deleted=true";
            let hidden = scene.call(caller, "GET", hidden).send().await;
            assert_eq!(hidden.status == 200, *name == "admin", "{name}: {}", hidden.text());
            if *name == "admin" {
                assert_eq!(hidden.json()["items"].as_array().unwrap().len(), 2);
            }
        }
        if is_there {
            let gone = scene.care.ask(&scene.care.admin, "DELETE", &removed, Value::Null).await;
            assert_eq!(gone.status, 204, "{}", gone.text());
        }
    }
}

#[tokio::test]
async fn the_matrix_knows_every_operation_of_the_catalogue() {
    let known = all_operations().into_iter().map(|(method, path, ..)| (method, path));
    operations(known, |path| path.starts_with("/api/v1/catalog/")).await;
}
