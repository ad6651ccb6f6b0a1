//! Rooms and what writes about them after they failed.

use latido::actors::hub::Failing;
use serde_json::json;

use crate::support::rooms::Visit;

#[tokio::test]
async fn a_room_that_failed_goes_on_and_everybody_sees_how_it_stands() {
    let visit = Visit::start().await;
    visit.consultation("visit-2", false).await;
    let (mut doctor, mut patient, doctors, patients) = visit.both().await;
    let mut admin = visit.signaling(&visit.care.admin).await;
    let other = json!({ "roomId": "visit-2" });
    assert_eq!(admin.ask("join", &other).await["ok"], true);
    patient.ask("hand-raise", &visit.room(json!({ "raised": true }))).await;

    for _ in 0..3 {
        visit.latido().hub().inject_failure(&Failing::Room("visit-1".into()));
        for socket in [&mut doctor, &mut patient] {
            let state = socket.next("room-state").await;
            let peers = state["participants"].as_array().unwrap();
            let names: Vec<_> = peers.iter().map(|peer| peer["peerId"].as_str().unwrap()).collect();
            assert_eq!(names, [doctors.as_str(), patients.as_str()]);
            assert_eq!(peers[1]["handRaised"], true);
        }
    }

    let offer = json!({ "type": "offer", "sdp": "v=0" });
    let sent = visit.room(json!({ "to": patients, "sdp": offer }));
    assert_eq!(doctor.ask("offer", &sent).await, json!({ "ok": true }));
    assert_eq!(patient.next("offer").await["from"], doctors);
    assert_eq!(admin.ask("leave", &other).await["ok"], true, "the other room was not touched");
}

#[tokio::test]
async fn a_room_that_failed_hears_what_happened_meanwhile() {
    let visit = Visit::start().await;
    let mut portal = visit.care.connect(&visit.patient).await;
    let (mut doctor, mut patient, ..) = visit.both().await;
    while portal.next("consultation:update").await["status"] != "live" {}
    // So many failures that the next start is put off.
    for _ in 0..7 {
        visit.latido().hub().inject_failure(&Failing::Room("visit-1".into()));
    }

    let path = "/api/consultations/visit-1/end";
    let ended = visit.care.post(&visit.doctor.account, path, json!({})).await;

    assert_eq!(ended.status, 200, "{}", ended.text());
    for socket in [&mut doctor, &mut patient] {
        assert_eq!(socket.next("room-ended").await["reason"], "ended");
    }
}

#[tokio::test]
async fn what_is_written_about_consultations_survives_a_failure() {
    let visit = Visit::start().await;
    let mut portal = visit.care.connect(&visit.patient).await;
    visit.latido().hub().inject_failure(&Failing::Journal);

    let (mut doctor, ..) = visit.both().await;

    assert_eq!(portal.next("consultation:update").await["status"], "waiting");
    assert_eq!(portal.next("consultation:update").await["status"], "live");
    visit.latido().hub().inject_failure(&Failing::Journal);
    assert_eq!(doctor.ask("end", &visit.room(json!({}))).await["ok"], true);
    assert_eq!(portal.next("consultation:update").await["status"], "ended");
}
