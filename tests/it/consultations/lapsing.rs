//! Consultations that everybody left: after a restart, before they began, and in the list of rooms.

use serde_json::{Value, json};

use super::{Visit, claims, data};
use crate::support::accounts;
use crate::support::care::Care;
use crate::support::livekit::MediaServer;
use crate::support::{Latido, within};

impl Visit {
    /// The same house on a node that was started again.
    async fn restarted(self, settings: &[(&str, &str)]) -> Self {
        let Self { care: Care { latido, admin }, doctor, patient } = self;
        let latido = Latido::on(latido.stop().await, settings).await;
        Self { care: Care { latido, admin }, doctor, patient }
    }

    /// The consultation once it is that far.
    async fn until(&self, id: &str, is_far: impl Fn(&Value) -> bool) -> Value {
        within("a consultation", async {
            loop {
                let shown = self.shown(id).await;
                if is_far(&shown) {
                    return shown;
                }
                tokio::task::yield_now().await;
            }
        })
        .await
    }

    /// As if it had been created two days ago and nothing had changed since yesterday.
    async fn pass_time(&self, id: &str) {
        let sql = format!(
            "update consultations set created_at = created_at - 172800000,
                updated_at = updated_at - 86400000 where id = '{id}'"
        );
        accounts::run(self.care.latido.database.url(), &sql).await;
    }
}

/// The identities of those who have not left.
fn present(shown: &Value) -> Vec<&str> {
    let participants = shown["participants"].as_array().unwrap().iter();
    let present = participants.filter(|it| it.get("leftAt").is_none());
    present.map(|it| it["identity"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn who_does_not_come_back_after_a_restart_has_left() {
    let visit = Visit::start().await;
    visit.opened("c-1").await;
    let (_doctor, _) = visit.inside("c-1", &visit.doctor.account.token).await;
    let (_patient, _) = visit.inside("c-1", &visit.patient.account.token).await;
    visit.until("c-1", |it| present(it).len() == 2).await;

    let visit = visit.restarted(&[("SIGNALING_GRACE_MS", "1000")]).await;
    assert_eq!(present(&visit.shown("c-1").await).len(), 2, "both may come back");
    let mut portal = visit.care.connect(&visit.patient).await;
    let (_patient, _) = visit.inside("c-1", &visit.patient.account.token).await;

    let shown = visit.until("c-1", |it| present(it).len() < 2).await;
    let patient = format!("patient-{}", visit.patient.id);
    assert_eq!(present(&shown), [patient.as_str()]);
    assert_eq!(shown["status"], "live");
    let told = portal.next("consultation:update").await;
    assert_eq!(told["participants"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn what_the_media_server_told_while_nobody_heard_is_asked_for() {
    let server = MediaServer::double().await;
    let visit = Visit::start_with(&server.settings()).await;
    visit.opened_with("c-1", json!({"mode": "sfu"})).await;
    let mut came = Vec::new();
    for person in [&visit.doctor, &visit.patient] {
        let path = "/api/consultations/c-1/join";
        let entry = data(&visit.care.post(&person.account, path, Value::Null).await);
        let claims = claims(&entry["token"]);
        server.tell(&visit.care.latido, &server.admit(&claims)).await;
        came.push((claims["sub"].as_str().unwrap().to_owned(), claims));
    }
    let [(doctor, _), (patient, claims)] = &came[..] else { panic!() };
    visit.until("c-1", |it| present(it).len() == 2).await;
    let away = format!("/api/rooms/c-1/participants/{patient}/disconnect");
    assert_eq!(visit.care.post(&visit.doctor.account, &away, json!({})).await.status, 200);

    // The doctor goes, and the patient comes again by the token from before, while no node listens.
    let Visit { care: Care { latido, admin }, doctor: person, patient: other } = visit;
    let database = latido.stop().await;
    server.lose("consultation-c-1", doctor);
    server.admit(claims);
    let latido = Latido::on(database, &server.settings()).await;
    let visit = Visit { care: Care { latido, admin }, doctor: person, patient: other };

    let shown = visit.until("c-1", |it| !present(it).contains(&doctor.as_str())).await;
    assert_eq!(shown["status"], "live", "the patient is known to be there");
    within("the old token to open nothing", async {
        while server.holds("consultation-c-1", patient) {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_consultation_that_waits_lapses_a_day_after_its_creation_unless_somebody_is_there() {
    let visit = Visit::start().await;
    for id in ["c-1", "c-2"] {
        visit.opened(id).await;
    }
    let (_patient, _) = visit.inside("c-1", &visit.patient.account.token).await;
    let (mut left, _) = visit.inside("c-2", &visit.patient.account.token).await;
    left.ask("leave", &json!({"roomId": "c-2"})).await;
    for (id, here) in [("c-1", 1), ("c-2", 0)] {
        let is_far = |it: &Value| it["status"] == "waiting" && present(it).len() == here;
        visit.until(id, is_far).await;
        visit.pass_time(id).await;
    }

    let lapsed = visit.until("c-2", |it| it["status"] != "waiting").await;

    assert_eq!(lapsed["status"], "cancelled");
    assert_eq!(visit.shown("c-1").await["status"], "waiting");
}

#[tokio::test]
async fn who_waits_at_the_lobby_keeps_a_consultation_from_lapsing() {
    let visit = Visit::start().await;
    visit.opened_with("c-1", json!({"waitingRoom": true})).await;
    visit.opened("c-2").await;
    let (_patient, waits) = visit.inside("c-1", &visit.patient.account.token).await;
    assert_eq!(waits["status"], "waiting");
    visit.until("c-1", |it| it["status"] == "waiting").await;
    for id in ["c-1", "c-2"] {
        visit.pass_time(id).await;
    }

    visit.until("c-2", |it| it["status"] == "cancelled").await;

    assert_eq!(visit.shown("c-1").await["status"], "waiting");
}
