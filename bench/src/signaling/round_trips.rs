//! The floor: a `ping` whose ack comes back to its sender, from one socket after the other.

use super::traffic::{Letter, Mail};

const ACK: &[u8] = b"43/events,";

pub(super) struct RoundTrips {
    sockets: usize,
}

impl RoundTrips {
    pub(super) fn of(sockets: usize) -> Self {
        Self { sockets }
    }
}

impl Mail for RoundTrips {
    fn write(&self, number: u32) -> Letter {
        let socket = number as usize % self.sockets;
        let text = format!(r#"42/events,{number}["ping"]"#).into_bytes();
        Letter { from: socket, to: socket, text }
    }

    fn number(&self, text: &[u8]) -> Option<u32> {
        let digits = text.strip_prefix(ACK)?.split(|byte| !byte.is_ascii_digit()).next()?;
        std::str::from_utf8(digits).ok()?.parse().ok()
    }
}
