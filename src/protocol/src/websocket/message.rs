//! A message under assembly, and what a close frame says.

use bytes::Bytes;

use super::{Incoming, Violation};
use crate::deflate::{self, InflateError};

/// Fragments shorter than this are tiny: a message has to be made of few of them.
const TINY: usize = 64;

/// Tiny fragments one message may have. They cost no memory here, but each costs a turn of the loop.
const MAX_TINY: u16 = 4096;

pub(super) const INVALID_UTF8: Violation = Violation::data("invalid UTF-8");
const INVALID_DEFLATE: Violation = Violation::data("invalid compressed data");
const INFLATED_TOO_BIG: Violation = Violation::size("message too big");
const FRAGMENTS: Violation = Violation::size("too many fragments");
const SHORT_CLOSE: Violation = Violation::protocol("invalid close payload");
const CLOSE_CODE: Violation = Violation::protocol("invalid close code");

/// The frames of one data message, as far as they arrived.
#[derive(Debug)]
pub(super) struct Message {
    body: Body,
    received: usize,
    tiny: u16,
}

#[derive(Debug)]
enum Body {
    Text(Utf8),
    Binary(Vec<u8>),
    /// Judged once it is whole: until then it is not text.
    Deflated {
        is_text: bool,
        bytes: Vec<u8>,
    },
}

impl Message {
    pub(super) fn new(is_text: bool, deflated: bool) -> Self {
        let body = match (deflated, is_text) {
            (true, _) => Body::Deflated { is_text, bytes: Vec::new() },
            (false, true) => Body::Text(Utf8::default()),
            (false, false) => Body::Binary(Vec::new()),
        };
        Self { body, received: 0, tiny: 0 }
    }

    /// Payload bytes taken so far, compressed ones as they came.
    pub(super) fn received(&self) -> usize {
        self.received
    }

    /// Bytes held for the message.
    #[cfg(test)]
    pub(super) fn capacity(&self) -> usize {
        match &self.body {
            Body::Text(text) => text.text.capacity(),
            Body::Binary(bytes) | Body::Deflated { bytes, .. } => bytes.capacity(),
        }
    }

    /// Counts a frame that does not hold the whole message.
    pub(super) fn count_fragment(&mut self, length: usize) -> Result<(), Violation> {
        if length < TINY {
            self.tiny += 1;
        }
        if self.tiny > MAX_TINY { Err(FRAGMENTS) } else { Ok(()) }
    }

    /// Takes unmasked payload; `outstanding` is the most that may still come, this included.
    pub(super) fn push(&mut self, payload: &[u8], outstanding: usize) -> Result<(), Violation> {
        self.received += payload.len();
        match &mut self.body {
            Body::Text(text) => return text.push(payload, outstanding),
            Body::Binary(bytes) | Body::Deflated { bytes, .. } => {
                grow(bytes, payload.len(), bytes.len() + outstanding);
                bytes.extend_from_slice(payload);
            }
        }
        Ok(())
    }

    pub(super) fn finish(self, max_message: usize) -> Result<Incoming, Violation> {
        match self.body {
            Body::Text(text) => text.finish().map(Incoming::Text),
            Body::Binary(bytes) => Ok(Incoming::Binary(bytes.into())),
            Body::Deflated { is_text, bytes } => inflate(is_text, &bytes, max_message),
        }
    }
}

/// A compressed message as the application sees it.
pub(super) fn inflate(
    is_text: bool,
    payload: &[u8],
    max_message: usize,
) -> Result<Incoming, Violation> {
    let bytes = deflate::inflate(payload, max_message).map_err(|error| match error {
        InflateError::Corrupt => INVALID_DEFLATE,
        InflateError::TooLarge => INFLATED_TOO_BIG,
    })?;
    if is_text {
        String::from_utf8(bytes).map(Incoming::Text).map_err(|_| INVALID_UTF8)
    } else {
        Ok(Incoming::Binary(Bytes::from(bytes)))
    }
}

/// Reads a close frame's payload (RFC 6455 §5.5.1, §7.4).
pub(super) fn close(payload: &[u8]) -> Result<Incoming, Violation> {
    if payload.is_empty() {
        return Ok(Incoming::Close(None));
    }
    let (code, reason) = payload.split_first_chunk().ok_or(SHORT_CLOSE)?;
    let code = u16::from_be_bytes(*code);
    // 1004 to 1006 and 1015 are never sent; 1012 to 1014 are a server's to say.
    if !matches!(code, 1000..=1003 | 1007..=1011 | 3000..=4999) {
        return Err(CLOSE_CODE);
    }
    let reason = std::str::from_utf8(reason).map_err(|_| INVALID_UTF8)?;
    Ok(Incoming::Close(Some((code, reason.to_owned()))))
}

/// Makes room for `more` bytes: doubling, but never past `bound`, the most the buffer can come to hold.
///
/// So memory follows what arrived, not what was announced, and a full buffer has no slack.
pub(crate) fn grow(buffer: &mut Vec<u8>, more: usize, bound: usize) {
    if buffer.capacity() - buffer.len() < more {
        let wanted = more.max(buffer.len()).min(bound - buffer.len()).max(more);
        buffer.reserve_exact(wanted);
    }
}

/// Text checked as it arrives, so a broken message ends at its first wrong byte.
#[derive(Debug, Default)]
struct Utf8 {
    text: String,
    /// The start of a character whose rest has not arrived.
    head: [u8; 4],
    head_len: usize,
}

impl Utf8 {
    fn push(&mut self, mut bytes: &[u8], outstanding: usize) -> Result<(), Violation> {
        // As `grow`, for a `String`; a held back head may add a few bytes.
        if self.text.capacity() - self.text.len() < bytes.len() + self.head_len {
            let bound = outstanding + self.head_len;
            let more = (bytes.len() + self.head_len).max(self.text.len().min(bound));
            self.text.reserve_exact(more);
        }
        while self.head_len > 0
            && let Some((&byte, rest)) = bytes.split_first()
        {
            self.head[self.head_len] = byte;
            self.head_len += 1;
            bytes = rest;
            match std::str::from_utf8(&self.head[..self.head_len]) {
                Ok(character) => {
                    self.text.push_str(character);
                    self.head_len = 0;
                }
                Err(error) if error.error_len().is_none() => {}
                Err(_) => return Err(INVALID_UTF8),
            }
        }
        match std::str::from_utf8(bytes) {
            Ok(text) => self.text.push_str(text),
            Err(error) if error.error_len().is_none() => {
                // The only chunk: everything after its valid part is the unfinished character.
                if let Some(chunk) = bytes.utf8_chunks().next() {
                    self.text.push_str(chunk.valid());
                    self.head_len = chunk.invalid().len();
                    self.head[..self.head_len].copy_from_slice(chunk.invalid());
                }
            }
            Err(_) => return Err(INVALID_UTF8),
        }
        Ok(())
    }

    fn finish(self) -> Result<String, Violation> {
        if self.head_len == 0 { Ok(self.text) } else { Err(INVALID_UTF8) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn text_in_pieces_is_judged_as_text_at_once(
            bytes in prop_oneof![
                any::<String>().prop_map(String::into_bytes),
                prop::collection::vec(any::<u8>(), 0..12),
            ],
            size in 1_usize..5,
        ) {
            let mut text = Utf8::default();
            let mut left = bytes.len();
            let pushed = bytes.chunks(size).try_for_each(|chunk| {
                let pushed = text.push(chunk, left);
                left -= chunk.len();
                pushed
            });
            let pieces = pushed.and_then(|()| text.finish());
            prop_assert_eq!(pieces, String::from_utf8(bytes).map_err(|_| INVALID_UTF8));
        }
    }

    #[test]
    fn a_wrong_byte_ends_the_text_before_its_character_is_complete() {
        // Surrogates, overlong forms and values past U+10FFFF show in the second byte.
        for bytes in
            [&[0xed, 0xa0][..], &[0xe0, 0x80], &[0xf0, 0x80], &[0xf4, 0x90], &[0xc0], &[0xf5]]
        {
            assert_eq!(Utf8::default().push(bytes, 100), Err(INVALID_UTF8), "{bytes:x?}");
            let mut text = Utf8::default();
            let singly = bytes.iter().try_for_each(|&byte| text.push(&[byte], 100));
            assert_eq!(singly, Err(INVALID_UTF8), "{bytes:x?}");
        }
    }

    #[test]
    fn a_buffer_follows_what_arrived() {
        let mut buffer = Vec::new();
        grow(&mut buffer, 10, 1_000_000);
        assert_eq!(buffer.capacity(), 10);
        buffer.resize(10, 0);
        grow(&mut buffer, 1, 15);
        assert_eq!(buffer.capacity(), 15);
    }

    #[test]
    fn close_payloads_follow_the_rfc() {
        assert_eq!(close(b""), Ok(Incoming::Close(None)));
        assert_eq!(close(b"\x03\xe8bye"), Ok(Incoming::Close(Some((1000, "bye".into())))));
        assert_eq!(close(b"\x03"), Err(SHORT_CLOSE));
        assert_eq!(close(b"\x03\xe8\xff"), Err(INVALID_UTF8));
        let valid = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999];
        for code in valid {
            assert!(close(&u16::to_be_bytes(code)).is_ok(), "{code}");
        }
        for code in
            [0, 999, 1004, 1005, 1006, 1012, 1013, 1014, 1015, 1016, 1100, 2000, 2999, 5000, 65535]
        {
            assert_eq!(close(&u16::to_be_bytes(code)), Err(CLOSE_CODE), "{code}");
        }
    }
}
