//! What the hub has to tell everybody in a call, for those who came to the media server without a socket.

use std::sync::Arc;
use std::time::{Duration, Instant};

use latido::domain::consultations::seat::Seat;
use serde_json::{Value, json};

use super::handover::Call;
use super::livekit::BUCKET;
use super::{Visit, claims, data};
use crate::support::livekit::{MediaServer, Sent};
use crate::support::socket_io::SocketIo;
use crate::support::upstream::Reply;
use crate::support::within;

const ROOM: &str = "consultation-c-1";

/// A call that a double carries.
async fn carried(settings: &[(&str, &str)], more: Value) -> (MediaServer, Visit) {
    let server = MediaServer::double().await;
    let visit = Visit::start_with(&[&server.settings()[..], settings].concat()).await;
    visit.opened_with("c-1", more).await;
    (server, visit)
}

/// Has somebody come to the media server by the token they are handed over HTTP, and answers who they are there.
async fn come(server: &MediaServer, visit: &Visit, token: &str) -> String {
    let call = visit.care.latido.call("POST", "/api/consultations/c-1/join").bearer(token);
    let claims = claims(&data(&call.send().await)["token"]);
    server.admit(&claims);
    claims["sub"].as_str().unwrap().to_owned()
}

async fn say(socket: &mut SocketIo, text: &str) {
    let said = json!({"roomId": "c-1", "text": text, "clientMsgId": text});
    assert_eq!(socket.ask("chat", &said).await["ok"], true);
}

/// Drops a socket whose seat is kept, and waits until its room knows.
async fn lose(visit: &Visit, socket: SocketIo) {
    drop(socket);
    let (hub, id) = (visit.care.latido.hub(), "c-1".into());
    within("a socket to be lost", async {
        while hub.seats_in(&id).iter().all(Seat::is_connected) {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

fn texts(sent: &[Sent]) -> Vec<&str> {
    sent.iter().map(|it| it.data["payload"]["text"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn who_came_by_a_token_alone_hears_the_chat_and_nobody_hears_it_twice() {
    let (server, visit) = carried(&[], json!({})).await;
    let (mut doctor, _) = visit.inside("c-1", &visit.doctor.account.token).await;
    come(&server, &visit, &visit.doctor.account.token).await;
    let patient = come(&server, &visit, &visit.patient.account.token).await;

    for text in ["one", "two", "three"] {
        say(&mut doctor, text).await;
    }

    let sent = server.sent("chat", 3).await;
    assert_eq!(texts(&sent), ["one", "two", "three"]);
    for it in sent {
        let heard = doctor.next("chat").await;
        let data = json!({"event": "chat", "payload": heard});
        let (kind, topic) = ("RELIABLE".into(), "latido".into());
        assert_eq!(it, Sent { room: ROOM.into(), to: vec![patient.clone()], kind, topic, data });
    }
    // Now they have a socket.
    let (mut seated, _) = visit.inside("c-1", &visit.patient.account.token).await;
    let observer = come(&server, &visit, &visit.care.admin.token).await;
    say(&mut seated, "four").await;
    assert_eq!(server.sent("chat", 4).await[3].to, [observer]);
    assert_eq!(doctor.next("chat").await["text"], "four");
}

#[tokio::test]
async fn who_lost_their_socket_hears_by_the_server_until_they_are_back() {
    let Call { server, visit, mut doctor, patient, .. } = Call::carried("sfu", &[]).await;
    let identity = come(&server, &visit, &visit.patient.account.token).await;
    let observer = come(&server, &visit, &visit.care.admin.token).await;
    lose(&visit, patient).await;

    say(&mut doctor, "while away").await;
    let (_back, _) = visit.inside("c-1", &visit.patient.account.token).await;
    say(&mut doctor, "back").await;

    let sent = server.sent("chat", 2).await;
    assert_eq!(texts(&sent), ["while away", "back"]);
    assert_eq!((&sent[0].to, &sent[1].to), (&vec![identity, observer.clone()], &vec![observer]));
}

#[tokio::test]
async fn who_is_filmed_knows_it_also_where_nobody_has_a_socket() {
    let (server, visit) = carried(&BUCKET, json!({})).await;
    let doctor = come(&server, &visit, &visit.doctor.account.token).await;
    let patient = come(&server, &visit, &visit.patient.account.token).await;
    // The other node has no room either, and tells nobody.
    let settings = [&server.settings()[..], &BUCKET].concat();
    let _beside = visit.care.latido.beside(&settings).await;

    let path = "/api/consultations/c-1/recording/start";
    let started = visit.care.post(&visit.doctor.account, path, json!({"consent": true})).await;
    let stopped = visit.step("c-1", "recording/stop").await;

    assert_eq!((started.status.as_u16(), stopped.status.as_u16()), (200, 200));
    let sent = server.sent("recording", 2).await;
    let told = |sent: &Sent| sent.data["payload"]["status"].as_str().unwrap().to_owned();
    assert_eq!(sent.iter().map(told).collect::<Vec<_>>(), ["starting", "stopping"]);
    for it in &sent {
        assert_eq!(it.to, [doctor.clone(), patient.clone()]);
        let payload = &it.data["payload"];
        assert_eq!(
            (&payload["roomId"], &payload["recordingId"], &payload["mock"]),
            (&json!("c-1"), &data(&started)["recordingId"], &json!(false))
        );
    }
}

#[tokio::test]
async fn who_has_a_socket_hears_of_a_recording_by_it_alone() {
    let (server, visit) = carried(&BUCKET, json!({})).await;
    let (mut doctor, _) = visit.inside("c-1", &visit.doctor.account.token).await;
    come(&server, &visit, &visit.doctor.account.token).await;
    let patient = come(&server, &visit, &visit.patient.account.token).await;

    let start = json!({"roomId": "c-1", "action": "start", "consent": true});
    assert_eq!(doctor.ask("recording", &start).await["ok"], true);

    let heard = doctor.next("recording").await;
    let sent = server.sent("recording", 1).await;
    assert_eq!((&sent[0].data["payload"], &sent[0].to), (&heard, &vec![patient]));
}

#[tokio::test]
async fn who_is_sent_back_to_the_lobby_hears_nothing_while_still_at_the_server() {
    let (server, visit) = carried(&[], json!({"waitingRoom": true})).await;
    let (mut doctor, _) = visit.inside("c-1", &visit.doctor.account.token).await;
    let (mut patient, first) = visit.inside("c-1", &visit.patient.account.token).await;
    let (mut observer, second) = visit.inside("c-1", &visit.care.admin.token).await;
    let mut admitted = Vec::new();
    for (socket, waits) in [(&mut patient, first), (&mut observer, second)] {
        let peer = json!({"roomId": "c-1", "peerId": waits["peerId"]});
        assert_eq!(doctor.ask("admit", &peer).await, json!({"ok": true}));
        let told = socket.next("admitted").await;
        server.admit(&claims(&told["sfu"]["token"]));
        admitted.push(told);
    }
    let hearer = claims(&admitted[1]["sfu"]["token"])["sub"].clone();
    lose(&visit, observer).await;
    let server = Arc::new(server);
    let known = Arc::downgrade(&server);
    server.upstream().change(move |asked| {
        if asked.path.ends_with("/RemoveParticipant") {
            return Reply::json(503, &json!({"code": "unavailable", "msg": "x"}));
        }
        known.upgrade().expect("asked while it is there").usual(asked)
    });

    let peer = json!({"roomId": "c-1", "peerId": admitted[0]["peerId"]});
    assert_eq!(doctor.ask("return-to-lobby", &peer).await["ok"], false);
    say(&mut doctor, "to who is in the call").await;
    assert_eq!(patient.ask("leave", &json!({"roomId": "c-1"})).await["ok"], true);
    say(&mut doctor, "and to nobody else").await;

    let identity = format!("patient-{}", visit.patient.id);
    assert!(server.holds(ROOM, &identity), "they are still there");
    for it in server.sent("chat", 2).await {
        assert_eq!(json!(it.to), json!([hearer]), "{it:?}");
    }
    assert_eq!(patient.heard("chat"), [Value::Null; 0]);
}

#[tokio::test]
async fn a_server_that_failed_is_told_what_comes_next() {
    let mut call = Call::carried("sfu", &[]).await;
    come(&call.server, &call.visit, &call.visit.care.admin.token).await;
    let asked = |call: &Call| call.asked().iter().filter(|it| *it == "ListParticipants").count();
    let before = asked(&call);
    call.server.fail(true);
    say(&mut call.doctor, "lost").await;
    within("the server to be asked", async {
        while asked(&call) == before {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert_eq!(call.patient.next("chat").await["text"], "lost");
    call.server.fail(false);

    say(&mut call.doctor, "heard").await;

    assert_eq!(texts(&call.server.sent("chat", 1).await)[0], "heard");
}

#[tokio::test]
async fn a_slow_server_holds_up_nobody() {
    let mut call = Call::carried("sfu", &[]).await;
    call.server.upstream().change(|_| Reply::Silence);
    let begun = Instant::now();

    for text in ["one", "two"] {
        say(&mut call.doctor, text).await;
        assert_eq!(call.patient.next("chat").await["text"], text);
    }

    assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
}
