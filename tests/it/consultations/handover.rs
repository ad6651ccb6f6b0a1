//! A call that moves between browsers and the media server, and what only the server can do.

use serde_json::{Value, json};

use super::livekit::BUCKET;
use super::{CREATE, Visit, claims, data, metadata};
use crate::support::livekit::MediaServer;
use crate::support::socket_io::SocketIo;
use crate::support::upstream::Reply;

/// A call between browsers of which both are inside, on a node that has a media server.
pub(super) struct Call {
    pub(super) server: MediaServer,
    pub(super) visit: Visit,
    pub(super) doctor: SocketIo,
    pub(super) patient: SocketIo,
    pub(super) peers: [String; 2],
}

impl Call {
    async fn start(more: &[(&str, &str)]) -> Self {
        Self::carried("p2p", more).await
    }

    pub(super) async fn carried(mode: &str, settings: &[(&str, &str)]) -> Self {
        let server = MediaServer::double().await;
        let settings = [&server.settings()[..], settings].concat();
        let visit = Visit::start_with(&settings).await;
        visit.opened_with("c-1", json!({"mode": mode})).await;
        let (doctor, first) = visit.inside("c-1", &visit.doctor.account.token).await;
        let (patient, second) = visit.inside("c-1", &visit.patient.account.token).await;
        let peers = [first, second].map(|it| it["peerId"].as_str().unwrap().to_owned());
        Self { server, visit, doctor, patient, peers }
    }

    async fn hand_over(&mut self, to: &str) -> Value {
        self.doctor.ask("hand-over", &json!({"roomId": "c-1", "mode": to})).await
    }

    /// What the double was asked to do, by the names of its methods.
    pub(super) fn asked(&self) -> Vec<String> {
        let asked = self.server.upstream().asked();
        asked.iter().filter_map(|it| Some(it.path.rsplit_once('/')?.1.to_owned())).collect()
    }
}

#[tokio::test]
async fn everybody_is_called_to_the_server_with_a_token_of_their_own_and_back() {
    let mut call = Call::start(&[]).await;
    let said = json!({"roomId": "c-1", "text": "before", "clientMsgId": "1"});
    call.patient.ask("chat", &said).await;

    assert_eq!(call.hand_over("sfu").await, json!({"ok": true, "mode": "sfu"}));
    assert_eq!(call.hand_over("sfu").await, json!({"ok": true, "mode": "sfu"}));

    for (socket, role, id) in [
        (&mut call.doctor, "doctor", call.visit.doctor.id),
        (&mut call.patient, "patient", call.visit.patient.id),
    ] {
        let told = socket.next("hand-over").await;
        assert_eq!(
            (&told["mode"], &told["reason"], &told["deadlineMs"]),
            (&json!("sfu"), &json!("requested"), &json!(15_000))
        );
        assert_eq!(told["sfu"]["livekitUrl"], call.server.url);
        assert_eq!(told["sfu"]["roomName"], "consultation-c-1");
        let claims = claims(&told["sfu"]["token"]);
        assert_eq!(
            (&claims["iss"], &claims["sub"]),
            (&json!("devkey"), &json!(format!("{role}-{id}")))
        );
        assert_eq!(claims["video"]["room"], "consultation-c-1");
        assert_eq!(metadata(&claims)["role"], role);
    }
    assert!(call.server.rooms().await.contains(&"consultation-c-1".to_owned()));
    let path = "/api/consultations/c-1/handover";
    let back = call.visit.care.post(&call.visit.doctor.account, path, json!({"mode": "p2p"})).await;
    assert_eq!((back.status.as_u16(), &data(&back)["mode"]), (200, &json!("p2p")));
    for socket in [&mut call.doctor, &mut call.patient] {
        let told = socket.next("hand-over").await;
        assert_eq!((&told["mode"], told.get("sfu")), (&json!("p2p"), None));
    }
    let offer =
        json!({"roomId": "c-1", "to": call.peers[0], "sdp": {"type": "offer", "sdp": "v=0"}});
    assert_eq!(call.patient.ask("offer", &offer).await, json!({"ok": true}), "seats stay");
    let chat = call.visit.get(&call.visit.doctor.account, "/api/consultations/c-1/messages").await;
    assert_eq!(data(&chat)["items"][0]["text"], "before");
}

#[tokio::test]
async fn rooms_of_every_node_move() {
    let server = MediaServer::double().await;
    let visit = Visit::start_with(&server.settings()).await;
    let there = visit.care.latido.beside(&server.settings()).await;
    visit.opened_with("c-1", json!({"mode": "p2p"})).await;
    let token = json!({"token": visit.patient.account.token});
    let mut patient = there.join("/signaling", &token).await.unwrap();
    let joined = patient.ask("join", &json!({"roomId": "c-1"})).await;
    assert_eq!(joined["mode"], "p2p", "{joined}");

    let path = "/api/consultations/c-1/handover";
    let moved = visit.care.post(&visit.doctor.account, path, json!({"mode": "sfu"})).await;

    assert_eq!(moved.status, 200, "{}", moved.text());
    let told = patient.next("hand-over").await;
    assert_eq!((&told["mode"], &told["reason"]), (&json!("sfu"), &json!("requested")));
    assert_eq!(claims(&told["sfu"]["token"])["sub"], format!("patient-{}", visit.patient.id));
    assert_eq!(told.get("version"), None);
}

#[tokio::test]
async fn however_moves_race_the_room_is_where_the_row_says() {
    let mut call = Call::start(&[]).await;
    let path = "/api/consultations/c-1/handover";
    let (care, doctor) = (&call.visit.care, &call.visit.doctor.account);
    let moves = ["sfu", "p2p"].into_iter().cycle().take(16);

    let moves = moves.map(|mode| care.post(doctor, path, json!({"mode": mode})));
    for moved in futures_util::future::join_all(moves).await {
        assert_eq!(moved.status, 200, "{}", moved.text());
    }

    let row = data(&call.visit.get(&call.visit.doctor.account, "/api/consultations/c-1").await);
    let joined = call.patient.ask("join", &json!({"roomId": "c-1"})).await;
    assert_eq!(joined["mode"], row["mode"]);
}

#[tokio::test]
async fn only_who_leads_moves_a_call_and_only_to_a_server_that_answers() {
    let mut call = Call::start(&[]).await;
    let to = json!({"roomId": "c-1", "mode": "sfu"});

    assert_eq!(call.patient.ask("hand-over", &to).await["error"]["code"], "forbidden");
    let path = "/api/consultations/c-1/handover";
    let by_http = async |call: &Call| {
        let body = json!({"mode": "sfu"});
        call.visit.care.post(&call.visit.patient.account, path, body).await.status
    };
    assert_eq!(by_http(&call).await, 403);
    call.server
        .upstream()
        .change(|_| Reply::json(503, &json!({"code": "unavailable", "msg": "x"})));
    assert_eq!(call.hand_over("sfu").await["ok"], false);
    let shown = call.visit.get(&call.visit.patient.account, "/api/consultations/c-1").await;
    assert_eq!(data(&shown)["mode"], "p2p", "nobody was sent to a server that is away");
}

#[tokio::test]
async fn one_more_than_browsers_can_carry_takes_everybody_to_the_server() {
    let mut call = Call::start(&[("P2P_MAX_PEERS", "2")]).await;

    let (_admin, joined) = call.visit.inside("c-1", &call.visit.care.admin.token).await;

    assert_eq!((&joined["mode"], &joined["role"]), (&json!("sfu"), &json!("observer")));
    let claims = claims(&joined["sfu"]["token"]);
    assert_eq!(
        (&claims["video"]["hidden"], &claims["video"]["canPublish"]),
        (&json!(true), &json!(false))
    );
    for socket in [&mut call.doctor, &mut call.patient] {
        assert_eq!(socket.next("hand-over").await["reason"], "room_size");
    }
    assert_eq!(call.hand_over("p2p").await["error"]["code"], "conflict", "three are too many");
}

#[tokio::test]
async fn calls_come_back_to_the_browsers_while_the_server_is_away() {
    let mut call = Call::carried("sfu", &[]).await;

    call.server
        .upstream()
        .change(|_| Reply::json(503, &json!({"code": "unavailable", "msg": "x"})));

    for socket in [&mut call.doctor, &mut call.patient] {
        let told = socket.next("hand-over").await;
        assert_eq!((&told["mode"], &told["reason"]), (&json!("p2p"), &json!("fallback")));
    }
}

#[tokio::test]
async fn rooms_are_listed_and_measured_while_the_server_is_away() {
    let mut call = Call::carried("sfu", &[]).await;
    let url = call.visit.care.latido.database.url().to_owned();
    let doctor = format!("doctor-{}", call.visit.doctor.id);
    let patient = format!("patient-{}", call.visit.patient.id);
    let present = format!(
        "insert into consultation_participants (consultation_id, identity, role, joined_at)
         values ('c-1', '{doctor}', 'doctor', 1)"
    );
    crate::support::accounts::run(&url, &present).await;
    call.server.fail(true);
    let account = &call.visit.doctor.account;
    for mode in ["sfu", "p2p"] {
        let rooms = data(&call.visit.get(account, "/api/rooms/active").await);
        assert_eq!(rooms["count"], 1, "{rooms}");
        assert_eq!(rooms["rooms"][0]["participants"], json!([doctor, patient]), "{mode}");
        let stats = data(&call.visit.get(account, "/api/rooms/c-1/stats").await);
        assert_eq!(stats["numParticipants"], 2, "{mode}: {stats}");
        if mode == "sfu" {
            assert_eq!(call.patient.next("hand-over").await["reason"], "fallback");
        }
    }
}

#[tokio::test]
async fn a_bad_call_moves_where_that_is_wanted() {
    let mut call = Call::start(&[("SFU_AUTO_HANDOVER", "true")]).await;
    let bad = json!({"roomId": "c-1", "packetLossPct": 9.0, "latencyMs": 100});
    call.patient.ask("stats", &bad).await;
    assert_eq!(call.patient.heard("hand-over").len(), 0, "once is not half a minute");
    let url = call.visit.care.latido.database.url();
    let sql = "update quality_samples set created_at = created_at - 35000";
    crate::support::accounts::run(url, sql).await;

    call.patient.ask("stats", &bad).await;

    assert_eq!(call.doctor.next("hand-over").await["reason"], "quality");
}

#[tokio::test]
async fn the_server_silences_whom_the_doctor_mutes() {
    let mut call = Call::carried("sfu", &[]).await;
    let identity = format!("patient-{}", call.visit.patient.id);
    let tracks = json!([{"sid": "TR_1", "source": "MICROPHONE", "muted": false, "type": "AUDIO"}]);
    call.server.seat("consultation-c-1", &identity, &tracks);

    let mute = json!({"roomId": "c-1", "kind": "audio", "muted": true, "target": call.peers[1]});
    assert_eq!(call.doctor.ask("mute", &mute).await, json!({"ok": true}));

    assert!(call.asked().contains(&"MutePublishedTrack".to_owned()));
    let told = call.patient.next("mute").await;
    assert_eq!((&told["peerId"], &told["by"]), (&json!(call.peers[1]), &json!(call.peers[0])));
}

#[tokio::test]
async fn nobody_is_told_of_a_silence_that_the_server_did_not_bring_about() {
    let mut call = Call::carried("sfu", &[]).await;
    let identity = format!("patient-{}", call.visit.patient.id);
    let mute = json!({"roomId": "c-1", "kind": "audio", "muted": true, "target": call.peers[1]});
    call.server.seat("consultation-c-1", &identity, &json!([]));

    let nothing = call.doctor.ask("mute", &mute).await;
    call.server.fail(true);
    let failed = call.doctor.ask("mute", &mute).await;

    assert_eq!(nothing["error"]["code"], "not_found", "{nothing}");
    assert_eq!(failed["ok"], false, "{failed}");
    let unmute = json!({"roomId": "c-1", "kind": "audio", "muted": false, "target": call.peers[1]});
    assert_eq!(call.doctor.ask("mute", &unmute).await["error"]["code"], "invalid");
    let other = json!({"roomId": "c-1", "kind": "audio", "muted": true, "target": call.peers[0]});
    assert_eq!(call.patient.ask("mute", &other).await["error"]["code"], "forbidden");
    call.patient.ask("hand-raise", &json!({"roomId": "c-1", "raised": true})).await;
    call.doctor.next("hand-raise").await;
    for socket in [&mut call.doctor, &mut call.patient] {
        assert_eq!(socket.heard("mute"), [Value::Null; 0]);
    }
}

#[tokio::test]
async fn nobody_is_filmed_before_the_patient_agrees() {
    let mut call = Call::carried("sfu", &BUCKET).await;
    let record = |action: &str| json!({"roomId": "c-1", "action": action});
    let asked = call.doctor.ask("recording", &record("start")).await;
    assert_eq!((&asked["ok"], &asked["status"]), (&json!(true), &json!("requested")), "{asked}");

    assert_eq!(asked.get("egressId"), Some(&Value::Null), "{asked}");
    let request = call.patient.next("recording-request").await;
    assert_eq!(request["recordingId"], asked["recordingId"]);
    assert_eq!(call.doctor.next("recording").await["status"], "requested");
    let consent = |consent: bool| json!({"roomId": "c-1", "consent": consent});
    assert_eq!(call.doctor.ask("recording-consent", &consent(true)).await["ok"], false);
    assert!(!call.asked().contains(&"StartRoomCompositeEgress".to_owned()));
    assert_eq!(call.patient.ask("recording-consent", &consent(true)).await, json!({"ok": true}));

    assert_eq!(call.doctor.next("recording").await["status"], "starting");
    crate::support::within("the recorder to be asked", async {
        while !call.asked().contains(&"StartRoomCompositeEgress".to_owned()) {
            tokio::task::yield_now().await;
        }
    })
    .await;
    let late = call.patient.ask("recording-consent", &consent(false)).await;
    assert_eq!(late["error"]["code"], "conflict", "{late}");
    assert_eq!(call.hand_over("p2p").await["error"]["code"], "conflict", "browsers film nothing");
    let (_admin, _) = call.visit.inside("c-1", &call.visit.care.admin.token).await;
    assert_eq!(call.doctor.ask("recording", &record("stop")).await["status"], "stopping");
}

#[tokio::test]
async fn a_call_that_is_to_be_recorded_is_once_it_reaches_the_server() {
    let server = MediaServer::double().await;
    let settings = [&server.settings()[..], &BUCKET].concat();
    let visit = Visit::start_with(&settings).await;
    visit.opened_with("c-1", json!({"mode": "p2p", "record": true})).await;
    let (mut doctor, _) = visit.inside("c-1", &visit.doctor.account.token).await;
    let (mut patient, _) = visit.inside("c-1", &visit.patient.account.token).await;
    crate::support::within("a live call", async {
        while visit.shown("c-1").await["status"] != "live" {}
    })
    .await;
    let path = "/api/consultations/c-1/recordings";
    let recordings = async || data(&visit.get(&visit.doctor.account, path).await)["items"].clone();
    let hand_over = |mode: &str| json!({"roomId": "c-1", "mode": mode});
    assert_eq!(recordings().await, json!([]));

    assert_eq!(doctor.ask("hand-over", &hand_over("sfu")).await["ok"], true);
    let asked = patient.next("recording-request").await;
    let consent = json!({"roomId": "c-1", "consent": false});
    assert_eq!(patient.ask("recording-consent", &consent).await, json!({"ok": true}));

    while doctor.next("recording").await["status"] != "declined" {}
    for mode in ["p2p", "sfu"] {
        assert_eq!(doctor.ask("hand-over", &hand_over(mode)).await["ok"], true);
    }
    let start = json!({"roomId": "c-1", "action": "start"});
    let again = doctor.ask("recording", &start).await;
    assert_eq!(again["status"], "requested", "nobody asked by themselves once more: {again}");
    assert_ne!(again["recordingId"], asked["recordingId"]);
}

#[tokio::test]
async fn who_declines_is_not_filmed() {
    let mut call = Call::carried("sfu", &BUCKET).await;
    let start = json!({"roomId": "c-1", "action": "start"});
    call.doctor.ask("recording", &start).await;
    call.patient.next("recording-request").await;

    call.patient.ask("recording-consent", &json!({"roomId": "c-1", "consent": false})).await;

    while call.doctor.next("recording").await["status"] != "declined" {}
    assert!(!call.asked().contains(&"StartRoomCompositeEgress".to_owned()));
}

#[tokio::test]
async fn who_agrees_when_the_call_is_back_with_the_browsers_is_not_filmed() {
    let mut call = Call::carried("sfu", &BUCKET).await;
    call.doctor.ask("recording", &json!({"roomId": "c-1", "action": "start"})).await;
    call.patient.next("recording-request").await;
    assert_eq!(call.hand_over("p2p").await["ok"], true);

    let consent = json!({"roomId": "c-1", "consent": true});
    let answer = call.patient.ask("recording-consent", &consent).await;

    assert_eq!(answer["error"]["code"], "conflict", "{answer}");
    assert!(!call.asked().contains(&"StartRoomCompositeEgress".to_owned()));
    let path = "/api/consultations/c-1/recordings";
    let recordings = data(&call.visit.get(&call.visit.doctor.account, path).await);
    assert_eq!(recordings["items"][0]["status"], "requested");
}

#[tokio::test]
async fn without_a_media_server_there_is_nowhere_to_move() {
    let visit = Visit::start().await;
    visit.opened("c-1").await;
    let (mut doctor, _) = visit.inside("c-1", &visit.doctor.account.token).await;

    let answer = doctor.ask("hand-over", &json!({"roomId": "c-1", "mode": "sfu"})).await;

    assert_eq!(answer["error"]["code"], "not_configured", "{answer}");
    let recorded = doctor.ask("recording", &json!({"roomId": "c-1", "action": "start"})).await;
    assert_eq!((&recorded["ok"], &recorded["mock"]), (&json!(true), &json!(true)), "{recorded}");
    assert_eq!(doctor.next("recording").await["status"], "mock");
    let sfu = json!({"mode": "sfu"});
    let body = crate::support::care::joined(visit.draft("c-2"), sfu);
    assert_eq!(visit.care.post(&visit.doctor.account, CREATE, body).await.status, 503);
}
