//! Consultations as rows, and sockets that go into their rooms.

use latido::domain::time::Timestamp;
use serde_json::{Value, json};

use super::accounts::{self, Account};
use super::care::{Care, Person};
use super::node::Latido;
use super::socket_io::SocketIo;

/// A doctor, a patient of theirs, and a consultation between the two.
pub(crate) struct Visit {
    pub(crate) care: Care,
    pub(crate) doctor: Person,
    pub(crate) patient: Person,
    pub(crate) id: String,
}

impl Visit {
    pub(crate) async fn start() -> Self {
        Self::with(&[], false).await
    }

    /// On a node with other settings; with a waiting room or without.
    pub(crate) async fn with(settings: &[(&str, &str)], waiting_room: bool) -> Self {
        let care = Care::on(super::start_with(settings).await).await;
        let doctor = care.doctor(json!({})).await;
        let patient = care.patient(json!({ "doctor_id": doctor.id })).await;
        let visit = Self { care, doctor, patient, id: "visit-1".to_owned() };
        visit.consultation(&visit.id, waiting_room).await;
        visit
    }

    /// One more consultation between the two.
    pub(crate) async fn consultation(&self, id: &str, waiting_room: bool) {
        let (doctor, patient, now) = (self.doctor.id, self.patient.id, Timestamp::now().0);
        let sql = format!(
            "insert into consultations (id, patient_ref, doctor_ref, patient_id, doctor_id,
                 room_name, mode, status, waiting_room, created_at, updated_at)
             values ('{id}', '{patient}', '{doctor}', {patient}, {doctor},
                 'consultation-{id}', 'p2p', 'created', {waiting_room}, {now}, {now})"
        );
        accounts::run(self.latido().database.url(), &sql).await;
    }

    pub(crate) fn latido(&self) -> &Latido {
        &self.care.latido
    }

    /// A socket of the root namespace, greeted.
    pub(crate) async fn signaling(&self, account: &Account) -> SocketIo {
        self.on("/", account).await
    }

    pub(crate) async fn on(&self, namespace: &str, account: &Account) -> SocketIo {
        let auth = json!({ "token": account.token });
        let mut socket = self.latido().join(namespace, &auth).await.unwrap();
        socket.next("connected").await;
        socket
    }

    /// A socket inside the room, and what it was answered.
    pub(crate) async fn join(&self, account: &Account) -> (SocketIo, Value) {
        let mut socket = self.signaling(account).await;
        let joined = self.enter(&mut socket).await;
        assert_eq!(joined["ok"], true, "{joined}");
        (socket, joined)
    }

    /// Doctor and patient inside, and the names of both peers.
    pub(crate) async fn both(&self) -> (SocketIo, SocketIo, String, String) {
        let (mut doctor, first) = self.join(&self.doctor.account).await;
        let (patient, second) = self.join(&self.patient.account).await;
        doctor.next("peer-joined").await;
        (doctor, patient, peer(&first), peer(&second))
    }

    pub(crate) async fn enter(&self, socket: &mut SocketIo) -> Value {
        socket.ask("join", &self.room(json!({}))).await
    }

    /// A payload for this room.
    pub(crate) fn room(&self, more: Value) -> Value {
        super::care::joined(json!({ "roomId": self.id }), more)
    }

    /// What one column of the consultation holds.
    pub(crate) async fn column(&self, name: &str) -> String {
        let sql =
            format!("select cast({name} as text) from consultations where id = '{}'", self.id);
        accounts::value(self.latido().database.url(), &sql).await
    }
}

/// The name of the peer that an answer or an event tells of.
pub(crate) fn peer(told: &Value) -> String {
    told["peerId"].as_str().unwrap().to_owned()
}
