//! Administration: who runs the house, what is kept of it, and which events each caller may read again.

use std::time::Duration;

use latido::domain::identity::Role;
use serde_json::{Value, json};

use super::scene::{CALLERS, Scene};
use crate::support::rights::{letter, operations};

/// What each caller gets. Bodies are such that nothing changes.
const OPERATIONS: &[(&str, &str, &str, &str)] = &[
    ("GET", "/api/admin/stats", "", "oofffffffffu"),
    ("GET", "/api/admin/websocket/stats", "", "offffffffffu"),
    ("GET", "/api/admin/audit", "", "offffffffffu"),
    ("POST", "/api/admin/messages", "{}", "oofffffffffu"),
    ("POST", "/api/admin/sockets/{socket}/disconnect", "{}", "hffffffffffu"),
    ("POST", "/api/admin/cache/invalidate", "{}", "oofffffffffu"),
    ("GET", "/api/admin/outbox", "", "offffffffffu"),
    ("GET", "/api/admin/nodes", "", "offffffffffu"),
    ("GET", "/api/admin/log-level", "", "offffffffffu"),
    ("PUT", "/api/admin/log-level", "{}", "offffffffffu"),
    ("POST", "/api/events/publish", "{}", "oofffffffffu"),
    // A service publishes events and receives none.
    ("GET", "/api/events", "", "ofooooooooou"),
];

/// Durable events, told by their name and one field, and who may read them again.
const EVENTS: &[(&str, &str, &str, &str)] = &[
    ("system:message", "message", "to all", "ynyyyyyyyyyn"),
    ("system:message", "message", "to doctors", "ynyynnnnnnnn"),
    ("system:message", "message", "to the patient", "ynnnynnnnnnn"),
    ("catalog:update", "entityId", "{exam}", "ynyyyyyyyyyn"),
    ("admin:event", "entityType", "exam", "ynnnnnnnnnnn"),
    ("appointment:update", "appointmentId", "{appointment}", "ynynynynnnnn"),
    ("result:update", "resultId", "{result}", "ynynynnnnnnn"),
    ("result:update", "resultId", "{pending}", "ynynnnnnnnnn"),
    ("user:update", "type", "validation", "ynnnynnnnnnn"),
    // The doctors who treat the patient hear of it too.
    ("user:update", "type", "prescription", "ynynynnnnnnn"),
];

#[tokio::test]
async fn every_caller_may_do_what_the_matrix_gives() {
    let scene = Scene::start().await;
    let mut wrong = Vec::new();
    for (method, path, body, gets) in OPERATIONS {
        for (caller, expected) in gets.chars().enumerate() {
            let call = scene.call(caller, method, path);
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
}

#[tokio::test]
async fn what_administrators_and_services_do_is_done_kept_and_told_and_what_others_try_is_not() {
    let scene = Scene::start().await;
    let bystander = scene.care.latido.account(Role::Client).await;
    let mut bystander = scene.care.latido.connect(&bystander).await;
    let mut watching = scene.care.latido.connect(&scene.care.admin).await;

    for (caller, name) in CALLERS.iter().enumerate() {
        let call = scene.call(caller, "POST", "/api/admin/cache/invalidate");
        call.json(&json!({"keys": [name]})).send().await;
    }

    for (name, user) in [("admin", scene.care.admin.id), ("service", 0)] {
        assert_eq!(bystander.next("cache:invalidate").await["keys"], json!([name]));
        let told = watching.next("admin:event").await;
        assert_eq!(
            (&told["eventType"], &told["userId"]),
            (&json!("cache.invalidated"), &json!(user))
        );
    }
    bystander.ask("ping", &Value::Null).await;
    assert_eq!(bystander.heard("cache:invalidate"), [Value::Null; 0]);
    let trail = "/api/admin/audit?action=invalidated&entityType=cache";
    let lines = scene.care.get(&scene.care.admin, trail).await.json();
    let lines = lines["items"].as_array().unwrap();
    let kept: Vec<_> = lines.iter().map(|line| (&line["actorRole"], &line["actorId"])).collect();
    let (admin, service) = (json!("admin"), json!("service"));
    assert_eq!(kept, [(&service, &Value::Null), (&admin, &json!(scene.care.admin.id))]);
    for line in lines {
        let mut fields: Vec<_> = line.as_object().unwrap().keys().map(String::as_str).collect();
        fields.sort_unstable();
        let expected =
            "action actorId actorRole data entityId entityType hash id ip requestId timestamp";
        assert_eq!(fields.join(" "), expected);
    }
}

/// Every event a caller may read again, page by page.
async fn read_again(scene: &Scene, caller: usize) -> Vec<Value> {
    let (mut events, mut path) = (Vec::new(), "/api/events?limit=100".to_owned());
    loop {
        let answer = scene.call(caller, "GET", &path).send().await;
        if answer.status != 200 {
            return events;
        }
        let page = answer.json();
        events.extend(page["items"].as_array().unwrap().iter().cloned());
        match page["nextCursor"].as_str() {
            Some(cursor) => path = format!("/api/events?limit=100&cursor={cursor}"),
            None => return events,
        }
    }
}

#[tokio::test]
async fn every_caller_reads_the_events_again_that_it_might_have_heard() {
    let mut scene = Scene::start().await;
    let exam = json!({"code": "HEM", "name": "Hemograma"});
    scene.made("exam", "admin", "/api/v1/catalog/exams", exam).await;
    let pending = scene.result("{patient}", &Value::Null);
    scene.made("pending", "their doctor", "/api/v1/results", pending).await;
    let patient = scene.account("the patient").id;
    for (message, more) in [
        ("to all", json!({})),
        ("to doctors", json!({"targetRole": "Medico"})),
        ("to the patient", json!({"userIds": [patient]})),
    ] {
        let mut body = json!({"type": "info", "message": message});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let sent = scene.care.post(&scene.care.admin, "/api/admin/messages", body).await;
        assert_eq!(sent.status, 202, "{}", sent.text());
    }
    assert!(scene.care.latido.hub().caught_up(Duration::from_secs(10)).await);
    let mut wrong = Vec::new();

    for (caller, name) in CALLERS.iter().enumerate() {
        let events = read_again(&scene, caller).await;
        for (event, field, value, by) in EVENTS {
            let value = scene.filled(value);
            let is_it = |read: &Value| {
                let told = &read["payload"][field];
                let told = told.as_str().map_or_else(|| told.to_string(), str::to_owned);
                read["event"] == *event && told == value
            };
            let is_expected = by.as_bytes()[caller] == b'y';
            if events.iter().any(is_it) != is_expected {
                wrong.push(format!("{event} {field} {value} by {name}: {is_expected} expected"));
            }
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[tokio::test]
async fn the_matrix_knows_every_operation_of_administration() {
    let known = OPERATIONS.iter().map(|(method, path, ..)| (*method, (*path).to_owned()));
    let is_of = |path: &str| path.starts_with("/api/admin") || path.starts_with("/api/events");
    operations(known, is_of).await;
}
