//! Consultations over HTTP, from their creation to what is kept of them.

mod announcements;
mod attendance;
mod authority;
mod consent;
mod create;
mod door;
mod eviction;
mod films;
mod guests;
mod handover;
mod joining;
mod lapsing;
mod livekit;
mod moves;
mod orders;
mod participants;
mod recordings;
mod renewal;
mod rooms;
mod signaling;
mod told;
mod video;
mod webhooks;

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::support;
use crate::support::accounts::Account;
use crate::support::care::{Care, Person, joined};
use crate::support::http::Answer;
use crate::support::node::Latido;
use crate::support::socket_io::SocketIo;

pub(super) const CREATE: &str = "/api/consultations/create";
pub(super) const SERVICE_KEY: &str = "a-key-of-a-service-that-opens-consultations";

/// A patient, the doctor of theirs, and what is between them.
pub(super) struct Visit {
    pub(super) care: Care,
    pub(super) doctor: Person,
    pub(super) patient: Person,
}

impl Visit {
    pub(super) async fn start() -> Self {
        Self::start_with(&[]).await
    }

    pub(super) async fn start_with(settings: &[(&str, &str)]) -> Self {
        let key = format!("visits:{SERVICE_KEY}");
        let settings = [&[("SERVICE_API_KEYS", key.as_str())], settings].concat();
        Self::on(support::start_with(&settings).await).await
    }

    pub(super) async fn on(latido: Latido) -> Self {
        let care = Care::on(latido).await;
        let doctor = care.doctor(json!({})).await;
        let patient = care.patient(json!({"doctor_id": doctor.id})).await;
        Self { care, doctor, patient }
    }

    /// What is said to create a consultation of the two.
    pub(super) fn draft(&self, id: &str) -> Value {
        json!({"consultationId": id, "patientId": self.patient.id, "doctorId": self.doctor.id})
    }

    /// A consultation of the two that the doctor creates.
    pub(super) async fn opened(&self, id: &str) -> Value {
        self.opened_with(id, json!({})).await
    }

    pub(super) async fn opened_with(&self, id: &str, more: Value) -> Value {
        let body = joined(self.draft(id), more);
        let answer = self.care.post(&self.doctor.account, CREATE, body).await;
        assert_eq!(answer.status, 201, "{}", answer.text());
        // Whoever connects from now on hears of what comes.
        assert!(self.care.latido.hub().caught_up(Duration::from_secs(10)).await);
        data(&answer)
    }

    /// Asks as the service.
    pub(super) async fn serve(&self, method: &str, path: &str, body: &Value) -> Answer {
        let call = self.care.latido.call(method, path).header("x-service-key", SERVICE_KEY);
        if body.is_null() { call.send().await } else { call.json(body).send().await }
    }

    /// A step of a consultation by its doctor.
    pub(super) async fn step(&self, id: &str, step: &str) -> Answer {
        let path = format!("/api/consultations/{id}/{step}");
        self.care.post(&self.doctor.account, &path, Value::Null).await
    }

    /// A socket where calls are, greeted.
    pub(super) async fn signaling(&self, token: &str) -> SocketIo {
        let mut socket =
            self.care.latido.join("/signaling", &json!({"token": token})).await.unwrap();
        socket.next("connected").await;
        socket
    }

    /// A socket inside the room of a consultation, and what it was answered.
    pub(super) async fn inside(&self, id: &str, token: &str) -> (SocketIo, Value) {
        let mut socket = self.signaling(token).await;
        let joined = socket.ask("join", &json!({"roomId": id})).await;
        assert_eq!(joined["ok"], true, "{joined}");
        (socket, joined)
    }

    /// A consultation as its doctor sees it.
    pub(super) async fn shown(&self, id: &str) -> Value {
        data(&self.get(&self.doctor.account, &format!("/api/consultations/{id}")).await)
    }

    pub(super) async fn get(&self, by: &Account, path: &str) -> Answer {
        self.care.get(by, path).await
    }
}

/// What is inside the envelope.
pub(super) fn data(answer: &Answer) -> Value {
    let body = answer.json();
    assert_eq!(body["success"], true, "{}", answer.text());
    body["data"].clone()
}

/// The claims of a token, whoever signed it.
pub(super) fn claims(token: &Value) -> Value {
    let body = token.as_str().unwrap().split('.').nth(1).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(body).unwrap()).unwrap()
}

/// What a token's text of metadata says.
pub(super) fn metadata(claims: &Value) -> Value {
    serde_json::from_str(claims["metadata"].as_str().unwrap()).unwrap()
}

/// The names of an object's fields.
pub(super) fn keys(object: &Value) -> Vec<&str> {
    let mut keys: Vec<_> = object.as_object().unwrap().keys().map(String::as_str).collect();
    keys.sort_unstable();
    keys
}
