//! Choosing another password (contract §3.5, §5.2).

use serde_json::{Value, json};

use crate::support::device::{Device, PASSWORD, logging_in};
use crate::support::http::Answer;
use crate::support::smtp::MailServer;
use crate::support::{self, Latido, accounts};

const ANA: &str = "ana@example.com";
const NEWER: &str = "four grey herons at dawn";

async fn start(server: &MailServer) -> Latido {
    support::start_with(&[("SMTP_URL", &server.url())]).await
}

async fn sign_in(latido: &Latido, email: &str, password: &str) -> Answer {
    logging_in(latido.address, email, password).send().await
}

async fn change(device: &Device, current: &str, newer: &str) -> Answer {
    let body = json!({ "current_password": current, "new_password": newer });
    device.call("POST", "/auth/password/change").json(&body).send().await
}

async fn forget(latido: &Latido, email: &str) {
    let body = json!({ "email": email });
    let answer = latido.call("POST", "/auth/password/forgot").json(&body).send().await;
    assert_eq!((answer.status.as_u16(), answer.text()), (202, ""));
}

async fn reset(latido: &Latido, token: &str, newer: &str) -> Answer {
    let body = json!({ "token": token, "new_password": newer });
    latido.call("POST", "/auth/password/reset").json(&body).send().await
}

async fn audited(latido: &Latido, action: &str) -> i64 {
    let sql = format!("select count(*) from audit_log where action = '{action}'");
    accounts::value(latido.database.url(), &sql).await
}

#[tokio::test]
async fn a_changed_password_ends_the_other_sessions_and_keeps_the_callers() {
    let latido = support::start().await;
    let here = Device::register(latido.address, ANA).await;
    let mut there = Device::sign_in(latido.address, ANA, "Firefox/1").await;
    let (mut kept, mut ended) = (here.socket().await, there.socket().await);

    let changed = change(&here, PASSWORD, NEWER).await;

    assert_eq!(changed.status, 204, "{}", changed.text());
    assert_eq!(ended.next("session:revoked").await["reason"], "password_change");
    ended.ended().await;
    assert!(!there.is_signed_in().await);
    assert_eq!(there.refresh().await.status, 401);
    assert_eq!(kept.ask("ping", &Value::Null).await["userId"], here.user());
    assert!(here.is_signed_in().await);
    assert_eq!(sign_in(&latido, ANA, PASSWORD).await.status, 401);
    assert_eq!(sign_in(&latido, ANA, NEWER).await.status, 200);
    assert_eq!(audited(&latido, "password_changed").await, 1);
}

#[tokio::test]
async fn a_change_needs_the_present_password_and_a_new_one_within_the_rules() {
    let latido = support::start_with(&[("PASSWORD_MIN_SCORE", "2")]).await;
    let device = Device::register(latido.address, ANA).await;

    let guessed = change(&device, "not the password", NEWER).await;
    assert_eq!(guessed.status, 401);
    assert_eq!(guessed.json()["type"], "urn:latido:problem:invalid-credentials");
    for (newer, code) in
        [("short", "length"), (&*"x".repeat(129), "length"), ("password1", "rule"), (ANA, "rule")]
    {
        let refused = change(&device, PASSWORD, newer).await;
        assert_eq!(refused.status, 422, "{newer}");
        let errors = &refused.json()["errors"];
        assert_eq!(
            (&errors[0]["pointer"], &errors[0]["code"]),
            (&json!("/new_password"), &json!(code)),
            "{newer}"
        );
    }
    let stranger = json!({ "current_password": PASSWORD, "new_password": NEWER });
    let stranger = latido.call("POST", "/auth/password/change").json(&stranger).send().await;
    assert_eq!(stranger.status, 401);

    assert_eq!(sign_in(&latido, ANA, PASSWORD).await.status, 200);
}

#[tokio::test]
async fn guessing_the_present_password_locks_the_account_too() {
    let latido = support::start().await;
    let device = Device::register(latido.address, ANA).await;
    for _ in 0..10 {
        assert_eq!(change(&device, "not the password", NEWER).await.status, 401);
    }

    let locked = change(&device, PASSWORD, NEWER).await;

    assert_eq!(locked.status, 403, "{}", locked.text());
    assert_eq!(locked.json()["type"], "urn:latido:problem:account-inactive");
    assert_eq!(sign_in(&latido, ANA, PASSWORD).await.status, 403);
    assert!(device.is_signed_in().await, "sessions are no guess");
}

#[tokio::test]
async fn a_forgotten_password_is_replaced_by_mail_and_every_session_ends() {
    let mut server = MailServer::start().await;
    let latido = start(&server).await;
    let device = Device::register(latido.address, ANA).await;
    server.next().await;
    let mut socket = device.socket().await;
    for _ in 0..10 {
        sign_in(&latido, ANA, "not the password").await;
    }
    assert_eq!(sign_in(&latido, ANA, PASSWORD).await.status, 403, "locked");

    forget(&latido, " Ana@Example.com ").await;
    let mail = server.next().await;
    let done = reset(&latido, &mail.token(), NEWER).await;

    assert_eq!(mail.to, ANA);
    assert_eq!((done.status.as_u16(), done.text()), (204, ""));
    assert_eq!(socket.next("session:revoked").await["reason"], "password_change");
    socket.ended().await;
    assert!(!device.is_signed_in().await);
    assert_eq!(sign_in(&latido, ANA, PASSWORD).await.status, 401, "no longer locked");
    assert_eq!(sign_in(&latido, ANA, NEWER).await.status, 200);
    for action in ["password_forgotten", "password_reset"] {
        assert_eq!(audited(&latido, action).await, 1, "{action}");
    }
}

#[tokio::test]
async fn a_token_from_a_mail_works_once_in_its_time_and_only_the_last_one() {
    let mut server = MailServer::start().await;
    let latido = start(&server).await;
    Device::register(latido.address, ANA).await;
    server.next().await;
    forget(&latido, ANA).await;
    let first = server.next().await.token();
    forget(&latido, ANA).await;
    let second = server.next().await.token();

    let gone = reset(&latido, &first, NEWER).await;
    assert_eq!(gone.status, 410, "voided by the second: {}", gone.text());
    assert_eq!(gone.json()["type"], "urn:latido:problem:gone");
    assert_eq!(reset(&latido, &second, "short").await.status, 422, "a broken rule spends nothing");
    assert_eq!(reset(&latido, &second, NEWER).await.status, 204);
    assert_eq!(reset(&latido, &second, NEWER).await.status, 410, "used");
    assert_eq!(reset(&latido, "never given", NEWER).await.status, 410);

    forget(&latido, ANA).await;
    let expired = server.next().await.token();
    let sql = "update one_time_tokens set expires_at = expires_at - 1800000";
    accounts::run(latido.database.url(), sql).await;
    assert_eq!(reset(&latido, &expired, NEWER).await.status, 410, "expired");
}

#[tokio::test]
async fn of_many_resets_by_one_token_one_succeeds() {
    let mut server = MailServer::start().await;
    let latido = start(&server).await;
    Device::register(latido.address, ANA).await;
    server.next().await;
    forget(&latido, ANA).await;
    let token = server.next().await.token();

    let racing = (0..8).map(|_| reset(&latido, &token, NEWER));
    let answers = futures_util::future::join_all(racing).await;

    let mut statuses: Vec<_> = answers.iter().map(|answer| answer.status.as_u16()).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [&[204][..], &[410; 7]].concat());
}

#[tokio::test]
async fn a_change_voids_the_token_of_an_earlier_mail() {
    let mut server = MailServer::start().await;
    let latido = start(&server).await;
    let device = Device::register(latido.address, ANA).await;
    server.next().await;
    forget(&latido, ANA).await;
    let token = server.next().await.token();

    change(&device, PASSWORD, NEWER).await;

    assert_eq!(reset(&latido, &token, "five grey herons at noon").await.status, 410);
    assert_eq!(sign_in(&latido, ANA, NEWER).await.status, 200);
}

#[tokio::test]
async fn who_has_no_account_in_use_is_answered_alike_and_sent_nothing() {
    let mut server = MailServer::start().await;
    let latido = start(&server).await;
    let left = Device::register(latido.address, "left@example.com").await;
    Device::register(latido.address, ANA).await;
    for _ in 0..2 {
        server.next().await;
    }
    let sql = format!("update users set is_active = false where id = {}", left.user());
    accounts::run(latido.database.url(), &sql).await;

    for email in ["nobody@example.com", "left@example.com", "no e-mail", "", ANA] {
        forget(&latido, email).await;
    }

    assert_eq!(server.next().await.to, ANA);
    // Stopping waits for everything that is on its way.
    let database = latido.stop().await;
    assert_eq!(server.rest().len(), 0);
    let sql = "select count(*) from audit_log where action = 'password_forgotten'";
    assert_eq!(accounts::value::<i64>(database.url(), sql).await, 5);
}

/// Who opens an account under an address of somebody else's must not keep a way into it.
#[tokio::test]
async fn a_reset_by_mail_shuts_out_whoever_linked_an_identity_before_the_address_was_shown() {
    let mut server = MailServer::start().await;
    let latido = start(&server).await;
    let url = latido.database.url();
    let device = Device::register(latido.address, ANA).await;
    server.next().await;
    let link = format!(
        "insert into auth_identities (user_id, provider, subject, created_at)
         values ({}, 'supabase', 'mallory', 1)",
        device.user()
    );
    accounts::run(url, &link).await;
    let standing = async || {
        let verified = format!("select email_verified from users where id = {}", device.user());
        let identities = "select count(*) from auth_identities";
        (
            accounts::value::<bool>(url, &verified).await,
            accounts::value::<i64>(url, identities).await,
        )
    };

    forget(&latido, ANA).await;
    assert_eq!(reset(&latido, &server.next().await.token(), NEWER).await.status, 204);

    assert_eq!(standing().await, (true, 0), "the mail showed whose the address is");
    // What the owner links from then on stays.
    accounts::run(url, &link).await;
    forget(&latido, ANA).await;
    assert_eq!(reset(&latido, &server.next().await.token(), PASSWORD).await.status, 204);
    assert_eq!(standing().await, (true, 1));
}

#[tokio::test]
async fn a_token_that_is_none_is_written_down() {
    let latido = support::start().await;

    assert_eq!(reset(&latido, "never given", NEWER).await.status, 410);
    let body = json!({ "token": "never given" });
    let verify = latido.call("POST", "/auth/email/verify").json(&body).send().await;
    assert_eq!(verify.status, 410);

    for action in ["password_reset_refused", "email_verification_refused"] {
        assert_eq!(audited(&latido, action).await, 1, "{action}");
    }
}
