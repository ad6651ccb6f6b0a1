//! A raw WebSocket client. It reads only when asked, so not asking makes it a slow consumer.

use std::net::SocketAddr;

use bytes::Bytes;
use fastwebsockets::{FragmentCollector, Frame, OpCode, Payload, handshake};
use http::{HeaderMap, Request};
use http_body_util::Empty;
use hyper::upgrade::Upgraded;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;

use super::{Stream, within};

/// What comes in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Heard {
    Text(String),
    Binary(Vec<u8>),
    /// The end, with the close frame's code when there was one.
    Closed(Option<u16>),
}

pub(crate) struct WebSocket {
    frames: FragmentCollector<TokioIo<Upgraded>>,
    /// Of the upgrade's answer.
    pub(crate) headers: HeaderMap,
}

impl WebSocket {
    pub(crate) async fn open(address: SocketAddr, path: &str, headers: &[(&str, &str)]) -> Self {
        Self::try_open(address, path, headers).await.expect("the upgrade is accepted")
    }

    pub(crate) async fn try_open(
        address: SocketAddr,
        path: &str,
        headers: &[(&str, &str)],
    ) -> Option<Self> {
        let stream = TcpStream::connect(address).await.unwrap();
        Self::over(stream, address, path, headers).await
    }

    /// Over a connection that is made already, such as one under TLS.
    pub(crate) async fn over<S: Stream>(
        stream: S,
        address: SocketAddr,
        path: &str,
        headers: &[(&str, &str)],
    ) -> Option<Self> {
        let request = Request::get(path)
            .header("host", address.to_string())
            .header("upgrade", "websocket")
            .header("connection", "upgrade")
            .header("sec-websocket-key", handshake::generate_key())
            .header("sec-websocket-version", "13");
        let request =
            headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        let request = request.body(Empty::<Bytes>::new()).unwrap();
        let executor = TokioExecutor::new();
        let opening = handshake::client(&executor, request, stream);
        let (mut socket, response) = within("an upgrade", opening).await.ok()?;
        socket.set_max_message_size(16 << 20);
        let headers = response.headers().clone();
        Some(Self { frames: FragmentCollector::new(socket), headers })
    }

    pub(crate) async fn send(&mut self, text: &str) {
        self.frames
            .write_frame(Frame::text(Payload::Borrowed(text.as_bytes())))
            .await
            .expect("the connection is open");
    }

    pub(crate) async fn send_binary(&mut self, bytes: &[u8]) {
        let frame = Frame::binary(Payload::Borrowed(bytes));
        self.frames.write_frame(frame).await.expect("the connection is open");
    }

    /// Sends if the connection is still open.
    pub(crate) async fn try_send(&mut self, text: &str) -> bool {
        self.frames.write_frame(Frame::text(Payload::Borrowed(text.as_bytes()))).await.is_ok()
    }

    pub(crate) async fn next(&mut self) -> Heard {
        within("a WebSocket frame", async {
            loop {
                let Ok(frame) = self.frames.read_frame().await else { return Heard::Closed(None) };
                match frame.opcode {
                    OpCode::Text => {
                        return Heard::Text(String::from_utf8(frame.payload.to_vec()).unwrap());
                    }
                    OpCode::Binary => return Heard::Binary(frame.payload.to_vec()),
                    OpCode::Close => {
                        let code = frame.payload.first_chunk().copied().map(u16::from_be_bytes);
                        return Heard::Closed(code);
                    }
                    _ => {}
                }
            }
        })
        .await
    }

    /// Reads to the end and answers the close code.
    pub(crate) async fn closed(&mut self) -> Option<u16> {
        loop {
            if let Heard::Closed(code) = self.next().await {
                return code;
            }
        }
    }
}
