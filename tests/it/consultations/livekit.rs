//! Consultations through a media server: its rooms, its recorder, and what it refuses.
//!
//! Tests without a word of the double run against a real server too, where one is named.

use serde_json::{Value, json};

use super::{CREATE, Visit, claims, data};
use crate::support::accounts;
use crate::support::care::joined;
use crate::support::livekit::MediaServer;
use crate::support::upstream::{Asked, Reply};

/// A bucket nobody asks for anything.
pub(super) const BUCKET: [(&str, &str); 5] = [
    ("AWS_S3_BUCKET", "films"),
    ("AWS_REGION", "us-east-1"),
    ("AWS_ACCESS_KEY_ID", "id"),
    ("AWS_SECRET_ACCESS_KEY", "secret"),
    ("AWS_S3_ENDPOINT", "http://127.0.0.1:9"),
];

async fn visit(server: &MediaServer, more: &[(&str, &str)]) -> Visit {
    Visit::start_with(&[&server.settings()[..], more].concat()).await
}

/// An id that no other run of the tests uses.
fn id() -> String {
    latido::auth::new_id("c-")
}

/// A consultation that was created to be filmed, and a recording that was asked for.
async fn recording(visit: &Visit, id: &str, consent: bool) -> Value {
    visit.opened(id).await;
    let path = format!("/api/consultations/{id}/recording/start");
    let body = json!({"roomName": format!("consultation-{id}"), "consent": consent});
    let answer = visit.care.post(&visit.doctor.account, &path, body).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    data(&answer)
}

/// The recording once it is that far.
pub(super) async fn until(
    visit: &Visit,
    recording: &Value,
    is_far: impl Fn(&Value) -> bool,
) -> Value {
    let path = format!("/api/recordings/{}", recording["recordingId"]);
    crate::support::within("a recording", async {
        loop {
            let shown = data(&visit.get(&visit.doctor.account, &path).await);
            if is_far(&shown) {
                return shown;
            }
            tokio::task::yield_now().await;
        }
    })
    .await
}

#[tokio::test]
async fn the_room_is_opened_with_the_consultation_and_closed_with_it() {
    let server = MediaServer::start().await;
    let (visit, id) = (visit(&server, &[]).await, id());
    let room = format!("consultation-{id}");

    let created = visit.opened(&id).await;
    let again = visit.care.post(&visit.doctor.account, CREATE, visit.draft(&id)).await;

    assert!(server.rooms().await.contains(&room));
    let sid = created["roomSid"].as_str().unwrap();
    assert!(sid.starts_with("RM_") && !sid.starts_with("RM_mock_"), "{sid}");
    assert_eq!(data(&again)["roomSid"], sid);
    assert_eq!((&created["mode"], &created["livekitUrl"]), (&json!("sfu"), &json!(server.url)));
    assert_eq!(created["livekitWsUrl"], server.url.replace("http://", "ws://"));
    let claims = claims(&created["doctorToken"]);
    assert_eq!((&claims["iss"], claims.get("typ")), (&json!(server.key), None));
    visit.step(&id, "start").await;
    visit.step(&id, "end").await;
    crate::support::within("the room to close", async {
        while server.rooms().await.contains(&room) {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn nobody_is_sent_away_who_is_not_there() {
    let server = MediaServer::start().await;
    let (visit, id) = (visit(&server, &[]).await, id());
    visit.opened(&id).await;
    let path = format!("/api/rooms/{id}/participants/nobody");

    let away =
        visit.care.post(&visit.doctor.account, &format!("{path}/disconnect"), Value::Null).await;
    assert_eq!(away.status, 404);
    let mute = json!({"source": "camera", "muted": true});
    let mute = visit.care.post(&visit.doctor.account, &format!("{path}/mute"), mute).await;
    assert_eq!(mute.status, 404);
    let stats = visit.get(&visit.doctor.account, &format!("/api/rooms/{id}/stats")).await;
    assert_eq!(data(&stats)["numParticipants"], 0);
    let rooms = data(&visit.get(&visit.doctor.account, "/api/rooms/active").await);
    assert_eq!(rooms["rooms"][0]["consultationId"], json!(id));
    visit.step(&id, "cancel").await;
}

#[tokio::test]
async fn a_server_that_refuses_leaves_no_consultation() {
    let server = MediaServer::double().await;
    let visit = visit(&server, &[]).await;
    for (status, said) in [
        (401, json!({"code": "unauthenticated", "msg": "permissions denied"})),
        (503, json!({"code": "unavailable", "msg": "no response from servers"})),
        (200, json!({"unexpected": true})),
    ] {
        let body = said.clone();
        server.upstream().change(move |_| Reply::json(status, &body));

        let answer = visit.care.post(&visit.doctor.account, CREATE, visit.draft("c-1")).await;

        assert_eq!(answer.status, 502, "{said}: {}", answer.text());
        assert_eq!(answer.json()["type"], "urn:latido:problem:upstream-failed");
        assert!(!answer.text().contains("permissions denied"), "{}", answer.text());
    }
    server.upstream().change(|_| Reply::text(401, "invalid API key: otherkey"));
    let answer = visit.care.post(&visit.doctor.account, CREATE, visit.draft("c-1")).await;
    assert_eq!(answer.status, 502);
    let shown = visit.get(&visit.doctor.account, "/api/consultations/c-1").await;
    assert_eq!(shown.status, 404);
}

#[tokio::test]
async fn every_call_carries_the_grants_it_needs_and_no_more() {
    let server = MediaServer::double().await;
    let visit = visit(&server, &[("ROOM_IDLE_SECONDS", "90")]).await;
    visit.opened_with("c-1", json!({"maxParticipants": 4})).await;

    let asked = server.upstream().asked();

    let create = asked.iter().find(|it| it.path.ends_with("/CreateRoom")).unwrap();
    let body: Value = serde_json::from_slice(&create.body).unwrap();
    assert_eq!(
        body,
        json!({"name": "consultation-c-1", "empty_timeout": 90, "departure_timeout": 90,
            "max_participants": 4})
    );
    assert_eq!(create.header("content-type"), "application/json");
    let token = create.header("authorization").strip_prefix("Bearer ").unwrap();
    let claims = claims(&json!(token));
    assert_eq!(
        (&claims["video"], &claims["iss"]),
        (&json!({"roomCreate": true}), &json!("devkey"))
    );
}

/// What the double was told of rooms it was to open.
fn opened(server: &MediaServer) -> Vec<Value> {
    let asked = server.upstream().asked();
    let opened = asked.iter().filter(|it| it.path.ends_with("/CreateRoom"));
    opened.map(|it| serde_json::from_slice(&it.body).unwrap()).collect()
}

#[tokio::test]
async fn a_room_the_server_forgot_is_opened_again_for_whoever_asks_the_way_in() {
    let server = MediaServer::double().await;
    let visit = visit(&server, &[]).await;
    let first = visit.opened_with("c-1", json!({"maxParticipants": 4})).await;
    let (patient, doctor) = (&visit.patient.account, &visit.doctor.account);

    let paths = [
        (patient, "/api/consultations/c-1/join", json!({})),
        (patient, "/api/token", json!({"consultationId": "c-1"})),
        (doctor, CREATE, visit.draft("c-1")),
    ];
    for (by, path, body) in paths {
        server.forget();
        let answer = visit.care.post(by, path, body).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        assert_eq!(server.rooms().await, ["consultation-c-1"], "{path}");
    }
    server.forget();
    visit.inside("c-1", &patient.token).await;
    assert_eq!(server.rooms().await, ["consultation-c-1"]);

    let opened = opened(&server);
    assert_eq!(opened.len(), 5);
    assert!(opened.iter().all(|it| *it == opened[0]), "{opened:?}");
    let shown = data(&visit.get(doctor, "/api/consultations/c-1").await);
    assert_ne!(shown["roomSid"], first["roomSid"], "the end of this room is the call's");
}

#[tokio::test]
async fn who_waits_opens_no_room_and_who_is_admitted_finds_it_open() {
    let server = MediaServer::double().await;
    let visit = visit(&server, &[]).await;
    visit.opened_with("c-1", json!({"waitingRoom": true})).await;
    let (mut doctor, _) = visit.inside("c-1", &visit.doctor.account.token).await;
    server.forget();

    let path = "/api/consultations/c-1/join";
    visit.care.post(&visit.patient.account, path, Value::Null).await;
    let (mut patient, waits) = visit.inside("c-1", &visit.patient.account.token).await;
    assert_eq!(server.rooms().await, [""; 0]);
    let admit = json!({"roomId": "c-1", "peerId": waits["peerId"]});
    assert_eq!(doctor.ask("admit", &admit).await, json!({"ok": true}));

    assert!(patient.next("admitted").await["sfu"]["token"].is_string());
    assert_eq!(server.rooms().await, ["consultation-c-1"]);
}

#[tokio::test]
async fn a_server_that_fails_keeps_nobody_out_of_a_call() {
    let server = MediaServer::double().await;
    let visit = visit(&server, &[]).await;
    visit.opened("c-1").await;
    let said = json!({"code": "unavailable", "msg": "no response from servers"});
    server.upstream().change(move |_| Reply::json(503, &said));

    let path = "/api/consultations/c-1/join";
    let joined = visit.care.post(&visit.patient.account, path, Value::Null).await;

    assert_eq!(joined.status, 200, "{}", joined.text());
    let (mut patient, _) = visit.inside("c-1", &visit.patient.account.token).await;
    assert_eq!(patient.next("hand-over").await["reason"], "fallback");
}

#[tokio::test]
async fn a_doctor_sends_away_and_silences_whoever_is_there() {
    let server = MediaServer::double().await;
    let visit = visit(&server, &[]).await;
    visit.opened("c-1").await;
    let identity = format!("patient-{}", visit.patient.id);
    let track = |sid: &str, source: &str| json!({"sid": sid, "type": "AUDIO", "name": "", "muted": false, "source": source});
    let tracks = json!([track("TR_1", "CAMERA"), track("TR_2", "MICROPHONE")]);
    server.seat("consultation-c-1", &identity, &tracks);
    let path = format!("/api/rooms/consultation-c-1/participants/{identity}");
    let mute = async |source: &str, muted: bool| {
        let body = json!({"source": source, "muted": muted});
        visit.care.post(&visit.doctor.account, &format!("{path}/mute"), body).await.status.as_u16()
    };
    let stats = async || data(&visit.get(&visit.doctor.account, "/api/rooms/c-1/stats").await);

    assert_eq!(mute("microphone", true).await, 200);
    assert_eq!(mute("screen_share", true).await, 404);
    assert_eq!(mute("microphone", false).await, 409, "the server does not unmute");
    let seat = &stats().await["participants"][0];
    assert_eq!(
        (&seat["identity"], &seat["role"], &seat["state"], &seat["publishing"]),
        (&json!(identity), &json!("patient"), &json!("active"), &json!(["camera"]))
    );
    let away =
        visit.care.post(&visit.doctor.account, &format!("{path}/disconnect"), json!({})).await;
    assert_eq!(data(&away), json!({"disconnected": true}));
    assert_eq!(stats().await["numParticipants"], 0);
    let sql = "select count(*) from audit_log where action like 'participant_%'";
    assert_eq!(accounts::value::<i64>(visit.care.latido.database.url(), sql).await, 2);
}

#[tokio::test]
async fn a_recorder_that_is_slow_keeps_nobody_waiting() {
    let server = MediaServer::double().await;
    let visit = visit(&server, &BUCKET).await;
    visit.opened("c-1").await;
    server.upstream().change(|_| Reply::Silence);

    let path = "/api/consultations/c-1/recording/start";
    let answer = visit.care.post(&visit.doctor.account, path, json!({"consent": true})).await;

    let started = data(&answer);
    assert_eq!(
        (&started["status"], &started["mock"], &started["egressId"]),
        (&json!("starting"), &json!(false), &Value::Null)
    );
    let shown = data(&visit.get(&visit.doctor.account, "/api/consultations/c-1").await);
    assert_eq!(shown["recording"], "active");
}

#[tokio::test]
async fn a_film_is_asked_for_once_and_stopped_by_its_name() {
    let server = MediaServer::double().await;
    let visit = visit(&server, &BUCKET).await;
    let started = recording(&visit, "c-1", true).await;
    let named = until(&visit, &started, |it| it["egressId"].is_string()).await;

    let again = visit.step("c-1", "recording/start").await;
    let stopped = visit.step("c-1", "recording/stop").await;

    assert_eq!(again.status, 409);
    assert_eq!(data(&stopped)["status"], "stopping");
    let is_stop = |it: &Asked| it.path.ends_with("/StopEgress");
    crate::support::within("the film to be stopped", async {
        while !server.upstream().asked().iter().any(is_stop) {
            tokio::task::yield_now().await;
        }
    })
    .await;
    let asked = server.upstream().asked();
    let start = asked.iter().find(|it| it.path.ends_with("/StartRoomCompositeEgress")).unwrap();
    let body: Value = serde_json::from_slice(&start.body).unwrap();
    assert_eq!(
        body,
        json!({"room_name": "consultation-c-1", "layout": "grid", "file_outputs": [{
            "file_type": "MP4", "filepath": named["filepath"], "s3": {"access_key": "id",
                "secret": "secret", "region": "us-east-1", "bucket": "films",
                "endpoint": "http://127.0.0.1:9", "force_path_style": false}}]})
    );
    let stop = asked.iter().find(|it| is_stop(it)).unwrap();
    let body: Value = serde_json::from_slice(&stop.body).unwrap();
    assert_eq!(body, json!({"egress_id": named["egressId"]}));
}

#[tokio::test]
async fn without_a_recorder_the_recording_has_failed() {
    let server = MediaServer::double().await;
    let visit = visit(&server, &BUCKET).await;
    visit.opened("c-1").await;
    let mut doctor = visit.care.connect(&visit.doctor).await;
    let said =
        json!({"code": "unavailable", "msg": "twirp error unknown: no response from servers"});
    server.upstream().change(move |_| Reply::json(503, &said));

    let path = "/api/consultations/c-1/recording/start";
    let answer = visit.care.post(&visit.doctor.account, path, json!({"consent": true})).await;

    let failed = until(&visit, &data(&answer), |it| it["status"] == "failed").await;
    assert_eq!(failed["error"], "media server failed");
    for mark in ["active", "none"] {
        assert_eq!(doctor.next("consultation:update").await["recording"], mark);
    }
}

#[tokio::test]
async fn who_was_not_asked_is_not_filmed() {
    let server = MediaServer::double().await;
    let asking = visit(&server, &BUCKET).await;

    let requested = recording(&asking, "c-1", false).await;

    assert_eq!((&requested["status"], &requested["egressId"]), (&json!("requested"), &Value::Null));
    let film = |it: &Asked| it.path.ends_with("/StartRoomCompositeEgress");
    assert!(!server.upstream().asked().iter().any(film));
    let answer = asking.get(&asking.patient.account, "/api/consultations/c-1/precheck").await;
    assert_eq!(data(&answer)["recordingConsentNeeded"], true);
    let settings = [&BUCKET[..], &[("RECORDING_REQUIRE_CONSENT", "false")]].concat();
    let free = visit(&server, &settings).await;
    assert_eq!(recording(&free, "c-2", false).await["status"], "starting");
    let peers = joined(free.draft("c-3"), json!({"mode": "p2p"}));
    assert_eq!(free.care.post(&free.doctor.account, CREATE, peers).await.status, 201);
    assert_eq!(free.step("c-3", "recording/start").await.status, 409);
}
