//! Showing that an e-mail is one's own (contract §5.2).

use latido::domain::identity::Role;
use serde_json::json;

use crate::support::device::Device;
use crate::support::http::Answer;
use crate::support::smtp::MailServer;
use crate::support::{self, Latido, accounts};

async fn start(server: &MailServer) -> Latido {
    support::start_with(&[("SMTP_URL", &server.url())]).await
}

async fn verify(latido: &Latido, token: &str) -> Answer {
    let body = json!({ "token": token });
    latido.call("POST", "/auth/email/verify").json(&body).send().await
}

async fn is_verified(device: &Device) -> bool {
    let answer = device.call("POST", "/auth/session/validate").send().await;
    answer.json()["user"]["email_verified"].as_bool().unwrap()
}

#[tokio::test]
async fn who_registers_verifies_by_mail_and_their_devices_hear_of_it() {
    let mut server = MailServer::start().await;
    let latido = start(&server).await;
    let device = Device::register(latido.address, "ana@example.com").await;
    let mut socket = device.socket().await;
    assert!(!is_verified(&device).await);
    let token = server.next().await.token();

    let done = verify(&latido, &token).await;

    assert_eq!(done.status, 204, "{}", done.text());
    let update = socket.next("user:update").await;
    assert_eq!((&update["type"], &update["action"]), (&json!("account"), &json!("updated")));
    assert_eq!(update["changes"], json!({ "emailVerified": true }));
    assert!(is_verified(&device).await);
    assert_eq!(verify(&latido, &token).await.status, 410, "used");
    let sql = "select count(*) from audit_log where action = 'email_verified'";
    assert_eq!(accounts::value::<i64>(latido.database.url(), sql).await, 1);
}

#[tokio::test]
async fn a_mail_sent_again_voids_the_one_before() {
    let mut server = MailServer::start().await;
    let latido = start(&server).await;
    let device = Device::register(latido.address, "ana@example.com").await;
    let first = server.next().await.token();

    assert_eq!(device.call("POST", "/auth/email/resend").send().await.status, 204);
    let second = server.next().await.token();

    assert_eq!(verify(&latido, &first).await.status, 410);
    assert_eq!(verify(&latido, &second).await.status, 204);
    assert_eq!(device.call("POST", "/auth/email/resend").send().await.status, 204);
    latido.stop().await;
    assert_eq!(server.rest().len(), 0, "there is nothing left to verify");
}

#[tokio::test]
async fn a_token_verifies_only_the_address_it_was_sent_to() {
    let mut server = MailServer::start().await;
    let latido = start(&server).await;
    let device = Device::register(latido.address, "ana@example.com").await;
    let token = server.next().await.token();
    let sql = format!("update users set email = 'other@example.com' where id = {}", device.user());
    accounts::run(latido.database.url(), &sql).await;

    assert_eq!(verify(&latido, &token).await.status, 410);

    assert!(!is_verified(&device).await);
}

#[tokio::test]
async fn a_new_address_given_by_an_administrator_is_asked_for_too() {
    let mut server = MailServer::start().await;
    let latido = start(&server).await;
    let admin = latido.account(Role::Admin).await;
    let device = Device::register(latido.address, "ana@example.com").await;
    let old = server.next().await.token();
    let path = format!("/users/{}", device.user());
    let new = json!({ "email": "Other@example.com" });

    let changed = latido.call("PATCH", &path).bearer(&admin.token).json(&new).send().await;

    assert_eq!(changed.status, 200, "{}", changed.text());
    let mail = server.next().await;
    assert_eq!(mail.to, "other@example.com");
    assert_eq!(verify(&latido, &old).await.status, 410);
    assert_eq!(verify(&latido, &mail.token()).await.status, 204);
    assert!(is_verified(&device).await);
}

#[tokio::test]
async fn a_token_expires_and_serves_no_other_purpose() {
    let mut server = MailServer::start().await;
    let latido = start(&server).await;
    Device::register(latido.address, "ana@example.com").await;
    let token = server.next().await.token();

    let body = json!({ "token": token, "new_password": "four grey herons at dawn" });
    let reset = latido.call("POST", "/auth/password/reset").json(&body).send().await;
    assert_eq!(reset.status, 410);
    let sql = "update one_time_tokens set expires_at = expires_at - 86400000";
    accounts::run(latido.database.url(), sql).await;

    assert_eq!(verify(&latido, &token).await.status, 410);
}

#[tokio::test]
async fn whose_account_others_opened_verifies_too() {
    let mut server = MailServer::start().await;
    let latido = start(&server).await;
    let admin = latido.account(Role::Admin).await;
    let new = json!({
        "email": "Ana@example.com", "password": support::device::PASSWORD, "user_type": "doctor",
    });
    let created = latido.call("POST", "/users/create").bearer(&admin.token).json(&new).send().await;
    assert_eq!(created.status, 201, "{}", created.text());

    let mail = server.next().await;

    assert_eq!(mail.to, "ana@example.com");
    assert_eq!(verify(&latido, &mail.token()).await.status, 204);
}

#[tokio::test]
async fn only_who_is_signed_in_asks_for_the_mail_again() {
    let latido = support::start().await;

    let answer = latido.call("POST", "/auth/email/resend").send().await;

    assert_eq!(answer.status, 401);
}

/// Who opens an account under an address of somebody else's must not keep a way into it.
#[tokio::test]
async fn an_address_shown_shuts_out_whoever_linked_an_identity_before() {
    let mut server = MailServer::start().await;
    let latido = start(&server).await;
    let device = Device::register(latido.address, "ana@example.com").await;
    let token = server.next().await.token();
    let link = format!(
        "insert into auth_identities (user_id, provider, subject, created_at)
         values ({0}, 'supabase', 'mallory', 1), ({0}, 'auth-service', '{0}', 1)",
        device.user()
    );
    accounts::run(latido.database.url(), &link).await;
    let mut socket = device.socket().await;

    assert_eq!(verify(&latido, &token).await.status, 204);

    let left = "select provider from auth_identities";
    let left: String = accounts::value(latido.database.url(), left).await;
    assert_eq!(left, "auth-service", "who keeps the account is no way in");
    assert_eq!(socket.next("session:revoked").await["reason"], "password_change");
    assert!(!device.is_signed_in().await);
}
