//! Who may enter, and what the consultation's row learns of it.

use latido::auth;
use latido::domain::id::UserId;
use latido::domain::identity::Role;
use serde_json::{Value, json};

use crate::support::rooms::Visit;
use crate::support::{accounts, within};

fn refused(answer: &Value) -> &str {
    assert_eq!(answer["ok"], false, "{answer}");
    answer["error"]["code"].as_str().unwrap()
}

#[tokio::test]
async fn its_doctor_its_patient_and_observers_enter_and_nobody_else() {
    let visit = Visit::start().await;
    let stranger = visit.care.doctor(json!({})).await;
    let other = visit.care.patient(json!({ "doctor_id": visit.doctor.id })).await;
    let client = visit.latido().account(Role::Client).await;

    for (account, code) in
        [(&stranger.account, "not_found"), (&other.account, "not_found"), (&client, "forbidden")]
    {
        let mut socket = visit.signaling(account).await;
        assert_eq!(refused(&visit.enter(&mut socket).await), code);
    }
    let (mut doctor, joined) = visit.join(&visit.doctor.account).await;
    assert_eq!(joined["role"], "doctor");
    assert_eq!(joined["polite"], false);
    assert_eq!(joined["roomName"], "consultation-visit-1");
    assert_eq!((&joined["mode"], &joined["participants"]), (&json!("p2p"), &json!([])));
    assert_eq!(joined["iceServers"], json!([]));
    let (_patient, joined) = visit.join(&visit.patient.account).await;
    assert_eq!((&joined["role"], &joined["polite"]), (&json!("patient"), &json!(true)));
    assert_eq!(joined["participants"][0]["userId"], visit.doctor.account.id.to_string());
    let told = doctor.next("peer-joined").await;
    assert_eq!(told["peer"]["peerId"], joined["peerId"]);
    assert!(told["peer"]["displayName"].as_str().unwrap().starts_with("María"), "{told}");
    let (_admin, joined) = visit.join(&visit.care.admin).await;
    assert_eq!(joined["role"], "observer");
}

#[tokio::test]
async fn a_room_goes_by_its_name_too_and_by_no_other() {
    let visit = Visit::start().await;
    let mut socket = visit.signaling(&visit.doctor.account).await;

    let named = json!({ "roomId": "consultation-visit-1" });
    let joined = socket.ask("join-room", &named).await;
    assert_eq!(joined["roomId"], "visit-1", "{joined}");
    assert_eq!(
        socket.ask("hand-raise", &json!({"roomId": "consultation-visit-1", "raised": true})).await
            ["ok"],
        true
    );
    assert_eq!(socket.ask("leave-room", &named).await, json!({ "ok": true }));
    assert_eq!(refused(&socket.ask("leave", &named).await), "not_found");
    assert_eq!(refused(&socket.ask("join", &json!({ "roomId": "visit-2" })).await), "not_found");
    assert_eq!(refused(&socket.ask("join", &json!({ "roomId": "" })).await), "invalid");
}

#[tokio::test]
async fn a_consultation_waits_is_live_and_ends_and_everybody_is_told() {
    let visit = Visit::start().await;
    let mut portal = visit.care.connect(&visit.patient).await;

    let (mut doctor, _) = visit.join(&visit.doctor.account).await;
    let invite = portal.next("consultation:invite").await;
    assert_eq!(invite["consultationId"], "visit-1");
    assert_eq!(invite["from"]["userId"], visit.doctor.account.id);
    assert_eq!(portal.next("consultation:update").await["status"], "waiting");
    let early = doctor.ask("end", &visit.room(json!({}))).await;
    assert_eq!(refused(&early), "conflict", "only a live one ends");
    let (mut patient, _) = visit.join(&visit.patient.account).await;
    assert_eq!(portal.next("consultation:update").await["status"], "live");
    assert_eq!(refused(&patient.ask("end", &visit.room(json!({}))).await), "forbidden");

    assert_eq!(doctor.ask("end", &visit.room(json!({}))).await, json!({ "ok": true }));

    for socket in [&mut doctor, &mut patient] {
        let ended = socket.next("room-ended").await;
        assert_eq!((&ended["roomId"], &ended["reason"]), (&json!("visit-1"), &json!("ended")));
    }
    assert_eq!(portal.next("consultation:update").await["status"], "ended");
    assert_eq!(visit.column("status").await, "ended");
    assert!(visit.column("ended_at").await >= visit.column("started_at").await);
    assert_eq!(refused(&visit.enter(&mut patient).await), "conflict");
}

#[tokio::test]
async fn who_ends_it_elsewhere_closes_the_room() {
    let visit = Visit::start().await;
    let (mut doctor, ..) = visit.both().await;
    let update = json!({ "consultationId": "visit-1", "status": "cancelled", "mode": "p2p",
        "recording": "none", "timestamp": "2026-01-01T00:00:00.000Z" });

    visit.latido().publish("consultation:update", &[], &update).await;

    assert_eq!(doctor.next("room-ended").await["reason"], "cancelled");
    let gone = doctor.ask("hand-raise", &visit.room(json!({ "raised": true }))).await;
    assert_eq!(refused(&gone), "not_found");
}

#[tokio::test]
async fn who_ends_it_by_http_is_told_apart() {
    let visit = Visit::start().await;
    for (id, by, reason) in
        [("visit-2", &visit.doctor.account, "ended"), ("visit-3", &visit.care.admin, "admin")]
    {
        visit.consultation(id, false).await;
        let room = json!({ "roomId": id });
        let mut doctor = visit.signaling(&visit.doctor.account).await;
        assert_eq!(doctor.ask("join", &room).await["ok"], true);
        let path = format!("/api/consultations/{id}");
        let step = async |step: &str| {
            let answer = visit.care.post(by, &format!("{path}/{step}"), json!(null)).await;
            assert_eq!(answer.status, 200, "{}", answer.text());
        };
        step("start").await;

        step("end").await;

        assert_eq!(doctor.next("room-ended").await["reason"], reason, "{id}");
    }
}

#[tokio::test]
async fn an_end_that_was_refused_leaves_nothing_behind() {
    let visit = Visit::start().await;
    let (mut doctor, _) = visit.join(&visit.doctor.account).await;
    let early = doctor.ask("end", &visit.room(json!({}))).await;
    assert_eq!(refused(&early), "conflict", "only a live one ends");

    let path = "/api/consultations/visit-1/cancel";
    let cancelled = visit.care.post(&visit.doctor.account, path, json!(null)).await;

    assert_eq!(cancelled.status, 200, "{}", cancelled.text());
    assert_eq!(doctor.next("room-ended").await["reason"], "cancelled");
}

#[tokio::test]
async fn what_everybody_left_ends_as_idle() {
    let visit = Visit::start().await;
    let (mut admin, _) = visit.join(&visit.care.admin).await;
    let began = visit.care.post(&visit.care.admin, "/api/consultations/visit-1/start", json!(null));
    assert_eq!(began.await.status, 200);
    let here = "select count(*) from consultation_participants";
    within("the observer to be written down", async {
        while accounts::value::<i64>(visit.latido().database.url(), here).await == 0 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    let sql = "update consultations set updated_at = updated_at - 3600000";
    accounts::run(visit.latido().database.url(), sql).await;

    assert_eq!(admin.next("room-ended").await["reason"], "idle", "who looks on keeps nothing open");
    assert_eq!(visit.column("status").await, "ended");
}

#[tokio::test]
async fn a_lost_role_costs_the_seat_and_an_ended_session_too() {
    let visit = Visit::start().await;
    let (mut doctor, mut patient, _, patients) = visit.both().await;
    let (_admin, _) = visit.join(&visit.care.admin).await;
    let observer = doctor.next("peer-joined").await["peer"]["peerId"].clone();

    visit.latido().hub().account_changed(&auth::Account {
        user: UserId(visit.care.admin.id),
        primary_role: Role::Client,
        roles: vec![Role::Client],
        reference_id: None,
        active: true,
        version: 9,
    });
    let left = doctor.next("peer-left").await;
    assert_eq!((&left["peerId"], &left["reason"]), (&observer, &json!("kicked")));
    visit.latido().hub().revoke(
        &visit.patient.account.session.as_str().into(),
        latido::actors::hub::Revocation::Logout,
    );
    let left = doctor.next("peer-left").await;
    assert_eq!((&left["peerId"], &left["reason"]), (&json!(patients), &json!("disconnected")));
    patient.ended().await;
}

#[tokio::test]
async fn patients_neither_move_nor_record_a_call() {
    let visit = Visit::start().await;
    let (mut doctor, mut patient, ..) = visit.both().await;
    let hand_over = visit.room(json!({ "mode": "sfu" }));
    let record = visit.room(json!({ "action": "start" }));

    assert_eq!(refused(&doctor.ask("hand-over", &hand_over).await), "not_configured");
    assert_eq!(refused(&patient.ask("hand-over", &hand_over).await), "forbidden");
    assert_eq!(refused(&patient.ask("recording", &record).await), "forbidden");
    let consent = visit.room(json!({ "consent": true }));
    assert_eq!(refused(&doctor.ask("recording-consent", &consent).await), "forbidden");
    assert_eq!(refused(&patient.ask("recording-consent", &consent).await), "not_found");
}

#[tokio::test]
async fn what_an_administrator_ends_administrators_hear_of() {
    let visit = Visit::start().await;
    let (mut doctor, ..) = visit.both().await;
    let mut office = visit.latido().connect(&visit.care.admin).await;
    let (mut admin, _) = visit.join(&visit.care.admin).await;

    assert_eq!(admin.ask("end", &visit.room(json!({}))).await, json!({ "ok": true }));

    assert_eq!(doctor.next("room-ended").await["reason"], "admin");
    let heard = office.next("admin:event").await;
    assert_eq!(
        (&heard["eventType"], &heard["entityId"]),
        (&json!("consultation.ended"), &json!("visit-1"))
    );
}

#[tokio::test]
async fn a_peer_to_peer_room_holds_only_so_many() {
    let visit = Visit::with(&[("P2P_MAX_PEERS", "2")], false).await;
    let (mut doctor, ..) = visit.both().await;
    let mut admin = visit.signaling(&visit.care.admin).await;

    assert_eq!(refused(&visit.enter(&mut admin).await), "room_full");
    doctor.ask("leave", &visit.room(json!({}))).await;
    assert_eq!(refused(&visit.enter(&mut admin).await), "room_full", "the doctor's seat is kept");
}
