//! Any body splits into packets that join to the same body, or is an error.
#![no_main]

use latido_protocol::{
    engine::{Message, Packet},
    payload::{Batch, split},
};
use libfuzzer_sys::fuzz_target;

const LIMIT: usize = 64;

fuzz_target!(|body: &str| {
    let Ok(packets) = split(body, LIMIT) else { return };
    assert!(packets.len() <= LIMIT);
    let mut batch = Batch::new();
    for packet in &packets {
        match packet {
            Packet::Message(Message::Binary(bytes)) => batch.push_binary(bytes),
            text => batch.push_text(&text.encode().expect("only binary messages have no text")),
        }
    }
    assert_eq!(batch.into_string(), body);
});
