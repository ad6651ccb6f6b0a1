//! Guests: one link, one guest.

use serde_json::{Value, json};

use super::{Visit, claims, data, metadata};
use crate::support::http::Answer;
use crate::support::smtp::MailServer;

impl Visit {
    pub(super) async fn invited(&self, id: &str, more: Value) -> Value {
        let path = format!("/api/consultations/{id}/invite");
        let body = crate::support::care::joined(json!({"role": "observer"}), more);
        let answer = self.care.post(&self.doctor.account, &path, body).await;
        assert_eq!(answer.status, 201, "{}", answer.text());
        data(&answer)
    }

    /// Takes an invitation, signed in as nobody.
    pub(super) async fn redeemed(&self, invitation: &Value) -> Answer {
        let code = invitation["url"].as_str().unwrap().split("#code=").nth(1).unwrap();
        let call = self.care.latido.call("POST", "/api/consultations/redeem");
        call.json(&json!({"code": code})).send().await
    }
}

#[tokio::test]
async fn a_link_lets_one_guest_in_once() {
    let visit = Visit::start().await;
    visit.opened("c-1").await;
    let invitation = visit.invited("c-1", json!({"name": "Luis"})).await;
    let url = invitation["url"].as_str().unwrap();
    assert!(url.starts_with("http://localhost:3002/consultation/c-1#code="), "{url}");

    let first = visit.redeemed(&invitation).await;
    let second = visit.redeemed(&invitation).await;

    assert_eq!(first.status, 200, "{}", first.text());
    let seat = data(&first);
    assert_eq!(
        (&seat["role"], &seat["roomName"]),
        (&json!("observer"), &json!("consultation-c-1"))
    );
    let claims = claims(&seat["token"]);
    let identity = format!("guest-{}", invitation["inviteId"]);
    assert_eq!((&claims["sub"], &claims["name"]), (&json!(identity), &json!("Luis")));
    assert_eq!(claims["video"]["hidden"], true);
    assert_eq!(metadata(&claims)["userId"], json!(identity));
    assert_eq!((second.status.as_u16(), &second.json()["title"]), (410, &json!("Gone")));
}

#[tokio::test]
async fn of_many_who_take_a_link_at_once_one_gets_in() {
    let visit = Visit::start().await;
    visit.opened("c-1").await;
    let invitation = visit.invited("c-1", json!({"role": "patient"})).await;

    let answers = futures_util::future::join_all((0..6).map(|_| visit.redeemed(&invitation))).await;

    let mut statuses: Vec<_> = answers.iter().map(|answer| answer.status.as_u16()).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 410, 410, 410, 410, 410]);
}

#[tokio::test]
async fn a_link_that_was_taken_back_or_outlived_its_consultation_is_worthless() {
    let visit = Visit::start().await;
    visit.opened("c-1").await;
    let (revoked, late) =
        (visit.invited("c-1", json!({})).await, visit.invited("c-1", json!({})).await);
    let path = format!("/api/consultations/c-1/invites/{}", revoked["inviteId"]);
    let revoke = async |by| visit.care.ask(by, "DELETE", &path, Value::Null).await.status.as_u16();

    assert_eq!(revoke(&visit.patient.account).await, 403);
    assert_eq!(revoke(&visit.doctor.account).await, 204);
    assert_eq!(revoke(&visit.doctor.account).await, 404);
    assert_eq!(visit.redeemed(&revoked).await.status, 410);
    visit.step("c-1", "cancel").await;
    assert_eq!(visit.redeemed(&late).await.status, 410);
    let made_up = json!({"url": "x#code=nothing"});
    assert_eq!(visit.redeemed(&made_up).await.status, 410);
    let path = "/api/consultations/c-1/invite";
    let answer = visit.care.post(&visit.doctor.account, path, json!({"role": "observer"})).await;
    assert_eq!(answer.status, 410);
}

#[tokio::test]
async fn a_guest_waits_where_everybody_does() {
    let visit = Visit::start().await;
    visit.opened_with("c-1", json!({"waitingRoom": true})).await;
    let invitation = visit.invited("c-1", json!({"role": "patient"})).await;

    let lobby = data(&visit.redeemed(&invitation).await);

    assert_eq!(lobby["status"], "waiting");
    assert_eq!(claims(&lobby["token"])["video"]["roomJoin"], false);
}

#[tokio::test]
async fn a_guest_who_is_named_by_mail_gets_the_link_there() {
    let mut server = MailServer::start().await;
    let visit = Visit::start_with(&[("SMTP_URL", &server.url())]).await;
    visit.opened("c-1").await;

    let invitation = visit.invited("c-1", json!({"email": "luis@example.com"})).await;

    let mail = server.next().await;
    assert_eq!(mail.to, "luis@example.com");
    assert_eq!(mail.link(), invitation["url"].as_str().unwrap());
    let path = "/api/consultations/c-1/invite";
    let bad = json!({"role": "observer", "email": "luis", "expiresInMinutes": 4});
    let answer = visit.care.post(&visit.doctor.account, path, bad).await;
    let pointers: Vec<_> = answer.json()["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|error| error["pointer"].clone())
        .collect();
    assert_eq!(pointers, [json!("/email"), json!("/expiresInMinutes")]);
}
