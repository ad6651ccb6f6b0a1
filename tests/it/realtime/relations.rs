//! Who has nothing more to do with somebody hears nothing more of them (contract §4).

use std::time::Duration;

use latido::domain::time::Timestamp;
use serde_json::{Value, json};

use crate::support::SocketIo;
use crate::support::care::{Care, Person};

/// Follows a row; what happened to it before has been told.
async fn follow(care: &Care, socket: &mut SocketIo, entity: &str, id: &Value) {
    assert!(care.latido.hub().caught_up(Duration::from_secs(10)).await);
    let answer = socket.ask("subscribe", &json!({ "entity": entity, "entityId": id })).await;
    assert_eq!(answer["ok"], true, "{entity} {id}: {answer}");
}

async fn watch(socket: &mut SocketIo, whom: &Person) {
    let asked = json!({ "userIds": [whom.account.id] });
    assert_eq!(socket.ask("presence:subscribe", &asked).await["ok"], true);
}

async fn patch(care: &Care, path: &str, body: Value) {
    let answer = care.ask(&care.admin, "PATCH", path, body).await;
    assert_eq!(answer.status, 200, "{path}: {}", answer.text());
}

/// Which of these patients a follower hears changes of.
async fn heard_of(care: &Care, socket: &mut SocketIo, patients: &[&Person]) -> Vec<Value> {
    for patient in patients {
        let path = format!("/api/v1/patients/{}", patient.id);
        patch(care, &path, json!({"document_number": "12345678"})).await;
    }
    care.latido.mark("changed").await;
    let mut heard = socket.until("changed", "entity:update").await;
    heard.retain(|update| update["entity"] == "patient");
    heard.into_iter().map(|update| update["entityId"].clone()).collect()
}

#[tokio::test]
async fn a_doctor_replaced_follows_the_patient_no_more() {
    let care = Care::start().await;
    let (doctor, next) = (care.doctor(json!({})).await, care.doctor(json!({})).await);
    let gone = care.patient(json!({"doctor_id": doctor.id})).await;
    let kept = care.patient(json!({"doctor_id": doctor.id})).await;
    let mut socket = care.connect(&doctor).await;
    for patient in [&gone, &kept] {
        follow(&care, &mut socket, "patient", &json!(patient.id)).await;
        watch(&mut socket, patient).await;
    }

    patch(&care, &format!("/api/v1/patients/{}", gone.id), json!({"doctor_id": next.id})).await;

    let told = socket.next("user:update").await;
    assert_eq!((&told["type"], &told["action"]), (&json!("membership"), &json!("deleted")));
    assert_eq!(told["changes"], json!({"patient_id": gone.id}));
    let ended = socket.next("unsubscribed").await;
    assert_eq!(ended["room"], format!("entity:patient:{}", gone.id));
    assert_eq!(heard_of(&care, &mut socket, &[&gone, &kept]).await, [json!(kept.id)]);
    let _there = (care.connect(&gone).await, care.connect(&kept).await);
    assert_eq!(socket.next("presence:update").await["userId"], kept.account.id);
    let again = socket.ask("subscribe", &json!({"entity": "patient", "entityId": gone.id})).await;
    assert_eq!(again["error"]["code"], "forbidden");
}

#[tokio::test]
async fn who_left_the_care_team_follows_the_patient_no_more_nor_does_their_institution() {
    let care = Care::start().await;
    let institution = care.institution().await;
    let primary = care.doctor(json!({})).await;
    let guest = care.doctor(json!({"institution_id": institution.id})).await;
    let patient = care.patient(json!({"doctor_id": primary.id})).await;
    let team = format!("/api/v1/patients/{}/care-team", patient.id);
    care.added(&team, json!({"doctor_id": guest.id})).await;
    let mut sockets = [care.connect(&guest).await, care.connect(&institution).await];
    for socket in &mut sockets {
        follow(&care, socket, "patient", &json!(patient.id)).await;
    }

    let answer =
        care.ask(&care.admin, "DELETE", &format!("{team}/{}", guest.id), Value::Null).await;

    assert_eq!(answer.status, 204);
    for socket in &mut sockets {
        let ended = socket.next("unsubscribed").await;
        assert_eq!(ended["entityId"], patient.id.to_string());
        assert_eq!(heard_of(&care, socket, &[&patient]).await, Vec::<Value>::new());
    }
}

#[tokio::test]
async fn a_visit_cancelled_ends_what_it_alone_opened() {
    let care = Care::start().await;
    let (own, visited) = (care.doctor(json!({})).await, care.doctor(json!({})).await);
    let patient = care.patient(json!({"doctor_id": own.id})).await;
    let starts_at = Timestamp::now().plus(Duration::from_hours(48)).to_string();
    let body = json!({"patient_id": patient.id, "doctor_id": visited.id, "kind": "in_person",
        "starts_at": starts_at});
    let visit = care.added("/api/v1/appointments", body).await;
    let (mut of_visited, mut of_own) = (care.connect(&visited).await, care.connect(&own).await);
    for socket in [&mut of_visited, &mut of_own] {
        follow(&care, socket, "patient", &json!(patient.id)).await;
        follow(&care, socket, "appointment", &visit["id"]).await;
    }

    let path = format!("/api/v1/appointments/{}/cancel", visit["id"]);
    assert_eq!(care.post(&care.admin, &path, json!({})).await.status, 200);

    while of_visited.next("appointment:update").await["action"] != "cancelled" {}
    for _ in 0..2 {
        of_visited.next("unsubscribed").await;
    }
    assert_eq!(heard_of(&care, &mut of_visited, &[&patient]).await, Vec::<Value>::new());
    assert_eq!(heard_of(&care, &mut of_own, &[&patient]).await, [json!(patient.id)]);
}

#[tokio::test]
async fn a_doctor_who_practises_no_longer_follows_no_patient() {
    let care = Care::start().await;
    let doctor = care.doctor(json!({})).await;
    let patient = care.patient(json!({"doctor_id": doctor.id})).await;
    let mut socket = care.connect(&doctor).await;
    follow(&care, &mut socket, "patient", &json!(patient.id)).await;

    let path = format!("/api/v1/doctors/{}/status", doctor.id);
    let body = json!({"status": "suspended", "reason": "an inquiry"});
    assert_eq!(care.post(&care.admin, &path, body).await.status, 200);

    socket.next("unsubscribed").await;
    assert_eq!(heard_of(&care, &mut socket, &[&patient]).await, Vec::<Value>::new());
}

#[tokio::test]
async fn an_institution_follows_the_patients_of_its_doctors_while_they_are_its_doctors() {
    let care = Care::start().await;
    let (institution, other) = (care.institution().await, care.institution().await);
    let doctor = care.doctor(json!({"institution_id": institution.id})).await;
    let patient = care.patient(json!({"doctor_id": doctor.id})).await;
    let mut socket = care.connect(&institution).await;
    follow(&care, &mut socket, "patient", &json!(patient.id)).await;
    follow(&care, &mut socket, "doctor", &json!(doctor.id)).await;

    let path = format!("/api/v1/doctors/{}", doctor.id);
    patch(&care, &path, json!({"institution_id": other.id})).await;

    for _ in 0..2 {
        socket.next("unsubscribed").await;
    }
    assert_eq!(heard_of(&care, &mut socket, &[&patient]).await, Vec::<Value>::new());
}
