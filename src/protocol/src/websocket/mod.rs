//! WebSocket frames (RFC 6455) as a server sees them: [`Reader`] takes what clients send, [`frame`] and its kin build what they get.
//!
//! Answering pings and closing are the connection's business; nothing here writes anything.

mod encode;
mod header;
mod mask;
mod message;
mod reader;

use bytes::Bytes;

pub use encode::{close_frame, frame, frame_binary, frame_text};
pub(crate) use message::grow;
pub use reader::Reader;

/// The frame types of RFC 6455 §5.2; the rest are reserved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Opcode {
    Continuation = 0x0,
    Text = 0x1,
    Binary = 0x2,
    Close = 0x8,
    Ping = 0x9,
    Pong = 0xa,
}

impl Opcode {
    /// Control frames may stand between the fragments of a message (RFC 6455 §5.5).
    pub fn is_control(self) -> bool {
        matches!(self, Self::Close | Self::Ping | Self::Pong)
    }
}

/// One whole message or control frame from a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Incoming {
    Text(String),
    Binary(Bytes),
    /// To be answered by a pong with the same bytes.
    Ping(Bytes),
    Pong(Bytes),
    /// The client's code and reason, if it gave any. Nothing is read after it.
    Close(Option<(u16, String)>),
}

/// A broken rule, and what to close the connection with (RFC 6455 §7.4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{reason} ({code})")]
pub struct Violation {
    /// 1002 protocol error, 1007 invalid data, 1009 message too big.
    pub code: u16,
    /// Short enough for a close frame.
    pub reason: &'static str,
}

impl Violation {
    const fn protocol(reason: &'static str) -> Self {
        Self { code: 1002, reason }
    }

    const fn data(reason: &'static str) -> Self {
        Self { code: 1007, reason }
    }

    const fn size(reason: &'static str) -> Self {
        Self { code: 1009, reason }
    }
}
