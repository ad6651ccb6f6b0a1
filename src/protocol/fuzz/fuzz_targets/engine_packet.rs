//! Any text is an Engine.IO packet that reads back the same, or an error.
#![no_main]

use latido_protocol::engine::Packet;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(packet) = Packet::decode(text) {
        assert_eq!(packet.encode().as_deref(), Some(text));
    }
});
