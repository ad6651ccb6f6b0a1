//! The Autobahn groups in miniature, and the reader at every split point.

use proptest::prelude::*;

use super::*;
use crate::deflate::deflate;

const LIMIT: usize = 10_000;

/// A masked frame with `first` as its first byte.
fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
    let key = [0x37, 0xfa, 0x21, 0x3d];
    let mut bytes = vec![first];
    match payload.len() {
        length @ 0..=125 => bytes.push(0x80 | u8::try_from(length).unwrap()),
        length @ 126..=65535 => {
            bytes.push(0xfe);
            bytes.extend(u16::try_from(length).unwrap().to_be_bytes());
        }
        length => {
            bytes.push(0xff);
            bytes.extend((length as u64).to_be_bytes());
        }
    }
    bytes.extend(key);
    let start = bytes.len();
    bytes.extend(payload);
    unmask(&mut bytes[start..], key);
    bytes
}

/// Reads `frames` in chunks of `size` bytes.
fn read(reader: &mut Reader, frames: &[u8], size: usize) -> (Vec<Incoming>, Result<(), Violation>) {
    let mut out = Vec::new();
    let result =
        frames.to_vec().chunks_mut(size).try_for_each(|chunk| reader.read(chunk, &mut out));
    (out, result)
}

/// What `frames` mean, which must not depend on how they were cut.
fn judge(frames: &[u8]) -> (Vec<Incoming>, Result<(), Violation>) {
    let whole = read(&mut Reader::new(LIMIT, true), frames, frames.len().max(1));
    for size in [1, 2, 3, 7] {
        assert_eq!(read(&mut Reader::new(LIMIT, true), frames, size), whole, "chunks of {size}");
    }
    whole
}

fn accepted(frames: &[u8]) -> Vec<Incoming> {
    let (out, result) = judge(frames);
    assert_eq!(result, Ok(()));
    out
}

fn refused(frames: &[u8]) -> u16 {
    judge(frames).1.unwrap_err().code
}

fn text(text: &str) -> Incoming {
    Incoming::Text(text.into())
}

#[test]
fn an_idle_reader_is_small_and_owns_nothing() {
    assert!(size_of::<Reader>() <= 32);
    let mut reader = Reader::new(LIMIT, true);
    for cut in 1..masked(0x81, b"hello").len() {
        let mut out = Vec::new();
        let mut frame = masked(0x81, b"hello");
        let (left, right) = frame.split_at_mut(cut);
        reader.read(left, &mut out).unwrap();
        assert!(!reader.is_idle());
        reader.read(right, &mut out).unwrap();
        assert!(reader.is_idle());
        assert_eq!(out, [text("hello")]);
    }
}

#[test]
fn messages_of_every_length_form_arrive() {
    for length in [0, 1, 125, 126, 127, 128, 9999, LIMIT] {
        let payload = vec![b'*'; length];
        let expected = String::from_utf8(payload.clone()).unwrap();
        assert_eq!(accepted(&masked(0x81, &payload)), [Incoming::Text(expected)]);
        assert_eq!(accepted(&masked(0x82, &payload)), [Incoming::Binary(payload.into())]);
    }
    let large = vec![7; 70_000];
    let mut reader = Reader::new(100_000, false);
    let (out, _) = read(&mut reader, &masked(0x82, &large), 1000);
    assert_eq!(out, [Incoming::Binary(large.into())]);
}

#[test]
fn control_frames_stand_between_fragments() {
    let frames = [
        masked(0x01, b"frag"),
        masked(0x89, b"ping"),
        masked(0x00, b""),
        masked(0x8a, b""),
        masked(0x80, b"ment"),
        masked(0x89, &[0xff; 125]),
    ]
    .concat();
    let expected = [
        Incoming::Ping(Bytes::from_static(b"ping")),
        Incoming::Pong(Bytes::new()),
        text("fragment"),
        Incoming::Ping(vec![0xff; 125].into()),
    ];
    assert_eq!(accepted(&frames), expected);
}

#[test]
fn messages_before_a_violation_are_kept() {
    let frames = [masked(0x81, b"first"), masked(0xa1, b"reserved"), masked(0x89, b"")].concat();
    let (out, result) = judge(&frames);
    assert_eq!(out, [text("first")]);
    assert_eq!(result.unwrap_err().code, 1002);
}

#[test]
fn broken_sequences_are_protocol_errors() {
    assert_eq!(refused(&masked(0x80, b"nothing to continue")), 1002);
    assert_eq!(refused(&masked(0x00, b"nothing to continue")), 1002);
    assert_eq!(refused(&[masked(0x01, b"a"), masked(0x81, b"b")].concat()), 1002);
    assert_eq!(refused(&masked(0x09, b"fragmented ping")), 1002);
    assert_eq!(refused(&masked(0x89, &[0; 126])), 1002);
    assert_eq!(refused(b"\x81\x05hello"), 1002);
    for opcode in [0x3, 0x4, 0x5, 0x6, 0x7, 0xb, 0xc, 0xd, 0xe, 0xf] {
        assert_eq!(refused(&masked(0x80 | opcode, b"")), 1002);
    }
}

#[test]
fn text_is_checked_across_fragments() {
    let word = "κόσμε".as_bytes();
    for cut in 0..=word.len() {
        let frames = [masked(0x01, &word[..cut]), masked(0x80, &word[cut..])].concat();
        assert_eq!(accepted(&frames), [text("κόσμε")]);
    }
    assert_eq!(refused(&masked(0x81, &word[..word.len() - 1])), 1007);
    assert_eq!(refused(&[masked(0x01, &word[..1]), masked(0x80, b"")].concat()), 1007);
    assert_eq!(refused(&masked(0x81, b"\xed\xa0\x80")), 1007);
}

#[test]
fn invalid_text_fails_before_its_frame_is_complete() {
    let frame = masked(0x81, b"valid so far \xf4\x90 and never sent");
    let header = 6;
    let mut out = Vec::new();
    let mut reader = Reader::new(LIMIT, false);
    reader.read(&mut frame[..header + 14].to_vec(), &mut out).unwrap();
    let late = reader.read(&mut frame[header + 14..header + 15].to_vec(), &mut out);
    assert_eq!(late.unwrap_err().code, 1007);

    let mut reader = Reader::new(LIMIT, false);
    let fragments = [masked(0x01, b"first"), masked(0x00, b"\xff")].concat();
    assert_eq!(read(&mut reader, &fragments, 100).1.unwrap_err().code, 1007);
}

#[test]
fn nothing_is_read_after_a_close() {
    let frames = [masked(0x88, b"\x03\xe8bye"), masked(0x81, b"late"), masked(0xff, b"")].concat();
    assert_eq!(accepted(&frames), [Incoming::Close(Some((1000, "bye".into())))]);
    let between = [masked(0x01, b"unfinished"), masked(0x88, b"")].concat();
    let mut reader = Reader::new(LIMIT, false);
    assert_eq!(read(&mut reader, &between, 100).0, [Incoming::Close(None)]);
    assert!(reader.is_idle());
    assert_eq!(refused(&masked(0x88, b"\x03")), 1002);
    assert_eq!(refused(&masked(0x88, b"\x03\xed")), 1002);
    assert_eq!(refused(&masked(0x88, b"\x03\xe8\xce")), 1007);
}

#[test]
fn the_limit_is_judged_on_what_is_announced() {
    assert_eq!(refused(&masked(0x82, &[0; LIMIT + 1])[..8]), 1009);
    assert_eq!(refused(b"\x82\xff\x00\x00\x01\x00\x00\x00\x00\x00"), 1009);
    let halves = [masked(0x02, &[0; LIMIT]), masked(0x80, &[0; 1])].concat();
    assert_eq!(refused(&halves), 1009);
}

#[test]
fn memory_follows_what_arrived() {
    let mut reader = Reader::new(100_000_000, false);
    let mut bytes = b"\x82\xff\x00\x00\x00\x00\x05\xf5\xe1\x00\x00\x00\x00\x00tiny".to_vec();
    reader.read(&mut bytes, &mut Vec::new()).unwrap();
    let message = reader.partial.unwrap().message.unwrap();
    assert_eq!(message.received(), 4);
    assert!(message.capacity() < 100);
}

#[test]
fn a_message_is_not_made_of_crumbs() {
    let crumbs = masked(0x00, b"").repeat(5000);
    let (_, result) =
        read(&mut Reader::new(LIMIT, false), &[masked(0x01, b""), crumbs].concat(), 4096);
    assert_eq!(result.unwrap_err().code, 1009);

    // Autobahn 9.3.1 and 9.4.1: four mebibytes in fragments of 64 bytes.
    let mut reader = Reader::new(1 << 22, false);
    let fragments = masked(0x00, &[b'*'; 64]).repeat((1 << 16) - 2);
    let frames = [masked(0x01, &[b'*'; 64]), fragments, masked(0x80, &[b'*'; 64])].concat();
    let (out, result) = read(&mut reader, &frames, 65536);
    assert_eq!(result, Ok(()));
    assert_eq!(out, [Incoming::Text("*".repeat(1 << 22))]);
}

#[test]
fn compressed_messages_arrive_whole_or_in_fragments() {
    let payload = deflate("comprimé ".repeat(50).as_bytes());
    let expected = [text(&"comprimé ".repeat(50))];
    assert_eq!(accepted(&masked(0xc1, &payload)), expected);
    let (left, right) = payload.split_at(payload.len() / 2);
    let fragments = [masked(0x41, left), masked(0x89, b""), masked(0x80, right)].concat();
    assert_eq!(accepted(&fragments)[1..], expected);
    assert_eq!(accepted(&masked(0xc2, &deflate(b""))), [Incoming::Binary(Bytes::new())]);

    assert_eq!(refused(&masked(0xc1, &deflate(b"\xff"))), 1007);
    assert_eq!(refused(&masked(0xc2, b"\xff\xff\xff")), 1007);
    assert_eq!(refused(&masked(0xc2, &deflate(&[0; LIMIT + 1]))), 1009);
    assert_eq!(refused(&[masked(0x41, left), masked(0xc0, right)].concat()), 1002);
    let (_, plain) = read(&mut Reader::new(LIMIT, false), &masked(0xc1, &payload), 100);
    assert_eq!(plain.unwrap_err().code, 1002);
}

/// A message as frames: opcode, payload, where to cut it, whether to compress it.
fn messages() -> impl Strategy<Value = (Vec<u8>, Incoming)> {
    let parts = (prop::collection::vec(any::<u8>(), 0..300), ".{0,80}", any::<(bool, bool)>());
    (parts, prop::collection::vec(any::<prop::sample::Index>(), 0..4)).prop_map(
        |((bytes, text, (is_text, compress)), cuts)| {
            let (opcode, payload, message) = if is_text {
                (1, text.clone().into_bytes(), Incoming::Text(text))
            } else {
                (2, bytes.clone(), Incoming::Binary(bytes.into()))
            };
            let payload = if compress { deflate(&payload) } else { payload };
            let mut cuts: Vec<_> = cuts.iter().map(|cut| cut.index(payload.len() + 1)).collect();
            cuts.sort_unstable();
            cuts.push(payload.len());
            let (mut frames, mut start) = (Vec::new(), 0);
            for (n, &end) in cuts.iter().enumerate() {
                let mut first = if n == 0 { opcode } else { 0 };
                first |= if n == 0 && compress { 0x40 } else { 0 };
                first |= if n + 1 == cuts.len() { 0x80 } else { 0 };
                frames.extend(masked(first, &payload[start..end]));
                start = end;
            }
            (frames, message)
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_split_point_gives_the_same_messages(
        messages in prop::collection::vec(messages(), 1..4)
    ) {
        let (frames, expected): (Vec<_>, Vec<_>) = messages.into_iter().unzip();
        let frames = frames.concat();
        for cut in 0..=frames.len() {
            let mut bytes = frames.clone();
            let (left, right) = bytes.split_at_mut(cut);
            let (mut reader, mut out) = (Reader::new(LIMIT, true), Vec::new());
            reader.read(left, &mut out).unwrap();
            reader.read(right, &mut out).unwrap();
            prop_assert!(reader.is_idle());
            prop_assert_eq!(&out, &expected);
        }
    }

    #[test]
    fn any_bytes_are_answered(
        bytes in prop::collection::vec(
            prop_oneof![any::<u8>(), Just(0x81), Just(0x01), Just(0x80), Just(0xc1), Just(0x84)],
            0..80,
        )
    ) {
        let _ = judge(&bytes);
    }
}
