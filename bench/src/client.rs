//! One simulated client: a Socket.IO session on one namespace over a single WebSocket.
//!
//! It signs in with a token, answers heartbeats and hands every other message over, in place. It keeps no
//! buffer while no frame is cut in two. [`crate::swarm`] holds the many.

use std::{
    io::{self, Read, Write},
    net::{SocketAddr, TcpStream},
    time::{Duration, Instant},
};

use rustix::net::sockopt::set_socket_linger;

use crate::ws;

const UPGRADE: &[u8] = b"GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: bGF0aWRvLWJlbmNoLWtleQ==\r\n\r\n";
const GREETING: &str = "[\"connected\"";

/// How far a client has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Waits for `101 Switching Protocols`.
    Upgrading,
    /// Waits for the Engine.IO open packet.
    Opening,
    /// Waits for the namespace to admit it and to greet it with `connected`.
    Joining { is_admitted: bool, is_greeted: bool },
    /// Signed in.
    Ready,
}

pub(crate) struct Client {
    stream: TcpStream,
    /// Without the stroke before it.
    namespace: &'static str,
    stage: Stage,
    /// Bytes of a frame whose rest has not come yet.
    partial: Vec<u8>,
    started: Instant,
}

impl Client {
    /// Connects and asks for the upgrade.
    pub(crate) fn connect(address: SocketAddr, namespace: &'static str) -> io::Result<Self> {
        let started = Instant::now();
        let mut stream = TcpStream::connect(address)?;
        // Closing resets the connection, so that thousands of closed ones do not hold their ports for a minute.
        set_socket_linger(&stream, Some(Duration::ZERO))?;
        stream.set_nodelay(true)?;
        stream.write_all(UPGRADE)?;
        stream.set_nonblocking(true)?;
        Ok(Self { stream, namespace, stage: Stage::Upgrading, partial: Vec::new(), started })
    }

    pub(crate) fn stream(&self) -> &TcpStream {
        &self.stream
    }

    pub(crate) fn stage(&self) -> Stage {
        self.stage
    }

    /// Since the first step of connecting.
    pub(crate) fn age(&self) -> Duration {
        self.started.elapsed()
    }

    /// Sends one text message; it is small, so a full socket is a failure.
    pub(crate) fn send(&mut self, text: &[u8]) -> io::Result<()> {
        self.send_frame(ws::TEXT, text)
    }

    fn send_frame(&mut self, opcode: u8, payload: &[u8]) -> io::Result<()> {
        let mut frame = Vec::with_capacity(payload.len() + 8);
        ws::push_masked(&mut frame, opcode, payload);
        self.stream.write_all(&frame)
    }

    /// Reads once and hands every message of a signed-in client to `each`.
    /// `token` signs in; `buffer` is lent for the call and must hold the largest message.
    pub(crate) fn receive(
        &mut self,
        buffer: &mut [u8],
        token: &str,
        mut each: impl FnMut(&[u8]),
    ) -> io::Result<()> {
        let kept = self.partial.len();
        buffer[..kept].copy_from_slice(&self.partial);
        let filled = match self.stream.read(&mut buffer[kept..]) {
            Ok(0) => {
                return Err(io::Error::other(format!("closed by the server: {:?}", self.stage)));
            }
            Ok(read) => kept + read,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
            Err(error) => return Err(error),
        };
        let mut bytes = &buffer[..filled];
        if self.stage == Stage::Upgrading {
            bytes = self.upgraded(bytes)?;
        }
        while self.stage != Stage::Upgrading
            && let Some(frame) = ws::read_frame(bytes)?
        {
            let payload = &bytes[frame.start..frame.end];
            match frame.opcode {
                ws::TEXT if self.stage == Stage::Ready && payload != b"2" => each(payload),
                ws::TEXT => self.step(payload, token)?,
                ws::PING => self.send_frame(ws::PONG, payload)?,
                ws::CLOSE => return Err(io::Error::other("closed by the server with a frame")),
                _ => {}
            }
            bytes = &bytes[frame.end..];
        }
        if kept > 0 {
            self.partial.clear();
        }
        if bytes.len() == buffer.len() {
            return Err(io::Error::other("a message larger than the read buffer"));
        }
        self.partial.extend_from_slice(bytes);
        Ok(())
    }

    /// Checks the answer to the upgrade and returns what follows it.
    fn upgraded<'a>(&mut self, bytes: &'a [u8]) -> io::Result<&'a [u8]> {
        let Some(blank) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else {
            return Ok(bytes);
        };
        if !bytes.starts_with(b"HTTP/1.1 101 ") {
            let answer = String::from_utf8_lossy(bytes);
            return Err(io::Error::other(format!("the upgrade was refused: {answer}")));
        }
        self.stage = Stage::Opening;
        Ok(&bytes[blank + 4..])
    }

    /// One message of the protocol itself: a heartbeat, or a step of signing in.
    fn step(&mut self, text: &[u8], token: &str) -> io::Result<()> {
        if text == b"2" {
            return self.send(b"3");
        }
        match self.stage {
            Stage::Opening if text.starts_with(b"0{") => {
                let namespace = self.namespace;
                self.send(format!("40/{namespace},{{\"token\":\"{token}\"}}").as_bytes())?;
                self.stage = Stage::Joining { is_admitted: false, is_greeted: false };
            }
            Stage::Joining { is_admitted, is_greeted } => {
                if self.is_packet(text, "44", "") {
                    let reason = String::from_utf8_lossy(text);
                    return Err(io::Error::other(format!("the namespace was refused: {reason}")));
                }
                let is_admitted = is_admitted || self.is_packet(text, "40", "");
                let is_greeted = is_greeted || self.is_packet(text, "42", GREETING);
                self.stage = if is_admitted && is_greeted {
                    Stage::Ready
                } else {
                    Stage::Joining { is_admitted, is_greeted }
                };
            }
            _ => {}
        }
        Ok(())
    }

    /// Whether `text` is a packet of that type in the client's namespace, and what it carries begins so.
    fn is_packet(&self, text: &[u8], packet: &str, content: &str) -> bool {
        let parts = [packet, "/", self.namespace, ",", content];
        parts.iter().try_fold(text, |rest, part| rest.strip_prefix(part.as_bytes())).is_some()
    }
}
