//! Any bytes inflate within the limit, or are an error; what is deflated inflates to itself.
#![no_main]

use latido_protocol::deflate::{deflate, inflate};
use libfuzzer_sys::fuzz_target;

const LIMIT: usize = 100_000;

fuzz_target!(|input: &[u8]| {
    if let Ok(out) = inflate(input, LIMIT) {
        assert!(out.len() <= LIMIT);
    }
    if input.len() <= LIMIT {
        assert_eq!(inflate(&deflate(input), LIMIT).as_deref(), Ok(input));
    }
});
