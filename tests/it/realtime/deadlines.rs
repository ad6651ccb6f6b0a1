//! What begins has to be whole in time, on every transport, or it ends its own connection alone.

use std::time::Instant;

use latido::domain::closure::Closure;
use latido::domain::identity::Role;
use latido_protocol::websocket::Opcode;

use crate::support::edge::{ADMISSION, DEADLINE, Edge, MAX_PAYLOAD};
use crate::support::polling::Polling;
use crate::support::raw::{Raw, frame};
use crate::support::socket_io::PATH;
use crate::support::websocket::{Heard, WebSocket};
use crate::support::{self, Latido};

/// An event with one attachment, to be acknowledged.
const ONE: &str = r#"451-7["file",{"_placeholder":true,"num":0}]"#;
const TWO: &str = r#"452-7["file",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]"#;

/// Someone let in at `/socket.io/`.
async fn seated(edge: &Edge) -> WebSocket {
    let mut socket = WebSocket::open(edge.address, PATH, &[]).await;
    assert!(matches!(socket.next().await, Heard::Text(open) if open.starts_with('0')));
    socket.send("40").await;
    assert!(matches!(socket.next().await, Heard::Text(accepted) if accepted.starts_with("40")));
    socket
}

async fn start() -> (Latido, Edge) {
    let latido = support::start().await;
    let edge = Edge::beside(&latido);
    (latido, edge)
}

/// The payload of a close frame (RFC 6455 §5.5.1).
fn close(code: u16, reason: &str) -> Vec<u8> {
    [&code.to_be_bytes()[..], reason.as_bytes()].concat()
}

#[tokio::test]
async fn attachments_that_do_not_come_in_time_close_their_own_socket() {
    let (_latido, mut edge) = start().await;
    for (packet, arrived) in [(ONE, 0), (TWO, 0), (TWO, 1)] {
        let (mut witness, mut slow) = (seated(&edge).await, seated(&edge).await);
        let began = Instant::now();

        slow.send(packet).await;
        for _ in 0..arrived {
            slow.send_binary(b"abc").await;
        }

        assert_eq!(edge.ending().await, Closure::MessageTimeout);
        assert!(began.elapsed() >= DEADLINE);
        assert_eq!(slow.closed().await, Some(1000));
        witness.send(ONE).await;
        witness.send_binary(b"abc").await;
        assert_eq!(witness.next().await, Heard::Text("437[3]".into()));
        drop(witness);
        assert_ne!(edge.ending().await, Closure::MessageTimeout);
    }
}

#[tokio::test]
async fn attachments_that_do_not_come_in_time_close_a_polling_socket_too() {
    let (_latido, mut edge) = start().await;
    let polling = Polling::open(edge.address).await;
    assert_eq!(polling.post("40").send().await.status, 200);
    assert!(polling.get().send().await.text().starts_with("40"));

    assert_eq!(polling.post(ONE).send().await.text(), "ok");

    assert_eq!(polling.get().send().await.text(), "1", "the protocol's close packet");
    assert_eq!(edge.ending().await, Closure::MessageTimeout);
    assert_eq!(polling.get().send().await.status, 400);
}

#[tokio::test]
async fn one_packet_after_the_other_may_take_longer_than_one() {
    let (_latido, edge) = start().await;
    let mut socket = seated(&edge).await;
    let began = Instant::now();

    while began.elapsed() < DEADLINE * 2 {
        socket.send(TWO).await;
        socket.send_binary(b"abc").await;
        socket.send_binary(b"de").await;
        assert_eq!(socket.next().await, Heard::Text("437[5]".into()));
    }
}

#[tokio::test]
async fn the_attachments_of_one_packet_are_bounded_together() {
    let (_latido, mut edge) = start().await;
    let (half, mut socket) = (vec![0; MAX_PAYLOAD / 2], seated(&edge).await);
    socket.send(TWO).await;
    socket.send_binary(&half).await;
    socket.send_binary(&half).await;
    assert_eq!(socket.next().await, Heard::Text(format!("437[{MAX_PAYLOAD}]")));

    socket.send(TWO).await;
    socket.send_binary(&half).await;
    socket.send_binary(&[&half[..], &[0]].concat()).await;

    assert_eq!(socket.closed().await, Some(1009));
    assert_eq!(edge.ending().await, Closure::TooLarge);
}

#[tokio::test]
async fn a_message_cut_off_in_its_middle_closes_its_own_socket() {
    let (latido, mut edge) = start().await;
    let bearer = format!("authorization: Bearer {}\r\n", latido.account(Role::Patient).await.token);
    let whole = frame(Opcode::Text, false, br#"42["file"]"#);
    // In a header, in a payload, and between two fragments.
    let mut fragment = whole.clone();
    fragment[0] &= 0x7f;
    for part in [&whole[..1], &whole[..9], &fragment] {
        let mut slow = Raw::upgraded(edge.address, PATH, "").await;
        slow.send(frame(Opcode::Text, false, b"40")).await;
        slow.send(part).await;
        assert_eq!(edge.ending().await, Closure::MessageTimeout);
        assert!(slow.rest().await.ends_with(&close(1000, "message_timeout")));

        let mut slow = Raw::upgraded(edge.address, "/events", &bearer).await;
        slow.send(part).await;
        assert!(slow.rest().await.ends_with(&close(4408, "message_timeout")));
    }
}

#[tokio::test]
async fn a_polling_body_that_does_not_come_in_time_closes_its_own_socket() {
    let (_latido, mut edge) = start().await;
    let polling = Polling::open(edge.address).await;
    assert_eq!(polling.post("40").send().await.status, 200);
    let mut slow = Raw::connect(edge.address).await;
    let path = format!("/socket.io/?EIO=4&transport=polling&sid={}", polling.sid);

    slow.send(format!("POST {path} HTTP/1.1\r\nhost: x\r\ncontent-length: 20\r\n\r\n42[")).await;

    let head = slow.head().await;
    assert!(head.starts_with("HTTP/1.1 408 "), "{head}");
    assert_eq!(edge.ending().await, Closure::MessageTimeout);
    slow.rest().await;
}

#[tokio::test]
async fn a_stranger_who_keeps_beating_is_closed_all_the_same() {
    let (_latido, edge) = start().await;
    let mut stranger = WebSocket::open(edge.address, PATH, &[]).await;
    let began = Instant::now();

    for _ in 0..1000 {
        stranger.send("3").await;
    }

    assert_eq!(stranger.closed().await, Some(1000));
    assert!((ADMISSION..ADMISSION * 4).contains(&began.elapsed()), "{:?}", began.elapsed());
}

#[tokio::test]
async fn a_stranger_who_says_nothing_to_the_plain_endpoint_is_told_4408() {
    let (_latido, edge) = start().await;

    let mut silent = WebSocket::open(edge.address, "/events", &[]).await;

    assert_eq!(silent.closed().await, Some(4408));
}

#[tokio::test]
async fn a_compression_bomb_closes_its_own_socket() {
    let (_latido, mut edge) = start().await;
    let bomb = latido_protocol::deflate::deflate(&vec![b' '; 5_000_000]);
    assert!(bomb.len() < MAX_PAYLOAD);
    let offer = "sec-websocket-extensions: permessage-deflate\r\n";
    let mut socket = Raw::upgraded(edge.address, PATH, offer).await;
    socket.send(frame(Opcode::Text, false, b"40")).await;

    socket.send(frame(Opcode::Text, true, &bomb)).await;

    assert!(socket.rest().await.ends_with(&close(1009, "too_large")));
    assert_eq!(edge.ending().await, Closure::TooLarge);
}
