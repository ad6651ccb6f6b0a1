//! Going on under new proof without losing the socket (contract §6.2).

use std::time::{Duration, Instant};

use latido::actors::hub::Revocation;
use latido::domain::id::SessionId;
use latido::domain::identity::Role;
use latido::domain::time::Timestamp;
use latido::domain::topic::Topic;
use serde_json::{Value, json};

use crate::support::accounts::{self, Account};
use crate::support::device::Device;
use crate::support::socket_io::End;
use crate::support::{self, EVENTS};

/// An hour, which a token lives.
const LIFE: i64 = 3_600_000;
/// What is left to a token that is about to expire: less than the minute of the warning.
const SOON: i64 = 40_000;
/// Within the leeway of half a minute in which an expired token still lets in, and the half minute
/// in which it may be renewed; the socket is to close at the end of both.
const LATE: i64 = -28_000;

/// The account with a token that has so many milliseconds left.
fn with_time_left(account: &Account, left: i64) -> Account {
    let issued = Timestamp(Timestamp::now().0 - LIFE + left);
    let token = accounts::token(account.id, account.role, &account.session, issued);
    Account { token, ..account.clone() }
}

fn assert_error(answer: &Value, code: &str) {
    assert_eq!(answer["ok"], false, "{answer}");
    assert_eq!(answer["error"]["code"], code, "{answer}");
}

#[tokio::test]
async fn a_token_about_to_expire_is_announced_on_every_transport() {
    let latido = support::start().await;
    let patient = with_time_left(&latido.account(Role::Patient).await, SOON);
    let mut socket = latido.connect(&patient).await;
    let mut plain = latido.connect_plain(&patient).await;

    for expiring in [socket.next("auth:expiring").await, plain.next("auth:expiring").await] {
        let left = expiring["inSeconds"].as_i64().unwrap();
        assert!((30..=40).contains(&left), "{expiring}");
        assert!(expiring["expiresAt"].is_string() && expiring["timestamp"].is_string());
    }
    let fresh = latido.account(Role::Patient).await;
    let mut silent = latido.connect(&fresh).await;
    latido.mark("later").await;
    assert_eq!(silent.until("later", "auth:expiring").await, Vec::<Value>::new());
}

#[tokio::test]
async fn a_socket_without_new_proof_closes_half_a_minute_after_the_end() {
    let latido = support::start().await;
    let patient = latido.account(Role::Patient).await;
    let late = with_time_left(&patient, LATE);
    let mut socket = latido.connect(&late).await;
    let mut plain = latido.connect_plain(&late).await;
    let mut renewed = latido.connect(&late).await;

    renewed.next("auth:expiring").await;
    let answer = renewed.ask("auth:refresh", &json!({ "token": patient.token })).await;
    assert_eq!(answer["ok"], true, "{answer}");

    assert_eq!(socket.ended().await, End::Disconnected);
    assert_eq!(plain.0.closed().await, Some(4401));
    assert_eq!(renewed.ask("ping", &Value::Null).await["userId"], patient.id);
}

#[tokio::test]
async fn a_refresh_token_buys_new_tokens_on_the_socket_and_works_once() {
    let latido = support::start().await;
    let mut device = Device::register(latido.address, "ana@example.com").await;
    let mut socket = device.socket().await;
    let spent = json!({ "refreshToken": device.refresh_token() });

    let answer = socket.ask("auth:refresh", &spent).await;

    assert_eq!(answer["ok"], true, "{answer}");
    assert!(answer["expiresAt"].is_string(), "{answer}");
    // The ack got lost, and the client asks again.
    let again = socket.ask("auth:refresh", &spent).await;
    assert_eq!(again["refreshToken"], answer["refreshToken"]);
    device.tokens["access_token"] = answer["accessToken"].clone();
    device.tokens["refresh_token"] = answer["refreshToken"].clone();
    assert!(device.is_signed_in().await);
    assert_eq!(device.refresh().await.status, 200, "HTTP goes on where the socket stopped");
    assert_eq!(socket.ask("ping", &Value::Null).await["userId"], device.user());
}

#[tokio::test]
async fn a_reuse_on_a_socket_ends_the_session_and_the_socket() {
    let latido = support::start().await;
    let mut device = Device::register(latido.address, "ana@example.com").await;
    let grandparent = json!({ "refreshToken": device.refresh_token() });
    device.refresh().await;
    device.refresh().await;
    let mut socket = device.socket().await;

    socket.emit("auth:refresh", &grandparent).await;

    assert_eq!(socket.next("session:revoked").await["reason"], "refresh_reuse");
    assert_eq!(socket.ended().await, End::Disconnected);
    assert!(!device.is_signed_in().await);
}

#[tokio::test]
async fn another_users_proof_is_refused_and_harms_neither() {
    let latido = support::start().await;
    let mut ana = Device::register(latido.address, "ana@example.com").await;
    let ben = Device::register(latido.address, "ben@example.com").await;
    let mut socket = ben.socket().await;

    for proof in [json!({ "token": ana.access() }), json!({ "refreshToken": ana.refresh_token() })]
    {
        assert_error(&socket.ask("auth:refresh", &proof).await, "forbidden");
    }

    assert_eq!(socket.ask("ping", &Value::Null).await["userId"], ben.user());
    assert_eq!(ana.refresh().await.status, 200, "the token was not spent");
}

#[tokio::test]
async fn nothing_or_two_things_are_no_proof() {
    let latido = support::start().await;
    let device = Device::register(latido.address, "ana@example.com").await;
    let mut socket = device.socket().await;

    let both = json!({ "token": device.access(), "refreshToken": device.refresh_token() });
    for (proof, code) in [
        (json!({}), "invalid"),
        (both, "invalid"),
        (json!({ "refreshToken": 7 }), "invalid"),
        (json!({ "refreshToken": "nonsense" }), "unauthenticated"),
        (json!({ "token": "nonsense" }), "unauthenticated"),
    ] {
        assert_error(&socket.ask("auth:refresh", &proof).await, code);
    }

    assert!(device.is_signed_in().await);
}

#[tokio::test]
async fn a_socket_under_the_proof_of_another_session_ends_with_that_one() {
    let latido = support::start().await;
    let before = latido.account(Role::Patient).await;
    let after = accounts::sign_in(latido.database.url(), before.id, before.role).await;
    let mut socket = latido.connect(&before).await;
    let mut witness = latido.connect(&before).await;
    let answer = socket.ask("auth:refresh", &json!({ "token": after.token })).await;
    assert_eq!(answer["ok"], true, "{answer}");
    let session = |account: &Account| SessionId::from(account.session.as_str());

    // It hears what is for its session now, and no longer what is for the one before.
    for (account, number) in [(&before, 1), (&after, 2)] {
        let update =
            json!({ "sessionId": account.session, "apps": [], "data": {}, "revision": number });
        latido.publish("session:update", &[Topic::Session(session(account))], &update).await;
    }
    assert_eq!(socket.next("session:update").await["revision"], 2);

    latido.hub().revoke(&session(&before), Revocation::Admin);
    witness.ended().await;
    assert_eq!(socket.ask("ping", &Value::Null).await["userId"], before.id);

    let began = Instant::now();
    latido.hub().revoke(&session(&after), Revocation::Logout);
    let revoked = socket.next("session:revoked").await;
    assert_eq!(
        (&revoked["sessionId"], &revoked["reason"]),
        (&json!(after.session), &json!("logout"))
    );
    assert_eq!(socket.ended().await, End::Disconnected);
    assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
}

#[tokio::test]
async fn a_signaling_socket_is_renewed_too() {
    let latido = support::start().await;
    let device = Device::register(latido.address, "ana@example.com").await;
    for namespace in ["/", "/signaling", EVENTS] {
        let mut socket =
            latido.join(namespace, &json!({ "token": device.access() })).await.unwrap();
        socket.next("connected").await;

        let answer = socket.ask("auth:refresh", &json!({ "token": device.access() })).await;

        assert_eq!(answer["ok"], true, "{namespace}: {answer}");
    }
}
