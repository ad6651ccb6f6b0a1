//! What a real media server tells by itself, in its own words and under its own signature.
//!
//! `tests/run livekit` starts one that tells a node at `LIVEKIT_TEST_WEBHOOK_PORT`; without it there is nothing
//! to be told. Who comes with media, and goes, is the browsers' to show.

use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr};

use latido::transport::listener;
use serde_json::{Value, json};
use tokio::sync::{Mutex, MutexGuard};

use super::{Visit, data};
use crate::support::database::Database;
use crate::support::livekit::MediaServer;
use crate::support::node::Latido;
use crate::support::participant::Participant;
use crate::support::within;

/// Whose turn it is to be told.
static TURN: Mutex<()> = Mutex::const_new(());

/// A consultation on the node that the server tells.
struct Told {
    server: MediaServer,
    visit: Visit,
    id: String,
    room: String,
    /// The id of the room as it was opened.
    sid: Value,
    _turn: MutexGuard<'static, ()>,
}

impl Told {
    async fn start() -> Self {
        let turn = TURN.lock().await;
        let server = MediaServer::start().await;
        let port = std::env::var("LIVEKIT_TEST_WEBHOOK_PORT").expect("tests/run livekit names it");
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port.parse().unwrap()));
        // The node before may be about to go.
        let listener = within("the port to be free", async {
            loop {
                match listener::bind(address) {
                    Err(error) if error.kind() == ErrorKind::AddrInUse => {
                        tokio::task::yield_now().await;
                    }
                    bound => break bound.unwrap(),
                }
            }
        })
        .await;
        let database = Database::fresh().await;
        let visit = Visit::on(Latido::at(listener, database, &server.settings()).await).await;
        let id = latido::auth::new_id("c-");
        let sid = visit.opened(&id).await["roomSid"].clone();
        let room = format!("consultation-{id}");
        Self { server, visit, id, room, sid, _turn: turn }
    }

    /// The consultation once it is so.
    async fn until(&self, is_so: impl Fn(&Value) -> bool) -> Value {
        within("the consultation to follow", async {
            loop {
                let shown = self.visit.shown(&self.id).await;
                if is_so(&shown) {
                    return shown;
                }
                tokio::task::yield_now().await;
            }
        })
        .await
    }
}

#[tokio::test]
#[ignore = "a real media server tells it: tests/run livekit"]
async fn a_room_that_the_server_closes_ends_its_call() {
    let told = Told::start().await;
    let (visit, room) = (&told.visit, &told.room);
    let mut doctor = visit.care.connect(&visit.doctor).await;
    assert_eq!(visit.step(&told.id, "start").await.status, 200);
    assert_eq!(doctor.next("consultation:update").await["status"], "live");
    // Somebody whose media never come about.
    let path = format!("/api/consultations/{}/join", told.id);
    let joined = visit.care.post(&visit.patient.account, &path, Value::Null).await;
    let patient = Participant::join(&told.server, &data(&joined)["token"]).await;
    let away = format!("/api/rooms/{room}/participants/{}/disconnect", patient.identity);
    let away = visit.care.post(&visit.doctor.account, &away, json!({})).await;
    assert_eq!(away.status, 200);
    patient.leaves().await;

    told.server.close(room).await;

    assert_eq!(doctor.next("consultation:update").await["status"], "ended");
    let shown = visit.shown(&told.id).await;
    assert_eq!((&shown["status"], &shown["participants"]), (&json!("ended"), &json!([])));
}

#[tokio::test]
#[ignore = "a real media server tells it: tests/run livekit"]
async fn a_room_that_opens_anew_is_the_one_whose_end_counts() {
    let told = Told::start().await;
    told.server.close(&told.room).await;

    let sid = told.server.open(&told.room).await;

    assert_ne!(sid, told.sid);
    let shown = told.until(|it| it["roomSid"] == sid).await;
    assert_eq!(shown["status"], "created", "the end of the first room was nobody's");
    told.visit.step(&told.id, "start").await;
    told.server.close(&told.room).await;
    told.until(|it| it["status"] == "ended").await;
}
