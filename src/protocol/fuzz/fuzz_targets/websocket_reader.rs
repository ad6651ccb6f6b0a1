//! Any bytes mean the same to a reader however they are cut.
//!
//! The first byte chooses the chunk size of the second reading and whether deflate was negotiated.
#![no_main]

use latido_protocol::websocket::{Incoming, Reader, Violation};
use libfuzzer_sys::fuzz_target;

const LIMIT: usize = 4096;

fn read(bytes: &[u8], size: usize, deflate: bool) -> (Vec<Incoming>, Result<(), Violation>, bool) {
    let mut reader = Reader::new(LIMIT, deflate);
    let mut out = Vec::new();
    let mut bytes = bytes.to_vec();
    let result = bytes.chunks_mut(size).try_for_each(|chunk| reader.read(chunk, &mut out));
    (out, result, reader.is_idle())
}

fuzz_target!(|input: &[u8]| {
    let Some((&choice, bytes)) = input.split_first() else { return };
    let deflate = choice & 0x80 != 0;
    let size = usize::from(choice & 0x7f) + 1;
    let whole = read(bytes, bytes.len().max(1), deflate);
    for message in &whole.0 {
        match message {
            Incoming::Text(text) => assert!(text.len() <= LIMIT),
            Incoming::Binary(bytes) => assert!(bytes.len() <= LIMIT),
            Incoming::Ping(bytes) | Incoming::Pong(bytes) => assert!(bytes.len() <= 125),
            Incoming::Close(_) => {}
        }
    }
    assert_eq!(read(bytes, size, deflate), whole);
});
