//! Server frames: unmasked, unfragmented, one allocation each.

use bytes::Bytes;

use super::Opcode;

/// The longest payload a control frame may carry (RFC 6455 §5.5).
pub(super) const MAX_CONTROL: usize = 125;

/// The longest header of an unmasked frame.
const MAX_HEADER: usize = 10;

/// A text message in one frame.
pub fn frame_text(payload: &str) -> Bytes {
    frame(Opcode::Text, false, payload.as_bytes())
}

/// A binary message in one frame.
pub fn frame_binary(payload: &[u8]) -> Bytes {
    frame(Opcode::Binary, false, payload)
}

/// A whole unmasked frame (RFC 6455 §5.2). `rsv1` marks a compressed message (RFC 7692 §6).
pub fn frame(opcode: Opcode, rsv1: bool, payload: &[u8]) -> Bytes {
    let mut header = [0; MAX_HEADER];
    header[0] = 0x80 | if rsv1 { 0x40 } else { 0 } | opcode as u8;
    let length = payload.len() as u64;
    let size = if let Ok(short) = u8::try_from(length)
        && usize::from(short) <= MAX_CONTROL
    {
        header[1] = short;
        2
    } else if let Ok(medium) = u16::try_from(length) {
        header[1] = 126;
        header[2..4].copy_from_slice(&medium.to_be_bytes());
        4
    } else {
        header[1] = 127;
        header[2..].copy_from_slice(&length.to_be_bytes());
        MAX_HEADER
    };
    // Exactly as large as needed: handing it to `Bytes` then copies nothing.
    let mut frame = Vec::with_capacity(size + payload.len());
    frame.extend_from_slice(&header[..size]);
    frame.extend_from_slice(payload);
    Bytes::from(frame)
}

/// A close frame (RFC 6455 §5.5.1). A reason too long for a control frame is cut at a character.
pub fn close_frame(code: u16, reason: &str) -> Bytes {
    let reason = &reason[..reason.floor_char_boundary(MAX_CONTROL - 2)];
    let mut payload = Vec::with_capacity(2 + reason.len());
    payload.extend_from_slice(&code.to_be_bytes());
    payload.extend_from_slice(reason.as_bytes());
    frame(Opcode::Close, false, &payload)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rfc_examples_are_reproduced() {
        // RFC 6455 §5.7.
        assert_eq!(&frame_text("Hello")[..], [0x81, 5, 0x48, 0x65, 0x6c, 0x6c, 0x6f]);
        assert_eq!(frame_binary(&[0; 256])[..4], [0x82, 126, 1, 0]);
        assert_eq!(frame_binary(&vec![0; 65536])[..10], [0x82, 127, 0, 0, 0, 0, 0, 1, 0, 0]);
    }

    #[test]
    fn lengths_use_the_shortest_form() {
        for (length, header) in [(125, 2), (126, 4), (65535, 4), (65536, 10)] {
            assert_eq!(frame_binary(&vec![0; length]).len(), header + length);
        }
    }

    #[test]
    fn a_long_close_reason_is_cut_at_a_character() {
        let frame = close_frame(1002, &"é".repeat(100));
        assert_eq!(frame[..4], [0x88, 124, 0x03, 0xea]);
        assert!(std::str::from_utf8(&frame[4..]).is_ok());
    }
}
