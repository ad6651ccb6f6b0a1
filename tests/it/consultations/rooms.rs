//! Rooms: which are open, and how well calls go in them.

use serde_json::{Value, json};

use super::{Visit, data};

#[tokio::test]
async fn rooms_are_open_while_somebody_is_in_them() {
    let visit = Visit::start().await;
    visit.opened("c-1").await;
    let rooms = async |by, path: &str| {
        let answer = visit.get(by, path).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        data(&answer)
    };
    let doctor = &visit.doctor.account;
    assert_eq!(rooms(doctor, "/api/rooms/active").await, json!({"rooms": [], "count": 0}));

    visit.step("c-1", "start").await;
    assert_eq!(rooms(doctor, "/api/rooms/active").await["count"], 0, "it began without anybody");
    let (mut socket, _) = visit.inside("c-1", &doctor.token).await;

    // Who is there is written a moment after they came or left.
    let listed = async |count: u64, participants: u64| {
        crate::support::within("the room to be listed as it is", async {
            loop {
                let open = rooms(doctor, "/rooms/active").await;
                let inside = open["rooms"][0]["numParticipants"].as_u64().unwrap_or_default();
                if open["count"] == count && inside == participants {
                    return open["rooms"][0].clone();
                }
            }
        })
        .await
    };
    let room = listed(1, 1).await;
    assert_eq!(
        (&room["name"], &room["consultationId"], &room["mode"], &room["participants"][0]),
        (
            &json!("consultation-c-1"),
            &json!("c-1"),
            &json!("p2p"),
            &json!(format!("doctor-{}", visit.doctor.id))
        )
    );
    let stranger = visit.care.doctor(json!({})).await;
    assert_eq!(rooms(&stranger.account, "/api/rooms/active").await["count"], 0);
    socket.ask("leave", &json!({"roomId": "c-1"})).await;
    listed(0, 0).await;
    visit.inside("c-1", &doctor.token).await;
    listed(1, 1).await;
    visit.step("c-1", "end").await;
    assert_eq!(rooms(&visit.care.admin, "/api/rooms/active").await["count"], 0);
}

#[tokio::test]
async fn quality_is_the_mean_of_what_participants_measure() {
    let visit = Visit::start().await;
    visit.opened("c-1").await;
    let path = "/api/rooms/consultation-c-1/stats";
    let report = async |by, body: Value| visit.care.post(by, path, body).await.status.as_u16();
    let (patient, doctor) = (&visit.patient.account, &visit.doctor.account);

    let nothing = data(&visit.get(doctor, path).await);
    let sample = json!({"latencyMs": 80, "packetLossPct": 0.5, "resolution": "640x360"});
    assert_eq!(report(patient, sample).await, 202);
    let sample = json!({"latencyMs": 100, "bitrateKbps": 1800, "resolution": "1280x720"});
    assert_eq!(report(doctor, sample).await, 202);

    assert_eq!((&nothing["quality"], &nothing["windowSeconds"]), (&Value::Null, &json!(60)));
    for path in [path, "/rooms/c-1/stats"] {
        let stats = data(&visit.get(doctor, path).await);
        assert_eq!(
            (&stats["roomName"], &stats["source"]),
            (&json!("consultation-c-1"), &json!("clients"))
        );
        assert_eq!(
            stats["quality"],
            json!({"latencyMs": 90.0, "packetLossPct": 0.5, "bitrateKbps": 1800.0,
                "resolution": "1280x720", "frameRate": null, "jitterMs": null, "samples": 2})
        );
    }
    for (sample, pointer) in [
        (json!({"packetLossPct": 101}), "/packetLossPct"),
        (json!({"latencyMs": -1}), "/latencyMs"),
        (json!({"resolution": "large"}), "/resolution"),
    ] {
        let answer = visit.care.post(patient, path, sample).await;
        assert_eq!(
            (answer.status.as_u16(), &answer.json()["errors"][0]["pointer"]),
            (422, &json!(pointer))
        );
        let detail = answer.json()["errors"][0]["detail"].as_str().unwrap().to_owned();
        assert!(detail.len() < 30, "{detail}");
    }
    assert_eq!(report(&visit.care.admin, json!({})).await, 403);
}

#[tokio::test]
async fn nobody_is_at_the_media_server_in_a_call_between_browsers() {
    let visit = Visit::start().await;
    visit.opened("c-1").await;
    let path = "/api/rooms/c-1/participants/patient-1";

    let away =
        visit.care.post(&visit.doctor.account, &format!("{path}/disconnect"), Value::Null).await;
    assert_eq!(away.status, 404);
    let mute = json!({"source": "microphone", "muted": true});
    let mute = visit.care.post(&visit.doctor.account, &format!("{path}/mute"), mute).await;
    assert_eq!(mute.status, 404);
}
