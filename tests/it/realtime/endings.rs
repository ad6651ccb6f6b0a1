//! What ends a socket, and that nothing else does.

use std::io::ErrorKind;
use std::time::{Duration, Instant};

use latido::actors::hub::Revocation;
use latido::domain::id::SessionId;
use latido::domain::identity::Role;
use latido::domain::topic::Topic;
use serde_json::{Value, json};
use tokio::io::Interest;
use tokio::net::TcpStream;

use crate::support::plain::Plain;
use crate::support::socket_io::End;
use crate::support::websocket::WebSocket;
use crate::support::{self, EVENTS, accounts};

/// The contract's bound on everything that must stop at once.
const AT_ONCE: Duration = Duration::from_secs(1);

#[tokio::test]
async fn a_revoked_session_is_told_why_and_closed_within_a_second() {
    let latido = support::start().await;
    let patient = latido.account(Role::Patient).await;
    let elsewhere = accounts::sign_in(latido.database.url(), patient.id, patient.role).await;
    let mut sockets = [latido.connect(&patient).await, latido.connect(&patient).await];
    let mut other = latido.connect(&elsewhere).await;
    let began = Instant::now();

    latido.hub().revoke(&SessionId::from(patient.session.as_str()), Revocation::Admin);

    for socket in &mut sockets {
        let revoked = socket.next("session:revoked").await;
        assert_eq!(revoked["sessionId"], patient.session);
        assert_eq!(revoked["reason"], "admin");
        assert_eq!(socket.ended().await, End::Disconnected);
    }
    assert!(began.elapsed() < AT_ONCE, "{:?}", began.elapsed());
    assert_eq!(other.ask("ping", &Value::Null).await["userId"], patient.id);
}

#[tokio::test]
async fn a_session_revoked_by_another_node_is_closed_within_a_second() {
    let latido = support::start().await;
    let patient = latido.account(Role::Patient).await;
    let mut socket = latido.connect(&patient).await;
    let began = Instant::now();

    let now = latido::domain::time::Timestamp::now().0;
    let revoke = format!(
        "update sessions set revoked_at = {now}, revoke_reason = 'logout' where id = '{}'",
        patient.session
    );
    accounts::run(latido.database.url(), &revoke).await;

    assert_eq!(socket.next("session:revoked").await["reason"], "logout");
    assert_eq!(socket.ended().await, End::Disconnected);
    assert!(began.elapsed() < AT_ONCE + Duration::from_millis(500), "{:?}", began.elapsed());
}

#[tokio::test]
async fn an_account_deactivated_by_another_node_is_closed_on_all_its_sockets() {
    let latido = support::start().await;
    let patient = latido.account(Role::Patient).await;
    let mut sockets = [latido.connect(&patient).await, latido.connect(&patient).await];
    let now = latido::domain::time::Timestamp::now().0;

    let deactivate = format!(
        "update users set is_active = false, updated_at = {now} where id = {id};
         update sessions set revoked_at = {now}, revoke_reason = 'deactivated' where user_id = {id}",
        id = patient.id
    );
    accounts::run(latido.database.url(), &deactivate).await;

    for socket in &mut sockets {
        assert_eq!(socket.next("session:revoked").await["reason"], "deactivated");
        socket.ended().await;
    }
}

#[tokio::test]
async fn a_token_that_ended_is_named_before_the_end() {
    let latido = support::start().await;
    let patient = latido.account(Role::Patient).await;
    // It lives an hour; the leeway lets it in for half a minute more.
    let issued = latido::domain::time::Timestamp::now().minus(Duration::from_secs(3600 + 27));
    let token = accounts::token(patient.id, patient.role, &patient.session, issued);
    let bearer = format!("Bearer {token}");
    let mut socket = latido.join(EVENTS, &json!({ "token": token })).await.unwrap();
    let mut plain = Plain::open(latido.address, &[("authorization", &bearer)]).await;

    let last = [socket.next("error").await, plain.next("error").await];

    for told in last {
        assert_eq!(told["event"], "auth:refresh");
        assert_eq!(told["error"]["code"], "unauthenticated");
        assert_eq!(told["error"]["message"], "token_expired");
    }
    assert_eq!(socket.ended().await, End::Disconnected);
    assert_eq!(plain.0.closed().await, Some(4401));
}

#[tokio::test]
async fn an_administrator_disconnects_one_socket() {
    let latido = support::start().await;
    let patient = latido.account(Role::Patient).await;
    let mut kept = latido.connect(&patient).await;
    let before: Vec<_> = latido.hub().sockets(10).into_iter().map(|info| info.socket_id).collect();
    let mut gone = latido.connect(&patient).await;
    let info = latido.hub().sockets(10).into_iter().find(|info| !before.contains(&info.socket_id));

    assert!(latido.hub().disconnect(&info.unwrap().socket_id, "test"));

    assert_eq!(gone.ended().await, End::Disconnected);
    assert_eq!(kept.ask("ping", &Value::Null).await["userId"], patient.id);
}

#[tokio::test]
async fn a_slow_consumer_is_closed_and_others_do_not_wait_for_it() {
    let latido = support::start().await;
    let mut slow = latido.connect_plain(&latido.account(Role::Patient).await).await;
    let mut quick = latido.connect(&latido.account(Role::Patient).await).await;
    let text = "x".repeat(60_000);

    // Until 4 MiB wait behind what the kernel holds for a connection nobody reads. From then on it
    // has a few seconds to read on, so the test must not go on sending.
    let mut number = 0;
    while latido.hub().census().total == 2 {
        let payload =
            json!({ "type": "exam", "action": "updated", "entityId": number, "entityName": text });
        latido.publish("catalog:update", &[Topic::All], &payload).await;
        assert_eq!(quick.next("catalog:update").await["entityId"], number);
        number += 1;
        assert!(number < 400, "24 MB were kept for who reads nothing");
    }

    // It reads on and finds whole messages, then the reason.
    assert_eq!(slow.0.closed().await, Some(4408));
    assert_eq!(latido.hub().census().total, 1);
}

#[tokio::test]
async fn who_reads_nothing_at_all_finds_the_connection_reset() {
    let latido = support::start().await;
    let deaf = latido.account(Role::Patient).await;
    let stream = TcpStream::connect(latido.address).await.unwrap().into_std().unwrap();
    let observer = TcpStream::from_std(stream.try_clone().unwrap()).unwrap();
    let stream = TcpStream::from_std(stream).unwrap();
    let bearer = format!("Bearer {}", deaf.token);
    let headers = [("authorization", bearer.as_str())];
    let unread = WebSocket::over(stream, latido.address, "/events", &headers).await.unwrap();
    let text = "x".repeat(60_000);

    for number in 0..400 {
        let payload =
            json!({ "type": "exam", "action": "updated", "entityId": number, "entityName": text });
        latido.publish("catalog:update", &[Topic::All], &payload).await;
    }

    let reset = support::within("a reset", observer.ready(Interest::ERROR)).await.unwrap();
    assert!(reset.is_error());
    let cause = observer.take_error().unwrap().map(|error| error.kind());
    assert_eq!(cause, Some(ErrorKind::ConnectionReset));
    drop(unread);
}

#[tokio::test]
async fn a_draining_node_says_so_before_it_closes() {
    let latido = support::start().await;
    let mut socket = latido.connect(&latido.account(Role::Patient).await).await;

    let stopping = tokio::spawn(latido.running.stop());

    let draining = socket.next("server:draining").await;
    let after = draining["reconnectAfterMs"].as_u64().unwrap();
    assert!(after <= 5000, "{after}");
    socket.ended().await;
    stopping.await.unwrap();
}

/// A refused namespace is final for the stock client; a refused transport is tried again.
#[tokio::test]
async fn a_draining_node_refuses_the_transport_so_that_newcomers_try_again() {
    let latido = support::start().await;
    let hub = latido.hub().clone();

    hub.drain(Duration::from_secs(1)).await;

    for (path, upgrades) in [
        ("/socket.io/?EIO=4&transport=polling", false),
        ("/socket.io/?EIO=4&transport=websocket", true),
        ("/events", true),
    ] {
        let call = latido.call("GET", path);
        let answer = if upgrades { call.upgrade() } else { call }.send().await;
        assert_eq!(answer.status, 503, "{path}");
    }
}
