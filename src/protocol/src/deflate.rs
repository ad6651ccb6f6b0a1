//! The payload side of permessage-deflate (RFC 7692 §7.2), without context takeover.
//!
//! Each message stands alone, so a compressed broadcast is made once and sent to everyone who negotiated it. Compressors are kept per thread and reset between messages: a fresh one costs more than a small message.

use std::cell::RefCell;

use bytes::Bytes;
use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};

use crate::websocket::{self, Opcode, grow};

/// Ends every flushed message and is not sent (RFC 7692 §7.2.1).
const FLUSH: [u8; 4] = [0x00, 0x00, 0xff, 0xff];

/// The flush restored, and an empty final block: only a message that ended where a block may begin reaches the end of the stream.
const TAIL: [u8; 6] = [0x00, 0x00, 0xff, 0xff, 0x03, 0x00];

/// Inflated bytes per step, on the stack.
const STEP: usize = 8 * 1024;

thread_local! {
    static COMPRESS: RefCell<Compress> = RefCell::new(Compress::new(Compression::fast(), false));
    static DECOMPRESS: RefCell<Decompress> = RefCell::new(Decompress::new(false));
}

/// Why a compressed message was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InflateError {
    #[error("not a deflate stream")]
    Corrupt,
    #[error("inflated message too large")]
    TooLarge,
}

/// Compresses one message and drops the flush at its end.
pub fn deflate(payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(payload.len() / 2 + 64);
    COMPRESS.with_borrow_mut(|compress| {
        compress.reset();
        let mut rest = payload;
        loop {
            let before = compress.total_in();
            // Compressing into memory fails for lack of space only, and each round makes some.
            let _ = compress.compress_vec(rest, &mut out, FlushCompress::Sync);
            rest = &rest[advanced(before, compress.total_in())..];
            if rest.is_empty() && out.len() < out.capacity() {
                break;
            }
            out.reserve(out.len().max(64));
        }
    });
    if out.ends_with(&FLUSH) {
        out.truncate(out.len() - FLUSH.len());
    }
    if out.is_empty() {
        // An empty message is one empty block (RFC 7692 §7.2.3.6).
        out.push(0);
    }
    out
}

/// Restores one message, never holding more than `limit` bytes of it.
pub fn inflate(payload: &[u8], limit: usize) -> Result<Vec<u8>, InflateError> {
    DECOMPRESS.with_borrow_mut(|decompress| {
        decompress.reset(false);
        inflate_with(decompress, payload, limit)
    })
}

fn inflate_with(
    decompress: &mut Decompress,
    payload: &[u8],
    limit: usize,
) -> Result<Vec<u8>, InflateError> {
    let mut out = Vec::new();
    let mut chunk = [0; STEP];
    let (mut input, mut in_tail) = (payload, false);
    loop {
        let (read, written) = (decompress.total_in(), decompress.total_out());
        let status = decompress
            .decompress(input, &mut chunk, FlushDecompress::None)
            .map_err(|_| InflateError::Corrupt)?;
        let taken = advanced(read, decompress.total_in());
        let made = advanced(written, decompress.total_out());
        input = &input[taken..];
        if made > limit - out.len() {
            return Err(InflateError::TooLarge);
        }
        grow(&mut out, made, limit);
        out.extend_from_slice(&chunk[..made]);
        if status == Status::StreamEnd {
            if in_tail && input.is_empty() {
                return Ok(out);
            }
            // A final block inside the message is allowed; another stream follows (RFC 7692 §7.2.3.4).
            decompress.reset(false);
        } else if made == STEP {
            // More may wait behind a full step.
        } else if input.is_empty() && !in_tail {
            (input, in_tail) = (&TAIL, true);
        } else if taken == 0 && made == 0 {
            return Err(InflateError::Corrupt);
        }
    }
}

/// How far a 64-bit total moved within one call on slices.
fn advanced(before: u64, after: u64) -> usize {
    usize::try_from(after - before).expect("a call moves no further than its slices")
}

/// A compressed text frame, RSV1 set (RFC 7692 §6).
pub fn frame_text(payload: &str) -> Bytes {
    websocket::frame(Opcode::Text, true, &deflate(payload.as_bytes()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_message_survives_compression(
            payload in prop::collection::vec(any::<u8>(), 0..2000),
            repeat in 1_usize..40,
        ) {
            let payload = payload.repeat(repeat);
            prop_assert_eq!(inflate(&deflate(&payload), payload.len()), Ok(payload));
        }

        #[test]
        fn any_bytes_are_answered(payload in prop::collection::vec(any::<u8>(), 0..300)) {
            if let Ok(out) = inflate(&payload, 1000) {
                prop_assert!(out.len() <= 1000 && out.capacity() <= 1000);
            }
        }
    }

    #[test]
    fn the_rfc_examples_inflate() {
        for payload in [
            // RFC 7692 §7.2.3.1, §7.2.3.3 (stored), §7.2.3.4 (final block), §7.2.3.5 (two blocks).
            &[0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00][..],
            &[0x00, 0x05, 0x00, 0xfa, 0xff, 0x48, 0x65, 0x6c, 0x6c, 0x6f, 0x00],
            &[0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00],
            &[0xf2, 0x48, 0x05, 0x00, 0x00, 0x00, 0xff, 0xff, 0xca, 0xc9, 0xc9, 0x07, 0x00],
        ] {
            assert_eq!(inflate(payload, 5).as_deref(), Ok(&b"Hello"[..]), "{payload:x?}");
            assert_eq!(inflate(payload, 4), Err(InflateError::TooLarge));
        }
        assert_eq!(inflate(&[0], 0), Ok(Vec::new()));
        assert_eq!(inflate(&deflate(b""), 0), Ok(Vec::new()));
    }

    #[test]
    fn a_bomb_is_stopped_at_the_limit() {
        let bomb = deflate(&vec![0; 50_000_000]);
        assert!(bomb.len() < 1_000_000);
        assert_eq!(inflate(&bomb, 1_000_000), Err(InflateError::TooLarge));
    }

    #[test]
    fn a_message_cut_short_is_refused() {
        let whole = deflate(b"a message long enough to be cut somewhere in its middle");
        assert_eq!(inflate(&whole[..whole.len() / 2], 1000), Err(InflateError::Corrupt));
    }
}
