//! WebSocket framing, as little of it as a load needs.
//!
//! Frames are found in place in the caller's buffer. Fragments and extensions are refused: no server
//! measured here sends either unasked.

use std::io;

use base64::{Engine, prelude::BASE64_STANDARD};
use sha1::{Digest, Sha1};

pub(crate) const TEXT: u8 = 1;
pub(crate) const CLOSE: u8 = 8;
pub(crate) const PING: u8 = 9;
pub(crate) const PONG: u8 = 10;

/// A length byte that says: the length follows in two bytes.
const MEDIUM: u8 = 0x7e;
/// The same, in eight bytes.
const LONG: u8 = 0x7f;

/// Any key is as good as another on loopback; a constant one lets a frame be made without randomness.
const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// Where one whole frame lies in the bytes it was read from.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) opcode: u8,
    pub(crate) mask: Option<[u8; 4]>,
    /// First byte of the payload.
    pub(crate) start: usize,
    /// First byte after the payload, where the next frame begins.
    pub(crate) end: usize,
}

/// Finds the frame that `bytes` begin with; `None` until all of it is there.
pub(crate) fn read_frame(bytes: &[u8]) -> io::Result<Option<Frame>> {
    let &[first, second, ..] = bytes else { return Ok(None) };
    if first & 0xf0 != 0x80 {
        return Err(io::Error::other("a fragment or a reserved bit"));
    }
    let (length, after_length) = match second & 0x7f {
        MEDIUM => match bytes.get(2..4) {
            Some(&[a, b]) => (u64::from(u16::from_be_bytes([a, b])), 4),
            _ => return Ok(None),
        },
        LONG => match bytes.get(2..10).and_then(|long| <[u8; 8]>::try_from(long).ok()) {
            Some(long) => (u64::from_be_bytes(long), 10),
            None => return Ok(None),
        },
        short => (u64::from(short), 2),
    };
    let (mask, start) = if second & 0x80 == 0 {
        (None, after_length)
    } else {
        match bytes.get(after_length..after_length + 4) {
            Some(&[a, b, c, d]) => (Some([a, b, c, d]), after_length + 4),
            _ => return Ok(None),
        }
    };
    let length = usize::try_from(length).map_err(io::Error::other)?;
    let end = start.saturating_add(length);
    Ok((end <= bytes.len()).then_some(Frame { opcode: first & 0x0f, mask, start, end }))
}

/// Takes a client's mask off, or puts it on: the two are the same.
pub(crate) fn apply_mask(payload: &mut [u8], mask: [u8; 4]) {
    for (byte, key) in payload.iter_mut().zip(mask.into_iter().cycle()) {
        *byte ^= key;
    }
}

/// Appends a frame as servers send it.
pub(crate) fn push_frame(out: &mut Vec<u8>, opcode: u8, payload: &[u8]) {
    push_header(out, opcode, payload.len(), 0);
    out.extend_from_slice(payload);
}

/// Appends a frame as clients send it.
pub(crate) fn push_masked(out: &mut Vec<u8>, opcode: u8, payload: &[u8]) {
    push_header(out, opcode, payload.len(), 0x80);
    out.extend_from_slice(&MASK);
    let start = out.len();
    out.extend_from_slice(payload);
    apply_mask(&mut out[start..], MASK);
}

fn push_header(out: &mut Vec<u8>, opcode: u8, length: usize, masked: u8) {
    out.push(0x80 | opcode);
    if let Ok(short @ 0..MEDIUM) = u8::try_from(length) {
        out.push(masked | short);
    } else if let Ok(medium) = u16::try_from(length) {
        out.push(masked | MEDIUM);
        out.extend_from_slice(&medium.to_be_bytes());
    } else {
        out.push(masked | LONG);
        out.extend_from_slice(&(length as u64).to_be_bytes());
    }
}

/// The `Sec-WebSocket-Accept` that answers a `Sec-WebSocket-Key`.
pub(crate) fn accept_key(key: &str) -> String {
    let mut hash = Sha1::new();
    hash.update(key.as_bytes());
    hash.update(b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
    BASE64_STANDARD.encode(hash.finalize())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_found_only_when_all_of_it_is_there() {
        for length in [0, 1, 125, 126, 160, 65_535, 65_536] {
            let payload = vec![b'x'; length];
            let mut bytes = Vec::new();
            push_frame(&mut bytes, TEXT, &payload);
            for cut in [0, 1, bytes.len() / 2, bytes.len() - 1] {
                assert_eq!(read_frame(&bytes[..cut]).unwrap(), None, "{length} cut at {cut}");
            }
            bytes.extend_from_slice(b"\x81\x01y");

            let frame = read_frame(&bytes).unwrap().unwrap();

            assert_eq!((frame.opcode, frame.mask), (TEXT, None));
            assert_eq!(&bytes[frame.start..frame.end], payload);
            assert_eq!(&bytes[frame.end..], b"\x81\x01y");
        }
    }

    #[test]
    fn a_masked_frame_gives_its_payload_back() {
        let mut bytes = Vec::new();
        push_masked(&mut bytes, TEXT, b"42/events,7[\"ping\"]");

        let frame = read_frame(&bytes).unwrap().unwrap();
        let payload = &mut bytes[frame.start..frame.end];
        apply_mask(payload, frame.mask.unwrap());

        assert_eq!(payload, b"42/events,7[\"ping\"]");
    }

    #[test]
    fn fragments_and_reserved_bits_are_refused() {
        assert!(read_frame(b"\x01\x01a").is_err());
        assert!(read_frame(b"\xc1\x01a").is_err());
    }

    #[test]
    fn the_accept_key_is_the_one_of_the_standard() {
        assert_eq!(accept_key("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }
}
