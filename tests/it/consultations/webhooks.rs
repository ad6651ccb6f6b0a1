//! What the media server tells by itself: believed when it is signed, done once, in any order.

use serde_json::{Value, json};

use super::{Visit, data};
use crate::support::accounts;
use crate::support::livekit::MediaServer;

const ROOM: &str = "consultation-c-1";

/// An event of a room, as the server writes it.
fn event(id: &str, name: &str) -> Value {
    json!({"event": name, "room": {"sid": "RM_vLGVs2Uho8xh", "name": ROOM, "emptyTimeout": 300,
        "departureTimeout": 20, "creationTime": "1795479008", "creationTimeMs": "1795479008360",
        "turnPassword": "mz5pJWK0r85W3h0ptc5WRvnSTCUPjIvvoPefQqa7xMo",
        "enabledCodecs": [{"mime": "audio/opus"}]}, "id": id, "createdAt": "1795479059"})
}

/// An event of somebody whose stay began at that millisecond.
fn of(id: &str, name: &str, identity: &str, role: &str, joined: i64) -> Value {
    let metadata = json!({"role": role, "consultationId": "c-1", "userId": identity}).to_string();
    let mut event = event(id, name);
    event["participant"] = json!({"sid": "PA_y3q8GEgARmjB", "identity": identity,
        "state": "ACTIVE", "metadata": metadata, "joinedAt": (joined / 1000).to_string(),
        "joinedAtMs": joined.to_string(), "version": 8,
        "permission": {"canSubscribe": true, "canPublish": true, "canPublishData": true},
        "clientProtocol": 2});
    event
}

struct Told {
    server: MediaServer,
    visit: Visit,
    /// Of the room that was opened with the consultation.
    sid: Value,
}

impl Told {
    async fn start(more: &[(&str, &str)]) -> Self {
        let server = MediaServer::double().await;
        let visit = Visit::start_with(&[&server.settings()[..], more].concat()).await;
        let sid = visit.opened("c-1").await["roomSid"].clone();
        Self { server, visit, sid }
    }

    async fn tell(&self, event: &Value) {
        let mut event = event.clone();
        event["room"]["sid"] = self.sid.clone();
        self.tell_as_is(&event).await;
    }

    async fn tell_as_is(&self, event: &Value) {
        let answer = self.server.tell(&self.visit.care.latido, event).await;
        assert_eq!(answer.status, 204, "{}", answer.text());
    }

    async fn shown(&self) -> Value {
        data(&self.visit.get(&self.visit.doctor.account, "/api/consultations/c-1").await)
    }
}

#[tokio::test]
async fn who_is_at_the_server_counts_once() {
    let told = Told::start(&[]).await;
    let hub = told.visit.care.latido.hub();
    let doctor = format!("doctor-{}", told.visit.doctor.id);
    let patient = format!("patient-{}", told.visit.patient.id);
    let counted = async |rooms: u64, peers: u64| {
        crate::support::within("everybody to be counted", async {
            loop {
                let stats = hub.stats().await;
                if (stats.active_rooms, stats.peers) == (rooms, peers) {
                    return stats;
                }
                tokio::task::yield_now().await;
            }
        })
        .await
    };

    told.tell(&of("EV_1", "participant_joined", &patient, "patient", 1_000)).await;
    told.tell(&of("EV_2", "participant_joined", &doctor, "doctor", 2_000)).await;
    assert_eq!(counted(1, 2).await.consultations_live, 1);
    let health = told.visit.care.latido.call("GET", "/health").send().await;
    assert_eq!(health.json()["activeRooms"], 1);
    let (_admin, _) = told.visit.inside("c-1", &told.visit.care.admin.token).await;
    let (_doctor, _) = told.visit.inside("c-1", &told.visit.doctor.account.token).await;
    counted(1, 3).await;
    told.visit.step("c-1", "end").await;
    counted(0, 0).await;
}

#[tokio::test]
async fn who_comes_and_goes_moves_the_consultation() {
    let told = Told::start(&[]).await;
    let mut doctor = told.visit.care.connect(&told.visit.doctor).await;
    let (patient, own) = ("patient-1", "doctor-1");

    told.tell(&event("EV_0", "room_started")).await;
    told.tell(&of("EV_1", "participant_joined", patient, "patient", 1_000)).await;
    told.tell(&of("EV_2", "participant_joined", own, "doctor", 2_000)).await;

    for (status, present) in [("waiting", 1), ("live", 2)] {
        let heard = doctor.next("consultation:update").await;
        assert_eq!(heard["status"], status);
        assert_eq!(heard["participants"].as_array().unwrap().len(), present);
    }
    let stats = told.visit.get(&told.visit.doctor.account, "/api/rooms/active").await;
    assert_eq!(data(&stats)["rooms"][0]["participants"], json!([patient, own]));
    told.tell(&of("EV_3", "participant_left", patient, "patient", 1_000)).await;
    assert!(told.shown().await["participants"][0]["leftAt"].is_string());
    told.tell(&event("EV_4", "room_finished")).await;
    let over = told.shown().await;
    assert_eq!(over["status"], "ended");
    assert!(over["participants"][1]["leftAt"].is_string(), "{over}");
}

#[tokio::test]
async fn the_end_of_a_room_that_was_replaced_ends_nothing() {
    let told = Told::start(&[]).await;
    told.visit.step("c-1", "start").await;

    told.tell_as_is(&event("EV_1", "room_finished")).await;
    assert_eq!(told.shown().await["status"], "live");

    // It opened again for whoever came after it had closed.
    told.tell_as_is(&event("EV_2", "room_started")).await;
    assert_eq!(told.shown().await["roomSid"], "RM_vLGVs2Uho8xh");
    told.tell_as_is(&event("EV_3", "room_finished")).await;
    assert_eq!(told.shown().await["status"], "ended");
}

#[tokio::test]
async fn what_is_told_twice_or_late_changes_nothing() {
    let told = Told::start(&[]).await;
    let joined = of("EV_1", "participant_joined", "patient-1", "patient", 1_000);
    told.tell(&joined).await;
    let first = told.shown().await;

    told.tell(&joined).await;

    assert_eq!(told.shown().await["version"], first["version"]);
    // They came back before it was told that they had left.
    told.tell(&of("EV_4", "participant_joined", "patient-1", "patient", 5_000)).await;
    told.tell(&of("EV_2", "participant_left", "patient-1", "patient", 1_000)).await;
    let shown = told.shown().await;
    let present: Vec<_> = shown["participants"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|it| it.get("leftAt").is_none())
        .collect();
    assert_eq!(present.len(), 1, "{shown}");
    // The end of a stay before its beginning.
    told.tell(&of("EV_5", "participant_left", "doctor-1", "doctor", 7_000)).await;
    told.tell(&of("EV_6", "participant_joined", "doctor-1", "doctor", 7_000)).await;
    assert_eq!(told.shown().await["status"], "waiting");
}

#[tokio::test]
async fn whose_connection_comes_to_nothing_was_never_there() {
    let told = Told::start(&[]).await;
    let aborted =
        |id, joined| of(id, "participant_connection_aborted", "patient-1", "patient", joined);

    told.tell(&aborted("EV_1", 1_000)).await;
    assert_eq!(told.shown().await["participants"], json!([]));

    // It ends what it was told had begun.
    told.tell(&of("EV_2", "participant_joined", "patient-1", "patient", 2_000)).await;
    told.tell(&aborted("EV_3", 2_000)).await;
    let shown = told.shown().await;
    assert_eq!(shown["participants"].as_array().unwrap().len(), 1);
    assert!(shown["participants"][0]["leftAt"].is_string(), "{shown}");
}

#[tokio::test]
async fn recorders_and_strangers_are_no_participants() {
    let told = Told::start(&[]).await;
    let mut recorder = of("EV_1", "participant_joined", "EG_1", "doctor", 1_000);
    recorder["participant"]["kind"] = json!("EGRESS");
    let mut stranger = of("EV_2", "participant_joined", "bob", "doctor", 1_000);
    stranger["participant"]["metadata"] = json!("");
    let mut elsewhere = of("EV_3", "participant_joined", "bob", "doctor", 1_000);
    elsewhere["room"]["name"] = json!("somebody-elses");
    for event in [recorder, stranger, elsewhere, event("EV_4", "track_published")] {
        told.tell(&event).await;
    }
    let shown = told.shown().await;
    assert_eq!((&shown["status"], &shown["participants"]), (&json!("created"), &json!([])));
}

#[tokio::test]
async fn only_what_the_server_signed_is_believed() {
    let told = Told::start(&[]).await;
    let (latido, body) = (&told.visit.care.latido, event("EV_1", "room_finished").to_string());
    let good = told.server.signature(&body);
    let other = told.server.signature("{}");
    let forged = format!("{}x", &good[..good.len() - 1]);
    for (body, token) in [
        (body.as_str(), other.as_str()),
        (&format!("{body} "), &good),
        (&body, &forged),
        (&body, "nonsense"),
        (&body, &format!("Bearer {good}")),
    ] {
        let answer = told.server.tell_signed(latido, body, token).await;
        assert_eq!(answer.status, 401, "{token}: {}", answer.text());
    }
    let answer = latido.call("POST", "/webhooks/livekit").body(body.clone()).send().await;
    assert_eq!(answer.status, 401);
    assert_eq!(told.server.tell_signed(latido, &body, &good).await.status, 204);
    let alone = Visit::start().await;
    let answer = told.server.tell_signed(&alone.care.latido, &body, &good).await;
    assert_eq!(answer.status, 401);
}

#[tokio::test]
async fn a_film_goes_as_far_as_the_recorder_says() {
    let bucket = [
        ("AWS_S3_BUCKET", "films"),
        ("AWS_REGION", "us-east-1"),
        ("AWS_ACCESS_KEY_ID", "id"),
        ("AWS_SECRET_ACCESS_KEY", "secret"),
    ];
    let told = Told::start(&bucket).await;
    let (visit, doctor) = (&told.visit, &told.visit.doctor.account);
    let path = "/api/consultations/c-1/recording/start";
    let started = data(&visit.care.post(doctor, path, json!({"consent": true})).await);
    let path = format!("/api/recordings/{}", started["recordingId"]);
    let shown = async || data(&visit.get(doctor, &path).await);
    let egress = crate::support::within("a name", async {
        loop {
            if let Some(name) = shown().await["egressId"].as_str() {
                return name.to_owned();
            }
            tokio::task::yield_now().await;
        }
    })
    .await;
    let film = |id: &str, status: &str| {
        json!({"event": "egress_updated", "egressInfo": {"egressId": egress, "roomName": ROOM,
            "status": status, "fileResults": [{"filename": "x", "size": "1048576",
                "duration": "61000000000"}]}, "id": id, "createdAt": "1795479059"})
    };

    told.tell(&film("EV_1", "EGRESS_ACTIVE")).await;
    assert_eq!(shown().await["status"], "recording");
    told.tell(&film("EV_2", "EGRESS_COMPLETE")).await;
    told.tell(&film("EV_3", "EGRESS_ACTIVE")).await;

    let complete = shown().await;
    assert_eq!(
        (&complete["status"], &complete["sizeBytes"], &complete["durationSeconds"]),
        (&json!("completed"), &json!(1_048_576), &json!(61))
    );
    let url = data(&visit.get(doctor, &format!("{path}/url")).await)["url"].clone();
    let url = url.as_str().unwrap();
    assert!(url.contains(started["filepath"].as_str().unwrap()), "{url}");
    assert!(url.contains("X-Amz-Expires=900") && url.contains("X-Amz-Signature="), "{url}");
    let sql = "select count(*) from audit_log where entity_type = 'recording_url'";
    assert_eq!(accounts::value::<i64>(visit.care.latido.database.url(), sql).await, 1);
}
