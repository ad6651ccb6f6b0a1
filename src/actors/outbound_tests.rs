//! What a socket is sent, and in which order, over a real connection whose peer reads when asked.

use std::future::poll_fn;
use std::net::Ipv4Addr;

use latido_protocol::websocket;
use tokio::io::AsyncReadExt as _;
use tokio::net::{TcpListener, TcpStream};

use super::*;
use crate::actors::backlog::{MAX_BYTES, MAX_FRAMES};
use crate::domain::event::Class;

async fn connected() -> (Arc<Wire>, Arc<Outbound>, TcpStream) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let peer = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let wire = Arc::new(Wire::new(listener.accept().await.unwrap().0, None));
    let outbound = Outbound::websocket(Arc::clone(&wire), false);
    (wire, outbound, peer)
}

fn frame(letter: &str, length: usize) -> Frame {
    Frame::text(&letter.repeat(length), Class::Durable)
}

/// Offers until the kernel takes no more and a frame is on the wire in part.
fn clog(outbound: &Outbound) -> Vec<u8> {
    let mut offered = Vec::new();
    while outbound.waiting() == 0 {
        offered.extend_from_slice(&websocket::frame_text(&"a".repeat(100_000)));
        assert!(outbound.offer(frame("a", 100_000)));
    }
    offered
}

#[tokio::test]
async fn a_greeting_waits_for_the_rest_of_a_frame_and_goes_before_what_it_held() {
    let (wire, outbound, mut peer) = connected().await;
    let mut expected = clog(&outbound);
    outbound.hold();
    outbound.offer(frame("c", 3));
    outbound.release(vec![frame("b", 3)]);
    expected.extend_from_slice(&websocket::frame_text("bbb"));
    expected.extend_from_slice(&websocket::frame_text("ccc"));

    let mut read = vec![0; expected.len()];
    let (drained, _) =
        tokio::join!(poll_fn(|cx| outbound.poll_drained(&wire, cx)), peer.read_exact(&mut read));

    drained.unwrap();
    assert!(read == expected, "what came differs from what was offered");
}

#[tokio::test]
async fn of_a_connection_that_ends_only_the_frame_begun_is_finished() {
    let (wire, outbound, mut peer) = connected().await;
    let expected = clog(&outbound);
    outbound.offer(frame("b", 3));

    outbound.close(Closure::SlowConsumer);
    let rest = outbound.finish().expect("a frame is on the wire in part");

    let mut read = Vec::new();
    let sent = expected.len() - rest.len();
    read.resize(sent, 0);
    peer.read_exact(&mut read).await.unwrap();
    assert_eq!(wire.send(&rest).unwrap(), rest.len());
    read.resize(expected.len(), 0);
    peer.read_exact(&mut read[sent..]).await.unwrap();
    assert!(read == expected, "the last frame is not whole");
}

#[tokio::test]
async fn a_greeting_is_bounded_with_what_waits_behind_it() {
    let outbound = Outbound::polling();
    outbound.hold();
    for _ in 0..MAX_FRAMES {
        assert!(outbound.offer(frame("c", 1)));
    }

    outbound.release(vec![frame("b", 1)]);

    assert_eq!(outbound.closing(), Some(Closure::SlowConsumer));
    assert_eq!(outbound.waiting(), MAX_FRAMES);
    let Collected::Payload(payload) = poll_fn(|cx| outbound.poll_collect(MAX_BYTES, cx)).await
    else {
        panic!("what fitted comes before the end");
    };
    assert!(payload.starts_with("b\u{1e}c\u{1e}c"), "{}", &payload[..10]);
}

#[tokio::test]
async fn a_connection_that_ends_while_it_is_greeted_is_greeted_first() {
    let outbound = Outbound::polling();
    outbound.hold();
    outbound.offer(frame("c", 1));
    outbound.close(Closure::SessionRevoked);

    outbound.release(vec![frame("b", 1)]);

    let collect = || poll_fn(|cx| outbound.poll_collect(MAX_BYTES, cx));
    assert_eq!(collect().await, Collected::Payload("b\u{1e}c".to_owned()));
    assert_eq!(collect().await, Collected::Last("1".to_owned()));
}
