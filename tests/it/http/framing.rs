//! Where a request ends, when it is given up, and when a connection stops being HTTP.
//!
//! A proxy in front may see these borders elsewhere; then what follows a doubtful request must not
//! be read as another one.

use std::time::Instant;

use crate::support;
use crate::support::edge::{DEADLINE, Edge};
use crate::support::raw::{Raw, upgrade};
use crate::support::tls::Certificate;

/// What an attacker hides behind the first request.
const SECOND: &str = "GET /health/live HTTP/1.1\r\nhost: x\r\n\r\n";

/// The status lines of everything that is answered to these bytes before the connection ends.
async fn answers(address: std::net::SocketAddr, bytes: &str) -> Vec<String> {
    let mut raw = Raw::connect(address).await;
    raw.send(bytes).await;
    let rest = String::from_utf8_lossy(&raw.rest().await).into_owned();
    // A body without a line's end stands right before the next answer.
    let starts = rest.match_indices("HTTP/1.").map(|(start, _)| &rest[start..]);
    starts.filter_map(|answer| Some(answer.lines().next()?.to_owned())).collect()
}

#[tokio::test]
async fn a_request_with_two_lengths_is_the_last_on_its_connection() {
    let latido = support::start().await;
    for lengths in [
        "content-length: 5\r\ntransfer-encoding: chunked\r\n",
        "transfer-encoding: chunked\r\ncontent-length: 5\r\n",
    ] {
        let request =
            format!("POST /nowhere HTTP/1.1\r\nhost: x\r\n{lengths}\r\n0\r\n\r\n{SECOND}");

        let answers = answers(latido.address, &request).await;

        assert_eq!(answers.len(), 1, "{lengths}: {answers:?}");
    }
}

#[tokio::test]
async fn a_length_that_cannot_be_trusted_is_refused() {
    let latido = support::start().await;
    for lengths in [
        "content-length: 5\r\ncontent-length: 6\r\n",
        "content-length: +5\r\n",
        "content-length: 5, 6\r\n",
        "transfer-encoding: identity\r\n",
        "transfer-encoding: chunked, gzip\r\n",
        "transfer-encoding : chunked\r\n",
        "transfer-encoding: chunked\r\n x: folded\r\n",
    ] {
        let request =
            format!("POST /nowhere HTTP/1.1\r\nhost: x\r\n{lengths}\r\n0\r\n\r\n{SECOND}");

        let answers = answers(latido.address, &request).await;

        assert_eq!(answers, ["HTTP/1.1 400 Bad Request"], "{lengths}");
    }
}

#[tokio::test]
async fn nothing_switches_protocols_before_every_check() {
    let latido = support::start().await;
    let engine = "/socket.io/?EIO=4&transport=websocket";
    let asked = |path: &str, headers: &str| upgrade(path, headers);
    let evil = "origin: https://evil.example\r\n";
    for (status, request) in [
        (403, asked(engine, evil)),
        (403, asked(engine, "origin: null\r\n")),
        (403, asked("/events", "origin: https://portal.example.evil.example\r\n")),
        (403, asked("/signaling", "origin: http://portal.example\r\n")),
        (401, asked("/events", "authorization: Bearer nonsense\r\n")),
        (400, asked("/socket.io/?EIO=3&transport=websocket", "")),
        (400, asked("/socket.io/?EIO=4&transport=websocket&sid=unknown", "")),
        (400, asked("/socket.io/?EIO=4&transport=webtransport", "")),
        (400, asked(engine, "").replace("version: 13", "version: 12")),
        (400, asked(engine, "").replace("key: dGhlIHNhbXBsZSBub25jZQ==", "key: short")),
        (400, asked(engine, "").replace("connection: upgrade", "connection: keep-alive")),
        (400, asked(engine, "").replace("GET", "POST")),
        (426, asked("/events", "").replace("upgrade: websocket", "upgrade: h2c")),
        (404, asked("/nowhere", "")),
        (400, asked(engine, "content-length: 5\r\n") + "hello"),
        (400, asked(engine, "transfer-encoding: chunked\r\n") + "0\r\n\r\n"),
        (426, asked("/events", "").replace("HTTP/1.1", "HTTP/1.0")),
    ] {
        // A proxy that took any answer for the switch would let the rest through.
        let answers = answers(latido.address, &format!("{request}{SECOND}")).await;

        assert_eq!(answers.len(), 1, "{request}: {answers:?}");
        assert_eq!(answers[0].split(' ').nth(1), Some(&*status.to_string()), "{request}");
    }
}

#[tokio::test]
async fn a_head_that_does_not_come_in_time_is_cut_off() {
    let latido = support::start().await;
    let edge = Edge::beside(&latido);
    for part in ["", "GET /soc", "GET /socket.io/ HTTP/1.1\r\nhost: x\r\nx-a: b\r\n"] {
        let (began, mut slow) = (Instant::now(), Raw::connect(edge.address).await);

        slow.send(part).await;

        slow.rest().await;
        assert!(began.elapsed() >= DEADLINE, "{part:?}: {:?}", began.elapsed());
    }
}

#[tokio::test]
async fn a_tls_handshake_that_does_not_come_in_time_is_cut_off() {
    let latido = support::start().await;
    let edge = Edge::with(&latido, Some(Certificate::fresh().server()));
    let (began, mut slow) = (Instant::now(), Raw::connect(edge.address).await);

    slow.send("\x16\x03\x01").await;

    slow.rest().await;
    assert!(began.elapsed() >= DEADLINE, "{:?}", began.elapsed());
}

#[tokio::test]
async fn a_head_is_bounded_in_its_fields_and_its_size() {
    let latido = support::start().await;
    let head = |headers: &str| format!("GET /health/live HTTP/1.1\r\nhost: x\r\n{headers}\r\n");
    let fields = "x-a: y\r\n".repeat(200);
    let long = format!("x-long: {}\r\n", "y".repeat(1 << 20));

    let many = answers(latido.address, &head(&fields)).await;
    // The refusal may be lost, since the node hangs up on a client that still sends.
    let large = answers(latido.address, &head(&long)).await;

    assert_eq!(many, ["HTTP/1.1 431 Request Header Fields Too Large"]);
    assert!(!large.iter().any(|line| line.contains(" 200 ")), "{large:?}");
    assert_eq!(latido.call("GET", "/health/live").send().await.status, 200);
}
