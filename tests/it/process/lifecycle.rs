//! What is acknowledged survives; what is asked to stop, stops.

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::support::database::Database;
use crate::support::process::{Process, serve_with_admin};
use crate::support::socket_io::{EVENTS, SocketIo};
use crate::support::within;

/// Creates an exam and answers its id.
async fn create_exam(process: &Process, token: &str, code: &str) -> Value {
    let exam = json!({ "code": code, "name": format!("Exam {code}") });
    let answer =
        process.call("POST", "/api/v1/catalog/exams").bearer(token).json(&exam).send().await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    answer.json()["id"].clone()
}

#[tokio::test]
async fn what_was_acknowledged_is_there_after_kill_9() {
    let database = Database::fresh().await;
    let process = serve_with_admin(&database, &[]).await;
    let token = process.sign_in().await["access_token"].as_str().unwrap().to_owned();
    let mut created = Vec::new();
    for number in 0..20 {
        created.push(create_exam(&process, &token, &format!("K{number}")).await);
    }
    process.signal(Signal::KILL);
    process.ended().await;

    let process = Process::serve(&database, &[]).await;
    let answer = process.call("GET", "/api/events?since=0&limit=100").bearer(&token).send().await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let told = within("every event", async {
        let mut socket =
            SocketIo::join(process.address, EVENTS, &json!({ "token": token, "since": "0" }), &[])
                .await
                .unwrap();
        let mut told = Vec::new();
        while told.len() < created.len() {
            told.push(socket.next("catalog:update").await);
        }
        told
    })
    .await;

    let ids: Vec<_> = told.iter().map(|event| event["entityId"].clone()).collect();
    assert_eq!(ids, created);
    let events: Vec<u64> =
        told.iter().map(|event| event["eventId"].as_str().unwrap().parse().unwrap()).collect();
    assert!(events.windows(2).all(|pair| pair[0] < pair[1]), "{events:?}");
}

#[tokio::test]
async fn sigterm_drains_and_ends_with_success() {
    let database = Database::fresh().await;
    let process = serve_with_admin(&database, &[("SHUTDOWN_GRACE_SECONDS", "5")]).await;
    let token = process.sign_in().await["access_token"].clone();
    let auth = json!({ "token": token });
    let mut socket = SocketIo::join(process.address, EVENTS, &auth, &[]).await.unwrap();
    socket.next("connected").await;

    process.signal(Signal::TERM);

    let draining = socket.next("server:draining").await;
    assert!(draining["reconnectAfterMs"].as_u64().unwrap() <= 5000);
    socket.ended().await;
    assert_eq!(process.ended().await.code(), Some(0));
}

#[tokio::test]
async fn a_catalogue_write_reaches_everyone_and_a_user_update_only_its_owner() {
    let database = Database::fresh().await;
    let process = serve_with_admin(&database, &[]).await;
    let admin = process.sign_in().await;
    let token = admin["access_token"].as_str().unwrap();
    let patient = json!({ "email": "p@example.com", "password": "a long enough password", "nombre": "Ana", "apellido": "Ruiz", "rol": "PACIENTE", "fecha_nacimiento": "1990-01-01" });
    let patient = process.call("POST", "/auth/register").json(&patient).send().await;
    assert_eq!(patient.status, 201, "{}", patient.text());
    let registered = patient.json();
    let patient = registered["access_token"].as_str().unwrap().to_owned();
    let mut sockets = Vec::new();
    for token in [token, patient.as_str()] {
        let auth = json!({ "token": token });
        let mut socket = SocketIo::join(process.address, EVENTS, &auth, &[]).await.unwrap();
        socket.next("connected").await;
        sockets.push(socket);
    }

    let id = create_exam(&process, token, "HEM").await;
    let room = format!("user:{}", registered["user"]["id"]);
    let update = json!({
        "event": "user:update",
        "payload": { "type": "profile", "action": "updated", "timestamp": "2025-10-13T04:58:18.128Z" },
        "rooms": [room],
    });
    let published =
        process.call("POST", "/api/events/publish").bearer(token).json(&update).send().await;
    assert_eq!(published.status, 202, "{}", published.text());
    let message = json!({ "type": "info", "message": "done" });
    let told =
        process.call("POST", "/api/admin/messages").bearer(token).json(&message).send().await;
    assert_eq!(told.status, 202, "{}", told.text());

    for (at, socket) in sockets.iter_mut().enumerate() {
        let event = socket.next("catalog:update").await;
        assert_eq!((&event["type"], &event["action"]), (&json!("exam"), &json!("created")));
        assert_eq!(event["entityId"], id);
        assert_eq!(socket.until("done", "user:update").await.len(), at, "only its owner hears");
    }
}

#[tokio::test]
async fn signing_out_ends_the_sockets_of_the_session() {
    let database = Database::fresh().await;
    let process = serve_with_admin(&database, &[]).await;
    let token = process.sign_in().await["access_token"].as_str().unwrap().to_owned();
    let auth = json!({ "token": token });
    let mut socket = SocketIo::join(process.address, EVENTS, &auth, &[]).await.unwrap();
    socket.next("connected").await;

    let answer = process.call("POST", "/auth/logout").bearer(&token).json(&json!({})).send().await;

    assert_eq!(answer.status, 204);
    assert_eq!(socket.next("session:revoked").await["reason"], "logout");
    socket.ended().await;
    let refused = SocketIo::join(process.address, EVENTS, &auth, &[]).await.err().unwrap();
    assert_eq!(refused["data"]["code"], "unauthenticated");
}
