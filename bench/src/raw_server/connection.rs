//! One connection of the raw server: a publisher speaking HTTP, or a client on its WebSocket.
//!
//! It holds memory only while a message is cut in two or a socket is full.

use std::{
    io::{self, Read, Write},
    net::TcpStream,
};

use crate::{epoll::Interest, http::Head, ws};

const OPEN: &[u8] = br#"0{"sid":"raw","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}"#;
const ADMITTED: &[u8] = br#"40/events,{"sid":"raw"}"#;
const GREETING: &[u8] =
    br#"42/events,["connected",{"message":"connected","userId":0,"role":"Paciente"}]"#;
const PONG: &[u8] = br#"[{"timestamp":"2025-01-01T00:00:00.000Z","userId":0}]"#;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Http,
    Open,
    Joined,
}

pub(super) struct Connection {
    stream: TcpStream,
    stage: Stage,
    is_watching_room: bool,
    waiting: Option<Box<Waiting>>,
}

/// Bytes that wait for more of their message, or for room in the socket.
#[derive(Default)]
struct Waiting {
    partial: Vec<u8>,
    backlog: Vec<u8>,
}

impl Connection {
    pub(super) fn new(stream: TcpStream) -> Self {
        Self { stream, stage: Stage::Http, is_watching_room: false, waiting: None }
    }

    pub(super) fn stream(&self) -> &TcpStream {
        &self.stream
    }

    pub(super) fn is_joined(&self) -> bool {
        self.stage == Stage::Joined
    }

    pub(super) fn has_backlog(&self) -> bool {
        self.waiting.as_ref().is_some_and(|waiting| !waiting.backlog.is_empty())
    }

    /// What to watch for from now on, when that differs from before.
    pub(super) fn changed_interest(&mut self) -> Option<Interest> {
        if self.has_backlog() == self.is_watching_room {
            return None;
        }
        self.is_watching_room = !self.is_watching_room;
        Some(if self.is_watching_room { Interest::ReadWrite } else { Interest::Read })
    }

    /// Sends `bytes` after whatever waits, keeping what the socket has no room for.
    pub(super) fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        if let Some(waiting) = &mut self.waiting
            && !waiting.backlog.is_empty()
        {
            waiting.backlog.extend_from_slice(bytes);
            let sent = write_some(&self.stream, &waiting.backlog)?;
            waiting.backlog.drain(..sent);
            self.release();
            return Ok(());
        }
        let sent = write_some(&self.stream, bytes)?;
        if sent < bytes.len() {
            self.waiting.get_or_insert_default().backlog.extend_from_slice(&bytes[sent..]);
        }
        Ok(())
    }

    /// Reads once, answers what concerns this connection alone and hands published bodies to `publish`.
    pub(super) fn read(
        &mut self,
        buffer: &mut [u8],
        publish: &mut impl FnMut(&[u8]) -> io::Result<()>,
    ) -> io::Result<()> {
        let kept = self.waiting.as_mut().map_or(0, |waiting| {
            let partial = std::mem::take(&mut waiting.partial);
            buffer[..partial.len()].copy_from_slice(&partial);
            partial.len()
        });
        let filled = match self.stream.read(&mut buffer[kept..]) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(read) => kept + read,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => kept,
            Err(error) => return Err(error),
        };
        let mut rest = &mut buffer[..filled];
        loop {
            let taken = if self.stage == Stage::Http {
                self.http(rest, publish)?
            } else {
                self.frame(rest)?
            };
            if taken == 0 {
                break;
            }
            rest = &mut rest[taken..];
        }
        if rest.is_empty() {
            self.release();
        } else {
            self.waiting.get_or_insert_default().partial.extend_from_slice(rest);
        }
        Ok(())
    }

    fn release(&mut self) {
        if self.waiting.as_ref().is_some_and(|w| w.partial.is_empty() && w.backlog.is_empty()) {
            self.waiting = None;
        }
    }

    /// Takes one HTTP request; 0 when it is not all there.
    fn http(
        &mut self,
        bytes: &[u8],
        publish: &mut impl FnMut(&[u8]) -> io::Result<()>,
    ) -> io::Result<usize> {
        let Some(head) = Head::parse(bytes)?.filter(|head| head.end <= bytes.len()) else {
            return Ok(0);
        };
        if let Some(key) = head.header("sec-websocket-key") {
            let accept = ws::accept_key(key);
            let mut answer = format!("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n\r\n").into_bytes();
            ws::push_frame(&mut answer, ws::TEXT, OPEN);
            self.stage = Stage::Open;
            self.send(&answer)?;
        } else {
            publish(&bytes[head.body_start..head.end])?;
        }
        Ok(head.end)
    }

    /// Takes one WebSocket frame; 0 when it is not all there.
    fn frame(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let Some(frame) = ws::read_frame(bytes)? else { return Ok(0) };
        let payload = &mut bytes[frame.start..frame.end];
        if let Some(mask) = frame.mask {
            ws::apply_mask(payload, mask);
        }
        if frame.opcode == ws::CLOSE {
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        let mut answer = Vec::new();
        if payload.starts_with(b"40/events,") {
            self.stage = Stage::Joined;
            ws::push_frame(&mut answer, ws::TEXT, ADMITTED);
            ws::push_frame(&mut answer, ws::TEXT, GREETING);
        } else if let Some(event) = payload.strip_prefix(b"42/events,") {
            let digits = event.iter().take_while(|byte| byte.is_ascii_digit()).count();
            if digits > 0 {
                let ack = [b"43/events,", &event[..digits], PONG].concat();
                ws::push_frame(&mut answer, ws::TEXT, &ack);
            }
        }
        if !answer.is_empty() {
            self.send(&answer)?;
        }
        Ok(frame.end)
    }
}

/// Writes what the socket takes now; 0 when it is full.
fn write_some(mut stream: &TcpStream, bytes: &[u8]) -> io::Result<usize> {
    if bytes.is_empty() {
        return Ok(0);
    }
    match stream.write(bytes) {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(0),
        outcome => outcome,
    }
}
