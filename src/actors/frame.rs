//! Bytes ready for a socket: encoded once, shared by every subscriber.
//!
//! A [`Frame`] is one server-to-client WebSocket frame (RFC 6455 §5). Long polling sends the same
//! bytes without the frame header, so no transport needs an encoding of its own. A [`Batch`] is a
//! run of frames joined into one buffer, because one `send(2)` of ten messages costs what a send
//! of one does.

use std::sync::OnceLock;

use bytes::{BufMut, Bytes, BytesMut};
use latido_protocol::{deflate, websocket};

use crate::domain::event::Class;

/// One encoded message and how it is treated when the receiver cannot keep up.
#[derive(Debug, Clone)]
pub struct Frame {
    plain: Bytes,
    /// The same message by permessage-deflate (RFC 7692), for those who negotiated it.
    deflated: Option<Bytes>,
    pub class: Class,
    /// Names what a [`Class::Latest`] frame is the latest of.
    pub key: u64,
    /// Its beginning is on the wire already.
    pub(super) is_rest: bool,
    /// Asked for by who gets it, and large; see [`Frame::asked_for`].
    pub(super) is_asked_for: bool,
}

impl Frame {
    /// A text message to one socket.
    pub fn text(payload: &str, class: Class) -> Self {
        Self::framed(websocket::frame_text(payload), class)
    }

    /// A text message to many, compressed once when it is at least `compress_from` bytes long.
    pub fn broadcast(payload: &str, class: Class, key: u64, compress_from: Option<usize>) -> Self {
        let deflated = compress_from
            .filter(|&least| payload.len() >= least)
            .map(|_| deflate::frame_text(payload));
        let plain = websocket::frame_text(payload);
        Self { plain, deflated, class, key, is_rest: false, is_asked_for: false }
    }

    /// A binary message, such as a Socket.IO attachment.
    pub fn binary(payload: &[u8], class: Class) -> Self {
        Self::framed(websocket::frame_binary(payload), class)
    }

    /// A frame that is encoded already, such as a WebSocket control frame.
    pub fn framed(bytes: Bytes, class: Class) -> Self {
        let (key, is_rest, is_asked_for) = (0, false, false);
        Self { plain: bytes, deflated: None, class, key, is_rest, is_asked_for }
    }

    /// The same as a part of an answer, which has room of its own in the queue: who asks for a file
    /// is not too slow for the rest because of it.
    #[must_use]
    pub fn asked_for(self) -> Self {
        Self { is_asked_for: true, ..self }
    }

    /// The bytes for a WebSocket.
    pub fn bytes(&self, deflate: bool) -> &Bytes {
        match &self.deflated {
            Some(deflated) if deflate => deflated,
            _ => &self.plain,
        }
    }

    /// The message without its frame header, and whether it is text.
    pub fn payload(&self) -> (&[u8], bool) {
        // RFC 6455 §5.2: an unmasked header is 2, 4 or 10 bytes long by its second byte.
        let header = match self.plain.get(1).map_or(0, |byte| byte & 0x7f) {
            126 => 4,
            127 => 10,
            _ => 2,
        };
        let is_text = self.plain.first().is_some_and(|byte| byte & 0x0f == 1);
        (self.plain.get(header..).unwrap_or_default(), is_text)
    }

    /// What is left of a frame whose beginning was sent; it must follow whole, so it is durable.
    pub(super) fn rest(&self, bytes: Bytes) -> Self {
        let is_asked_for = self.is_asked_for;
        Self { is_rest: true, is_asked_for, ..Self::framed(bytes, Class::Durable) }
    }

    pub(super) fn len(&self, deflate: bool) -> usize {
        self.bytes(deflate).len()
    }
}

/// Frames for the same receivers, joined lazily into one buffer per compression choice.
#[derive(Debug)]
pub struct Batch {
    frames: Vec<Frame>,
    plain: OnceLock<Bytes>,
    deflated: OnceLock<Bytes>,
}

impl Batch {
    pub fn new(frames: Vec<Frame>) -> Self {
        Self { frames, plain: OnceLock::new(), deflated: OnceLock::new() }
    }

    pub fn frames(&self) -> &[Frame] {
        &self.frames
    }

    /// All frames, one after the other.
    pub fn joined(&self, deflate: bool) -> &Bytes {
        let differs = deflate && self.frames.iter().any(|frame| frame.deflated.is_some());
        let cell = if differs { &self.deflated } else { &self.plain };
        cell.get_or_init(|| match self.frames.as_slice() {
            [only] => only.bytes(deflate).clone(),
            frames => {
                let length = frames.iter().map(|frame| frame.len(deflate)).sum();
                let mut joined = BytesMut::with_capacity(length);
                for frame in frames {
                    joined.put_slice(frame.bytes(deflate));
                }
                joined.freeze()
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn polling_reads_the_message_back_out_of_the_frame() {
        for length in [0, 1, 125, 126, 65_535, 65_536] {
            let text = "x".repeat(length);
            let frame = Frame::text(&text, Class::Volatile);

            assert_eq!(frame.payload(), (text.as_bytes(), true), "{length}");
        }
        assert_eq!(Frame::binary(&[1, 2], Class::Volatile).payload(), (&[1, 2][..], false));
    }

    #[test]
    fn only_long_messages_get_a_deflated_twin() {
        let long = "abc".repeat(1000);

        let short = Frame::broadcast("short", Class::Volatile, 0, Some(1024));
        let twin = Frame::broadcast(&long, Class::Volatile, 0, Some(1024));

        assert_eq!(short.bytes(true), short.bytes(false));
        assert!(twin.bytes(true).len() < twin.bytes(false).len());
    }
}
