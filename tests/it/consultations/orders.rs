//! Every order in which a patient and the doctor may come to a waiting room: by HTTP, by sockets, and at the
//! media server nobody gets past it who was not let in.

use futures_util::future::join_all;
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::{Config, RngSeed, TestRunner};
use serde_json::{Value, json};

use super::{CREATE, Visit, claims, data};
use crate::support::care::joined;
use crate::support::livekit::MediaServer;
use crate::support::socket_io::SocketIo;
use crate::support::within;

/// How many orders are tried side by side.
const AT_ONCE: usize = 8;

#[derive(Debug, Clone, Copy)]
enum Doing {
    /// The doctor creates the consultation again and is given tokens of both.
    Create,
    /// The patient joins by HTTP.
    Join,
    /// The patient asks for a room token.
    Token,
    /// The patient comes to the room, or comes again after their socket was lost.
    Connect,
    /// The same by the newest room token.
    ConnectByToken,
    Admit,
    Deny,
    Return,
}

const DOINGS: [Doing; 8] = [
    Doing::Create,
    Doing::Join,
    Doing::Token,
    Doing::Connect,
    Doing::ConnectByToken,
    Doing::Admit,
    Doing::Deny,
    Doing::Return,
];

/// A consultation with a waiting room, and what its patient got hold of.
struct Door<'a> {
    visit: &'a Visit,
    server: &'a MediaServer,
    id: String,
    doctor: SocketIo,
    patient: Option<SocketIo>,
    /// The patient's, as they were told last.
    peer: Value,
    /// By what the doctor did last.
    is_let_in: bool,
    /// Tokens that open the media server, and whether the doctor let their bearer in for as long.
    opening: Vec<(Value, bool)>,
    newest: Option<Value>,
    done: Vec<Doing>,
}

impl<'a> Door<'a> {
    async fn open(visit: &'a Visit, server: &'a MediaServer, id: String) -> Self {
        visit.opened_with(&id, json!({"waitingRoom": true, "mode": "sfu"})).await;
        let (doctor, _) = visit.inside(&id, &visit.doctor.account.token).await;
        let (peer, done) = (Value::Null, Vec::new());
        let (opening, newest) = (Vec::new(), None);
        Self {
            visit,
            server,
            id,
            doctor,
            patient: None,
            peer,
            is_let_in: false,
            opening,
            newest,
            done,
        }
    }

    async fn go(mut self, doings: &[Doing]) {
        for doing in doings {
            self.done.push(*doing);
            self.step(*doing).await;
        }
        self.try_what_is_left().await;
    }

    async fn step(&mut self, doing: Doing) {
        let Visit { care, doctor, patient } = self.visit;
        match doing {
            Doing::Create => {
                let draft =
                    joined(self.visit.draft(&self.id), json!({"waitingRoom": true, "mode": "sfu"}));
                let created = data(&care.post(&doctor.account, CREATE, draft).await);
                self.look_at(&created["patientToken"]);
            }
            Doing::Join => {
                let path = format!("/api/consultations/{}/join", self.id);
                let entry = data(&care.post(&patient.account, &path, Value::Null).await);
                self.look_at(&entry);
            }
            Doing::Token => {
                let asked = json!({"consultationId": self.id});
                let answer = care.post(&patient.account, "/api/token", asked).await.json();
                self.look_at(&answer);
            }
            Doing::Connect => {
                let token = json!(patient.account.token);
                self.connect(&token).await;
            }
            Doing::ConnectByToken => {
                if let Some(token) = self.newest.clone() {
                    self.connect(&token).await;
                }
            }
            Doing::Admit => {
                if self.steer("admit").await && !self.is_let_in {
                    self.is_let_in = true;
                    let patient = self.patient.as_mut().expect("who is admitted has a socket");
                    let admitted = patient.next("admitted").await;
                    self.peer = admitted["peerId"].clone();
                    self.look_at(&admitted);
                }
            }
            Doing::Deny => {
                if self.steer("deny").await {
                    self.keep_out();
                }
            }
            Doing::Return => {
                if self.steer("return-to-lobby").await {
                    self.keep_out();
                }
            }
        }
    }

    /// The patient comes by a new socket; whoever had a place keeps it.
    async fn connect(&mut self, token: &Value) {
        self.patient = None;
        let handshake = json!({ "token": token });
        let Ok(mut socket) = self.visit.care.latido.join("/signaling", &handshake).await else {
            return;
        };
        socket.next("connected").await;
        let told = socket.ask("join", &json!({"roomId": self.id})).await;
        if told["ok"] == true {
            let is_inside = told["status"] != "waiting";
            assert!(!is_inside || self.is_let_in, "inside after {:?}: {told}", self.done);
            // A place that was given up or never kept is waited for anew.
            self.is_let_in &= is_inside;
            self.peer = told["peerId"].clone();
            self.look_at(&told);
            self.patient = Some(socket);
        }
    }

    /// Whether the doctor could do so with the patient.
    async fn steer(&mut self, event: &str) -> bool {
        if self.patient.is_none() {
            return false;
        }
        let peer = json!({"roomId": self.id, "peerId": self.peer});
        self.doctor.ask(event, &peer).await["ok"] == true
    }

    fn keep_out(&mut self) {
        self.is_let_in = false;
        self.patient = None;
        for (_, is_good) in &mut self.opening {
            *is_good = false;
        }
    }

    /// Looks through an answer for tokens. One that opens the media server is for who was let in.
    fn look_at(&mut self, answer: &Value) {
        match answer {
            Value::Object(fields) => fields.values().for_each(|value| self.look_at(value)),
            Value::Array(values) => values.iter().for_each(|value| self.look_at(value)),
            Value::String(text) if text.split('.').count() == 3 && text.starts_with("eyJ") => {
                let of = claims(answer);
                if of["iss"] == self.server.key.as_str() && of["video"]["roomJoin"] == true {
                    assert!(self.is_let_in, "a way in after {:?}: {of}", self.done);
                    self.opening.push((answer.clone(), true));
                }
                self.newest = Some(answer.clone());
            }
            _ => {}
        }
    }

    /// Of all tokens only those open anything that were handed out since the doctor let the patient in.
    async fn try_what_is_left(mut self) {
        let room = format!("consultation-{}", self.id);
        for (token, is_good) in std::mem::take(&mut self.opening) {
            let of = claims(&token);
            let identity = of["sub"].as_str().unwrap();
            let event = self.server.admit(&of);
            self.server.tell(&self.visit.care.latido, &event).await;
            if is_good {
                continue;
            }
            within("an old token to open nothing", async {
                while self.server.holds(&room, identity) {
                    tokio::task::yield_now().await;
                }
            })
            .await;
            self.connect(&token).await;
        }
    }
}

/// All orders of three, after the patient came, and some of more.
fn orders() -> Vec<Vec<Doing>> {
    let mut orders = Vec::new();
    for first in DOINGS {
        for second in DOINGS {
            for third in DOINGS {
                orders.push(vec![Doing::Connect, first, second, third]);
            }
        }
    }
    let config = Config { rng_seed: RngSeed::Fixed(6), ..Config::default() };
    let mut runner = TestRunner::new(config);
    let longer = prop::collection::vec(prop::sample::select(&DOINGS[..]), 6..16);
    orders.extend((0..64).map(|_| longer.new_tree(&mut runner).unwrap().current()));
    orders
}

#[tokio::test]
async fn no_order_of_coming_and_letting_in_gets_past_the_waiting_room() {
    let server = MediaServer::double().await;
    let visit = Visit::start_with(&server.settings()).await;
    let orders = orders();

    for (turn, some) in orders.chunks(AT_ONCE).enumerate() {
        let tried = some.iter().enumerate().map(async |(place, doings)| {
            let door = Door::open(&visit, &server, format!("c-{turn}-{place}")).await;
            Box::pin(door.go(doings)).await;
        });
        join_all(tried).await;
    }
}
