//! Any run of messages is Socket.IO packets that survive being sent on, or an error.
//!
//! The input is cut into lines; one that starts with a zero byte is an attachment.
#![no_main]

use bytes::Bytes;
use latido_protocol::{
    json,
    socket::{Decoder, Event, Limits, Packet},
};
use libfuzzer_sys::fuzz_target;

fn decode(decoder: &mut Decoder, packet: &Packet) -> Option<Packet> {
    let (text, attachments) = packet.encode();
    let mut decoded = decoder.text(&text).expect("an accepted packet is accepted again");
    for attachment in attachments {
        decoded = decoder.binary(attachment.clone()).expect("so are its attachments");
    }
    decoded
}

fuzz_target!(|input: &[u8]| {
    let mut decoder = Decoder::new(Limits { max_attachments: 10, max_attachment_bytes: 1000 });
    for line in input.split(|&byte| byte == b'\n') {
        let decoded = match line.strip_prefix(&[0]) {
            Some(attachment) => decoder.binary(Bytes::copy_from_slice(attachment)),
            None => match std::str::from_utf8(line) {
                Ok(text) => decoder.text(text),
                Err(_) => continue,
            },
        };
        let Ok(Some(packet)) = decoded else { continue };
        if let Some(data) = &packet.data {
            assert_eq!(json::check(data), Ok(()));
            assert!(json::depth_within(data, json::MAX_DEPTH));
            if let Ok(event) = Event::parse(data) {
                for arg in &event.args {
                    assert_eq!(json::check(arg.get()), Ok(()));
                    let _ = Event::attachment_index(arg);
                }
            }
        }
        assert_eq!(decode(&mut decoder, &packet), Some(packet));
    }
});
