//! Who may no longer be in a call: out of the room, of the media server, and of what their tokens open.

use std::time::{Duration, Instant};

use latido::domain::identity::Role;
use serde_json::{Value, json};

use super::handover::Call;
use super::{CREATE, Visit, claims, data};
use crate::support::accounts::{self, Account};
use crate::support::livekit::MediaServer;
use crate::support::within;

const ROOM: &str = "consultation-c-1";
/// The contract's bound on everything that must act at once.
const AT_ONCE: Duration = Duration::from_secs(1);

impl Call {
    /// The claims of a token that somebody asks for.
    async fn handed(&self, to: &Account) -> Value {
        claims(&Value::from(self.token(to).await))
    }

    async fn token(&self, to: &Account) -> String {
        let answer = self.visit.care.post(to, "/api/consultations/c-1/join", Value::Null).await;
        data(&answer)["token"].as_str().unwrap().to_owned()
    }

    fn patient_identity(&self) -> String {
        format!("patient-{}", self.visit.patient.id)
    }

    /// Somebody comes to the media server, which tells.
    async fn come(&self, claims: &Value) {
        let event = self.server.admit(claims);
        let answer = self.server.tell(&self.visit.care.latido, &event).await;
        assert_eq!(answer.status, 204, "{}", answer.text());
    }

    async fn switch(&self, account: &Account, step: &str) {
        let path = format!("/users/{}/{step}", account.id);
        let care = &self.visit.care;
        let answer = care.post(&care.admin, &path, Value::Null).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
    }

    async fn present(&self) -> Vec<Value> {
        let shown = self.visit.get(&self.visit.doctor.account, "/api/consultations/c-1").await;
        let stays = data(&shown)["participants"].as_array().unwrap().clone();
        stays.into_iter().filter(|stay| stay.get("leftAt").is_none()).collect()
    }
}

/// Waits until nobody of that name is at the media server.
async fn gone(server: &MediaServer, identity: &str) {
    within("somebody to be out of the media server", async {
        while server.holds(ROOM, identity) {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn who_was_put_out_of_the_server_is_put_out_when_they_come_back() {
    let mut call = Call::carried("sfu", &[]).await;
    let identity = call.patient_identity();
    let before = call.handed(&call.visit.patient.account).await;
    call.come(&before).await;
    let kick = json!({"roomId": "c-1", "peerId": call.peers[1]});

    assert_eq!(call.doctor.ask("kick", &kick).await, json!({"ok": true}));
    assert!(!call.server.holds(ROOM, &identity));
    let removals = call.asked().iter().filter(|method| *method == "RemoveParticipant").count();
    assert_eq!(removals, 1);
    let left = call.server.admit(&before);
    call.server.tell(&call.visit.care.latido, &left).await;
    gone(&call.server, &identity).await;

    // Who signs in and asks anew is let in, and what they had before is not beside it.
    let anew = call.handed(&call.visit.patient.account).await;
    call.come(&before).await;
    gone(&call.server, &identity).await;
    call.come(&anew).await;
    assert!(call.present().await.iter().any(|stay| stay["identity"] == identity));
    assert!(call.server.holds(ROOM, &identity));
}

#[tokio::test]
async fn what_was_handed_out_by_creating_anew_lets_in_who_was_put_out() {
    let mut call = Call::carried("sfu", &[]).await;
    let identity = call.patient_identity();
    let kick = json!({"roomId": "c-1", "peerId": call.peers[1]});
    assert_eq!(call.doctor.ask("kick", &kick).await, json!({"ok": true}));

    let draft = call.visit.draft("c-1");
    let again = data(&call.visit.care.post(&call.visit.doctor.account, CREATE, draft).await);

    call.come(&claims(&again["patientToken"])).await;
    assert!(call.present().await.iter().any(|stay| stay["identity"] == identity));
    let token = again["patientToken"].as_str().unwrap();
    let (_patient, joined) = call.visit.inside("c-1", token).await;
    assert_eq!(joined["role"], "patient");
}

#[tokio::test]
async fn a_server_that_fails_is_asked_until_they_are_gone() {
    let mut call = Call::carried("sfu", &[]).await;
    let identity = call.patient_identity();
    call.come(&call.handed(&call.visit.patient.account).await).await;
    call.server.fail(true);
    let kick = json!({"roomId": "c-1", "peerId": call.peers[1]});

    let answer = call.doctor.ask("kick", &kick).await;

    assert_eq!(answer["ok"], false, "they may still be heard: {answer}");
    call.patient.next("kicked").await;
    assert!(call.server.holds(ROOM, &identity));
    call.server.fail(false);
    gone(&call.server, &identity).await;
}

#[tokio::test]
async fn who_is_sent_back_to_the_lobby_is_out_of_the_server_until_admitted_again() {
    let server = MediaServer::double().await;
    let visit = Visit::start_with(&server.settings()).await;
    visit.opened_with("c-1", json!({"waitingRoom": true})).await;
    let (mut doctor, first) = visit.inside("c-1", &visit.doctor.account.token).await;
    let (mut patient, waiting) = visit.inside("c-1", &visit.patient.account.token).await;
    assert_eq!((&waiting["status"], waiting.get("sfu")), (&json!("waiting"), None));
    let peers = [&first, &waiting].map(|it| it["peerId"].as_str().unwrap().to_owned());
    let peer = |told: &Value| json!({"roomId": "c-1", "peerId": told["peerId"]});
    assert_eq!(doctor.ask("admit", &peer(&waiting)).await, json!({"ok": true}));
    let admitted = patient.next("admitted").await;
    let before = claims(&admitted["sfu"]["token"]);
    assert_eq!(before["video"]["roomJoin"], true);
    let mut call = Call { server, visit, doctor, patient, peers };
    let identity = call.patient_identity();
    call.come(&before).await;
    assert!(call.present().await.iter().any(|stay| stay["identity"] == identity));

    assert_eq!(call.doctor.ask("return-to-lobby", &peer(&admitted)).await, json!({"ok": true}));

    assert!(call.asked().contains(&"RemoveParticipant".to_owned()));
    assert!(!call.server.holds(ROOM, &identity));
    let path = "/api/consultations/c-1/join";
    let asked = call.visit.care.post(&call.visit.patient.account, path, Value::Null).await;
    assert_eq!(data(&asked)["status"], "waiting");
    let (mut patient, waits) = call.visit.inside("c-1", &call.visit.patient.account.token).await;
    assert_eq!(waits["status"], "waiting");
    // Asking anew opens no door by which an old token gets in.
    call.come(&before).await;
    gone(&call.server, &identity).await;
    assert_eq!(call.doctor.ask("admit", &peer(&waits)).await, json!({"ok": true}));
    let admitted = patient.next("admitted").await;
    let anew = claims(&admitted["sfu"]["token"]);
    call.come(&anew).await;
    assert!(call.present().await.iter().any(|stay| stay["identity"] == identity));
    call.come(&before).await;
    gone(&call.server, &identity).await;

    // Who leaves waits again, whatever token is left of before.
    call.come(&anew).await;
    patient.ask("leave", &json!({"roomId": "c-1"})).await;
    gone(&call.server, &identity).await;
    call.come(&anew).await;
    gone(&call.server, &identity).await;
}

#[tokio::test]
async fn an_account_that_is_switched_off_is_out_of_the_call_within_a_second() {
    let mut call = Call::carried("sfu", &[]).await;
    let (patient, identity) = (call.visit.patient.account.clone(), call.patient_identity());
    let own = call.token(&patient).await;
    let draft = call.visit.draft("c-1");
    let again = data(&call.visit.care.post(&call.visit.doctor.account, CREATE, draft).await);
    let handed = again["patientToken"].as_str().unwrap().to_owned();
    let mut sockets = vec![
        call.visit.signaling(&own).await,
        call.visit.signaling(&handed).await,
        call.visit.inside("c-1", &handed).await.0,
    ];
    call.come(&claims(&Value::from(own.as_str()))).await;
    let begun = Instant::now();

    call.switch(&patient, "deactivate").await;

    for socket in &mut sockets {
        within("a socket to be closed", socket.ended()).await;
    }
    gone(&call.server, &identity).await;
    assert!(begun.elapsed() < AT_ONCE, "{:?}", begun.elapsed());
    while call.doctor.next("peer-left").await["peerId"] == call.peers[1] {}
    // Nothing of before comes back, also not when the account does.
    call.come(&claims(&Value::from(own.as_str()))).await;
    gone(&call.server, &identity).await;
    for token in [&own, &handed] {
        let refused = call.visit.care.latido.join("/signaling", &json!({"token": token})).await;
        assert!(refused.is_err());
    }
    call.switch(&patient, "activate").await;
    for token in [&own, &handed] {
        call.come(&claims(&Value::from(token.as_str()))).await;
        gone(&call.server, &identity).await;
    }
}

#[tokio::test]
async fn a_session_that_ends_takes_along_what_was_handed_out_in_it_and_nothing_else() {
    let mut call = Call::carried("sfu", &[]).await;
    let identity = call.patient_identity();
    let phone = call.visit.patient.account.clone();
    let url = call.visit.care.latido.database.url();
    let desk = accounts::sign_in(url, phone.id, Role::Patient).await;
    let (by_phone, by_desk) = (call.token(&phone).await, call.token(&desk).await);
    let mut on_phone = call.visit.signaling(&by_phone).await;
    let mut at_desk = call.visit.signaling(&by_desk).await;
    call.come(&claims(&Value::from(by_phone.as_str()))).await;
    let begun = Instant::now();

    let out = call.visit.care.latido.call("POST", "/auth/logout").bearer(&phone.token);
    assert_eq!(out.send().await.status, 204);

    within("the phone's socket to be closed", on_phone.ended()).await;
    gone(&call.server, &identity).await;
    assert!(begun.elapsed() < AT_ONCE, "{:?}", begun.elapsed());
    within("the phone's seat to be given up", async {
        while call.doctor.next("peer-left").await["peerId"] != call.peers[1] {}
    })
    .await;
    call.come(&claims(&Value::from(by_phone.as_str()))).await;
    gone(&call.server, &identity).await;
    let refused = call.visit.care.latido.join("/signaling", &json!({"token": by_phone})).await;
    assert_eq!(refused.err().unwrap()["data"]["code"], "unauthenticated");
    let joined = at_desk.ask("join", &json!({"roomId": "c-1"})).await;
    assert_eq!(joined["role"], "patient", "{joined}");
    call.come(&claims(&Value::from(by_desk.as_str()))).await;
    assert!(call.present().await.iter().any(|stay| stay["identity"] == identity));
    assert!(call.server.holds(ROOM, &identity));
}

#[tokio::test]
async fn a_lost_role_ends_what_was_handed_out_for_it() {
    let call = Call::carried("sfu", &[]).await;
    let observer = call.visit.care.latido.account(Role::Admin).await;
    let identity = format!("observer-{}", observer.id);
    let token = call.token(&observer).await;
    let mut socket = call.visit.signaling(&token).await;
    call.come(&claims(&Value::from(token.as_str()))).await;
    let begun = Instant::now();

    let path = format!("/users/{}", observer.id);
    let client = json!({"roles": ["client"], "primary_role": "client"});
    let changed = call.visit.care.ask(&call.visit.care.admin, "PATCH", &path, client).await;
    assert_eq!(changed.status, 200, "{}", changed.text());

    within("a socket to be closed", socket.ended()).await;
    gone(&call.server, &identity).await;
    assert!(begun.elapsed() < AT_ONCE, "{:?}", begun.elapsed());
    let refused = call.visit.care.latido.join("/signaling", &json!({"token": token})).await;
    assert_eq!(refused.err().unwrap()["data"]["code"], "forbidden");
}

#[tokio::test]
async fn an_invitation_that_is_taken_back_ends_its_guest() {
    let mut call = Call::carried("sfu", &[]).await;
    let invitation = call.visit.invited("c-1", json!({"role": "patient"})).await;
    let redeemed = data(&call.visit.redeemed(&invitation).await);
    let token = redeemed["token"].as_str().unwrap();
    let (mut guest, joined) = call.visit.inside("c-1", token).await;
    let identity = format!("guest-{}", invitation["inviteId"]);
    call.come(&claims(&redeemed["token"])).await;
    assert!(call.server.holds(ROOM, &identity));
    let begun = Instant::now();

    let path = format!("/api/consultations/c-1/invites/{}", invitation["inviteId"]);
    let doctor = call.visit.doctor.account.clone();
    let revoked = call.visit.care.ask(&doctor, "DELETE", &path, Value::Null).await;
    assert_eq!(revoked.status, 204);

    within("the guest's socket to be closed", guest.ended()).await;
    gone(&call.server, &identity).await;
    assert!(begun.elapsed() < AT_ONCE, "{:?}", begun.elapsed());
    within("the guest's seat to be given up", async {
        while call.doctor.next("peer-left").await["peerId"] != joined["peerId"] {}
    })
    .await;
    call.come(&claims(&redeemed["token"])).await;
    gone(&call.server, &identity).await;
    let refused = call.visit.care.latido.join("/signaling", &json!({"token": token})).await;
    assert_eq!(refused.err().unwrap()["data"]["code"], "unauthenticated");
}
