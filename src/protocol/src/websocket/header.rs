//! Frame headers from clients, refused at the first byte that breaks a rule.

use super::{Opcode, Violation, encode::MAX_CONTROL};

/// The longest header of a masked frame.
pub(super) const MAX_HEADER: usize = 14;

const RESERVED_BIT: Violation = Violation::protocol("reserved bit set");
const RESERVED_OPCODE: Violation = Violation::protocol("reserved opcode");
const UNMASKED: Violation = Violation::protocol("unmasked frame");
const FRAGMENTED_CONTROL: Violation = Violation::protocol("fragmented control frame");
const LONG_CONTROL: Violation = Violation::protocol("control frame too long");
const NO_MESSAGE: Violation = Violation::protocol("continuation without a message");
const UNFINISHED: Violation = Violation::protocol("message inside a message");
const BAD_LENGTH: Violation = Violation::protocol("invalid payload length");
const TOO_BIG: Violation = Violation::size("message too big");

/// What the frames before this one allow it to be.
#[derive(Debug, Clone, Copy)]
pub(super) struct Expected {
    /// A fragmented message is under way.
    pub(super) in_message: bool,
    /// permessage-deflate was negotiated.
    pub(super) deflate: bool,
    /// Payload bytes a data frame may announce.
    pub(super) room: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) opcode: Opcode,
    pub(super) fin: bool,
    /// The message is compressed.
    pub(super) rsv1: bool,
    pub(super) length: usize,
    pub(super) key: [u8; 4],
}

impl Header {
    /// Reads a header and its size from the start of `bytes`; `None` while it is incomplete.
    ///
    /// The length is judged as announced: no byte of an oversized frame is waited for.
    pub(super) fn parse(
        bytes: &[u8],
        expected: Expected,
    ) -> Result<Option<(Self, usize)>, Violation> {
        let Some(&first) = bytes.first() else { return Ok(None) };
        let (fin, rsv1) = (first & 0x80 != 0, first & 0x40 != 0);
        let opcode = opcode(first & 0x0f)?;
        // Only a message's first frame may be marked compressed (RFC 7692 §6).
        let may_compress = expected.deflate && matches!(opcode, Opcode::Text | Opcode::Binary);
        if first & 0x30 != 0 || (rsv1 && !may_compress) {
            return Err(RESERVED_BIT);
        }
        match opcode {
            Opcode::Continuation if !expected.in_message => return Err(NO_MESSAGE),
            Opcode::Text | Opcode::Binary if expected.in_message => return Err(UNFINISHED),
            Opcode::Close | Opcode::Ping | Opcode::Pong if !fin => return Err(FRAGMENTED_CONTROL),
            _ => {}
        }

        let Some(&second) = bytes.get(1) else { return Ok(None) };
        if second & 0x80 == 0 {
            return Err(UNMASKED);
        }
        let short = second & 0x7f;
        if opcode.is_control() && usize::from(short) > MAX_CONTROL {
            return Err(LONG_CONTROL);
        }
        let Some((length, rest)) = length(short, &bytes[2..])? else { return Ok(None) };
        let length = usize::try_from(length).map_err(|_| TOO_BIG)?;
        if !opcode.is_control() && length > expected.room {
            return Err(TOO_BIG);
        }
        let Some((key, rest)) = rest.split_first_chunk() else { return Ok(None) };
        let header = Self { opcode, fin, rsv1, length, key: *key };
        Ok(Some((header, bytes.len() - rest.len())))
    }
}

fn opcode(nibble: u8) -> Result<Opcode, Violation> {
    Ok(match nibble {
        0x0 => Opcode::Continuation,
        0x1 => Opcode::Text,
        0x2 => Opcode::Binary,
        0x8 => Opcode::Close,
        0x9 => Opcode::Ping,
        0xa => Opcode::Pong,
        _ => return Err(RESERVED_OPCODE),
    })
}

/// The payload length in its shortest form, as RFC 6455 §5.2 demands, and the bytes after it.
fn length(short: u8, rest: &[u8]) -> Result<Option<(u64, &[u8])>, Violation> {
    let (length, shortest, rest) = match short {
        126 => {
            let Some((bytes, rest)) = rest.split_first_chunk() else { return Ok(None) };
            (u64::from(u16::from_be_bytes(*bytes)), 126, rest)
        }
        127 => {
            let Some((bytes, rest)) = rest.split_first_chunk() else { return Ok(None) };
            (u64::from_be_bytes(*bytes), 65_536, rest)
        }
        short => (u64::from(short), 0, rest),
    };
    if length < shortest || length >> 63 != 0 {
        return Err(BAD_LENGTH);
    }
    Ok(Some((length, rest)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: Expected = Expected { in_message: false, deflate: false, room: 1000 };

    fn refusal(bytes: &[u8], expected: Expected) -> Violation {
        Header::parse(bytes, expected).unwrap_err()
    }

    #[test]
    fn each_rule_is_refused_as_soon_as_it_shows() {
        let within = Expected { in_message: true, ..FIRST };
        let deflate = Expected { deflate: true, ..FIRST };
        assert_eq!(refusal(&[0xa1], FIRST), RESERVED_BIT);
        assert_eq!(refusal(&[0xc1], FIRST), RESERVED_BIT);
        assert_eq!(refusal(&[0xc9], deflate), RESERVED_BIT);
        assert_eq!(refusal(&[0xc0], Expected { deflate: true, ..within }), RESERVED_BIT);
        assert_eq!(refusal(&[0x83], FIRST), RESERVED_OPCODE);
        assert_eq!(refusal(&[0x8f], FIRST), RESERVED_OPCODE);
        assert_eq!(refusal(&[0x80], FIRST), NO_MESSAGE);
        assert_eq!(refusal(&[0x81], within), UNFINISHED);
        assert_eq!(refusal(&[0x09], FIRST), FRAGMENTED_CONTROL);
        assert_eq!(refusal(&[0x81, 0x05], FIRST), UNMASKED);
        assert_eq!(refusal(&[0x89, 0xfe], FIRST), LONG_CONTROL);
    }

    #[test]
    fn lengths_are_shortest_positive_and_within_the_room() {
        assert_eq!(refusal(&[0x82, 0xfe, 0, 125], FIRST), BAD_LENGTH);
        assert_eq!(refusal(&[0x82, 0xff, 0, 0, 0, 0, 0, 0, 0xff, 0xff], FIRST), BAD_LENGTH);
        assert_eq!(refusal(&[0x82, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0], FIRST), BAD_LENGTH);
        assert_eq!(refusal(&[0x82, 0xfe, 0x03, 0xe9], FIRST), TOO_BIG);
        assert_eq!(refusal(&[0x82, 0xff, 0x7f, 0, 0, 0, 0, 0, 0, 0], FIRST), TOO_BIG);
    }

    #[test]
    fn a_header_is_incomplete_until_its_key_is_there() {
        let bytes = [0x82, 0xfe, 0x03, 0xe8, 1, 2, 3, 4, 9];
        for cut in 0..8 {
            assert_eq!(Header::parse(&bytes[..cut], FIRST), Ok(None));
        }
        let (header, size) = Header::parse(&bytes, FIRST).unwrap().unwrap();
        assert_eq!((header.length, header.key, size), (1000, [1, 2, 3, 4], 8));
    }
}
