//! Polling bodies: several packets in one text, separated by a record separator.
//!
//! Engine.IO v4, "HTTP long-polling": text packets stand as they are, a binary message is `b` and its bytes in base64.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;

use crate::{
    DecodeError,
    engine::{Message, Packet},
};

/// Stands between two packets of one body.
pub const SEPARATOR: char = '\u{1e}';

/// Marks a binary message inside a body.
const BINARY: char = 'b';

/// Cuts a request body into its packets, refusing more than `limit` before any of them is decoded.
pub fn split(body: &str, limit: usize) -> Result<Vec<Packet>, DecodeError> {
    // Counting one past the limit is enough, so a body of separators costs a short scan.
    let count = body.split(SEPARATOR).take(limit.saturating_add(1)).count();
    if count > limit {
        return Err(DecodeError::TooManyPackets);
    }
    let mut packets = Vec::with_capacity(count);
    for text in body.split(SEPARATOR) {
        packets.push(match text.strip_prefix(BINARY) {
            Some(base64) => Packet::Message(Message::Binary(decode_binary(base64)?)),
            None => Packet::decode(text)?,
        });
    }
    Ok(packets)
}

fn decode_binary(base64: &str) -> Result<Bytes, DecodeError> {
    STANDARD.decode(base64).map(Bytes::from).map_err(|_| DecodeError::Base64)
}

/// A response body under construction, filled with already encoded packets up to a byte budget.
#[derive(Debug, Clone)]
pub struct Batch {
    body: String,
    budget: usize,
}

impl Default for Batch {
    fn default() -> Self {
        Self::new()
    }
}

impl Batch {
    /// A batch without a budget.
    pub fn new() -> Self {
        Self::with_budget(usize::MAX)
    }

    /// A batch that [`fits`](Self::fits) no more than `budget` bytes, separators included.
    pub fn with_budget(budget: usize) -> Self {
        Self { body: String::new(), budget }
    }

    /// Whether a packet of `extra` encoded bytes stays within the budget. An empty batch takes any packet: a larger one would otherwise wait forever.
    pub fn fits(&self, extra: usize) -> bool {
        let separated = self.body.len().saturating_add(SEPARATOR.len_utf8());
        self.body.is_empty() || separated.saturating_add(extra) <= self.budget
    }

    /// The encoded size of a binary message of `bytes` bytes, for [`fits`](Self::fits).
    pub const fn binary_len(bytes: usize) -> usize {
        BINARY.len_utf8() + bytes.div_ceil(3).saturating_mul(4)
    }

    /// Adds one encoded text packet, whatever the budget says.
    pub fn push_text(&mut self, packet: &str) {
        self.body.reserve(packet.len() + SEPARATOR.len_utf8());
        self.separate();
        self.body.push_str(packet);
    }

    /// Adds one binary message, whatever the budget says.
    pub fn push_binary(&mut self, bytes: &[u8]) {
        self.body.reserve(Self::binary_len(bytes.len()) + SEPARATOR.len_utf8());
        self.separate();
        self.body.push(BINARY);
        STANDARD.encode_string(bytes, &mut self.body);
    }

    /// Bytes written so far.
    pub fn len(&self) -> usize {
        self.body.len()
    }

    pub fn is_empty(&self) -> bool {
        self.body.is_empty()
    }

    pub fn into_string(self) -> String {
        self.body
    }

    fn separate(&mut self) {
        if !self.body.is_empty() {
            self.body.push(SEPARATOR);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_batch_survives_the_wire(
            messages in prop::collection::vec(
                prop_oneof![
                    "[^\u{1e}]{0,40}".prop_map(Message::Text),
                    prop::collection::vec(any::<u8>(), 0..40).prop_map(|b| Message::Binary(b.into())),
                ],
                1..20,
            )
        ) {
            let packets: Vec<_> = messages.into_iter().map(Packet::Message).collect();
            let mut batch = Batch::new();
            for packet in &packets {
                let before = batch.len();
                let size = match packet {
                    Packet::Message(Message::Binary(bytes)) => {
                        batch.push_binary(bytes);
                        Batch::binary_len(bytes.len())
                    }
                    text => {
                        let text = text.encode().unwrap();
                        batch.push_text(&text);
                        text.len()
                    }
                };
                prop_assert_eq!(batch.len() - before, size + usize::from(before > 0));
            }
            prop_assert_eq!(split(&batch.into_string(), 20), Ok(packets));
        }

        #[test]
        fn any_body_is_answered(body in "[0-9b\u{1e}A=a-c]{0,60}") {
            let _ = split(&body, 8);
        }
    }

    #[test]
    fn the_budget_counts_separators_and_never_starves_a_large_packet() {
        let mut batch = Batch::with_budget(6);
        assert!(batch.fits(100));
        batch.push_text("4ab");
        assert!(batch.fits(2));
        assert!(!batch.fits(3));
    }

    #[test]
    fn more_packets_than_the_limit_are_refused() {
        assert_eq!(split("2\u{1e}2\u{1e}2", 2), Err(DecodeError::TooManyPackets));
        assert_eq!(split("2\u{1e}2", 2).unwrap().len(), 2);
    }

    #[test]
    fn malformed_bodies_are_refused() {
        assert_eq!(split("", 8), Err(DecodeError::EmptyPacket));
        assert_eq!(split("4a\u{1e}", 8), Err(DecodeError::EmptyPacket));
        assert_eq!(split("b###", 8), Err(DecodeError::Base64));
        assert_eq!(split("2\u{1e}x", 8), Err(DecodeError::UnknownType));
    }
}
