//! TLS terminated by the binary itself (contract §1.1).

use rustls::version::{TLS12, TLS13};
use serde_json::json;

use crate::support::database::Database;
use crate::support::directory::Directory;
use crate::support::process::{ADMIN, Process, finish, serve_with_admin, settings};
use crate::support::raw::Raw;
use crate::support::socket_io::{EVENTS, PATH, SocketIo};
use crate::support::tls::Certificate;
use crate::support::websocket::WebSocket;

async fn start() -> (Certificate, Database, Process) {
    let (certificate, database) = (Certificate::fresh(), Database::fresh().await);
    let process = serve_with_admin(&database, &certificate.settings()).await;
    (certificate, database, process)
}

#[tokio::test]
async fn a_client_of_either_version_signs_in_and_hears_events() {
    let (certificate, _database, process) = start().await;
    for version in [&TLS12, &TLS13] {
        let connect = async || certificate.connect(process.address, version).await;
        let stream = connect().await;
        assert_eq!(stream.get_ref().1.protocol_version(), Some(version.version));
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
        let sign_in = json!({ "username": ADMIN.0, "password": ADMIN.1 });
        let answer = process.call("POST", "/auth/login").json(&sign_in).send_over(stream).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert!(answer.header("strict-transport-security").starts_with("max-age=31536000"));
        let token = answer.json()["access_token"].as_str().unwrap().to_owned();

        let socket = WebSocket::over(connect().await, process.address, PATH, &[]).await.unwrap();
        let auth = json!({ "token": token });
        let mut socket = SocketIo::join_over(socket, EVENTS, &auth).await.unwrap();
        socket.next("connected").await;
        // More than one record of TLS holds.
        let name = "ñ€𝄞".repeat(4000);
        let payload = json!({ "type": "exam", "action": "updated", "entityId": 1,
            "entityName": name, "timestamp": "2026-11-24T00:00:00.000Z" });
        let event = json!({ "event": "catalog:update", "payload": payload });
        let publish = process.call("POST", "/api/events/publish").bearer(&token).json(&event);
        assert_eq!(publish.send_over(connect().await).await.status, 202);

        let heard = socket.next("catalog:update").await;
        assert_eq!(heard["entityName"], name);
        let asked = socket.ask("ping", &json!({ "filler": name })).await;
        assert!(asked["userId"].is_i64(), "{asked}");
    }
}

#[tokio::test]
async fn a_consumer_too_slow_is_told_under_tls_too() {
    let (certificate, _database, process) = start().await;
    let connect = async || certificate.connect(process.address, &TLS13).await;
    let sign_in = json!({ "username": ADMIN.0, "password": ADMIN.1 });
    let answer = process.call("POST", "/auth/login").json(&sign_in).send_over(connect().await);
    let token = answer.await.json()["access_token"].as_str().unwrap().to_owned();
    let bearer = format!("Bearer {token}");
    let headers = [("authorization", bearer.as_str())];
    let slow = WebSocket::over(connect().await, process.address, "/events", &headers).await;
    let payload = json!({ "type": "exam", "action": "updated", "entityId": 1,
        "entityName": "x".repeat(60_000), "timestamp": "2026-11-24T00:00:00.000Z" });
    let event = json!({ "event": "catalog:update", "payload": payload });

    // Until 4 MiB wait behind what the kernel holds for a connection nobody reads. From then on it
    // has a few seconds to read on, so the test must not go on sending.
    let mut published = 0;
    let stats = async || {
        let asked = process.call("GET", "/api/admin/websocket/stats").bearer(&token);
        asked.send_over(connect().await).await.json()
    };
    while stats().await["total"] == 1 {
        let publish = process.call("POST", "/api/events/publish").bearer(&token).json(&event);
        assert_eq!(publish.send_over(connect().await).await.status, 202);
        published += 1;
        assert!(published < 400, "24 MB were kept for who reads nothing");
    }

    assert_eq!(slow.unwrap().closed().await, Some(4408));
}

#[tokio::test]
async fn who_speaks_no_tls_is_hung_up_on_and_nobody_else_notices() {
    let (certificate, _database, process) = start().await;
    for bytes in ["GET /health/live HTTP/1.1\r\nhost: x\r\n\r\n", "\0\0\0\0\0\0", "\x16\x03\x01"] {
        let mut plain = Raw::connect(process.address).await;
        plain.send(bytes).await;
        if bytes.starts_with('\x16') {
            // The beginning of a handshake may still become one.
            plain.end().await;
        }

        let heard = plain.rest().await;

        // At most an alert (RFC 8446 §6), never an answer.
        assert!(heard.is_empty() || heard[0] == 0x15, "{heard:?}");
    }
    let stream = certificate.connect(process.address, &TLS13).await;
    assert_eq!(process.call("GET", "/health/live").send_over(stream).await.status, 200);
}

#[tokio::test]
async fn the_health_command_finds_the_node() {
    let (certificate, database, process) = start().await;
    let port = process.address.port().to_string();
    let settings = [settings(&database, &port).as_slice(), &certificate.settings()].concat();

    assert_eq!(finish(&["health"], &settings, "").code, Some(0));
    drop(process);
    assert_eq!(finish(&["health"], &settings, "").code, Some(1));
}

#[test]
fn files_that_cannot_serve_are_refused_by_name() {
    let (database, directory) = (Database::sqlite(), Directory::fresh());
    let (one, other) = (Certificate::fresh(), Certificate::fresh());
    let ([(_, certificate), (_, key)], [_, (_, foreign)]) = (one.settings(), other.settings());
    let prose = directory.write("prose.pem", "not a certificate, nor a key");
    let missing = directory.path().join("missing.pem").to_str().unwrap().to_owned();

    for (certificate, key, named) in [
        (missing.as_str(), key, "TLS_CERT_FILE"),
        (prose.as_str(), key, "TLS_CERT_FILE"),
        (certificate, missing.as_str(), "TLS_KEY_FILE"),
        (certificate, prose.as_str(), "TLS_KEY_FILE"),
        (certificate, certificate, "TLS_KEY_FILE"),
        (certificate, foreign, "TLS_KEY_FILE"),
        (certificate, "", "TLS_KEY_FILE"),
    ] {
        let files = [("TLS_CERT_FILE", certificate), ("TLS_KEY_FILE", key)];
        let settings = [settings(&database, "8888").as_slice(), &files].concat();

        let done = finish(&["serve"], &settings, "");

        assert_eq!(done.code, Some(2), "{done:?}");
        assert!(done.stderr.contains(named), "{named} in {done:?}");
        assert!(!done.stderr.contains("PRIVATE KEY"), "{done:?}");
    }
}
