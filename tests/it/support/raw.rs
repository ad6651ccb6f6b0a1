//! A connection whose bytes the test writes itself.

use std::net::SocketAddr;

use latido_protocol::websocket::Opcode;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::within;

pub(crate) struct Raw(TcpStream);

impl Raw {
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        Self(TcpStream::connect(address).await.unwrap())
    }

    /// A WebSocket, with the head of the answer left behind.
    pub(crate) async fn upgraded(address: SocketAddr, path: &str, headers: &str) -> Self {
        let mut raw = Self::connect(address).await;
        raw.send(upgrade(path, headers)).await;
        let head = raw.head().await;
        assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
        raw
    }

    /// Sends what it can; the other side may have hung up.
    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        drop(self.0.write_all(bytes.as_ref()).await);
    }

    /// Says that nothing more comes.
    pub(crate) async fn end(&mut self) {
        drop(self.0.shutdown().await);
    }

    /// The head of the next answer.
    pub(crate) async fn head(&mut self) -> String {
        let mut head = Vec::new();
        within("the head of an answer", async {
            while !head.ends_with(b"\r\n\r\n") {
                match self.0.read_u8().await {
                    Ok(byte) => head.push(byte),
                    Err(_) => break,
                }
            }
        })
        .await;
        String::from_utf8(head).unwrap()
    }

    /// Everything up to the end of the connection, whichever way it ends.
    pub(crate) async fn rest(&mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        // A reset ends it too.
        drop(within("the end of a connection", self.0.read_to_end(&mut rest)).await);
        rest
    }
}

/// A request that asks for a WebSocket, with more headers.
pub(crate) fn upgrade(path: &str, headers: &str) -> String {
    format!(
        "GET {path} HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
         sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n{headers}\r\n"
    )
}

/// A client's frame (RFC 6455 §5.2) under the mask of zeros. `is_deflated` sets RSV1.
pub(crate) fn frame(opcode: Opcode, is_deflated: bool, payload: &[u8]) -> Vec<u8> {
    let first = 0x80 | u8::from(is_deflated) << 6 | opcode as u8;
    let mut frame = match payload.len() {
        length @ 0..=125 => vec![first, 0x80 | u8::try_from(length).unwrap()],
        length @ 126..=0xffff => {
            [&[first, 0xfe][..], &u16::try_from(length).unwrap().to_be_bytes()].concat()
        }
        length => [&[first, 0xff][..], &(length as u64).to_be_bytes()].concat(),
    };
    frame.extend([0; 4]);
    frame.extend(payload);
    frame
}
