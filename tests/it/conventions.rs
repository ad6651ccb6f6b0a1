//! What CONVENTIONS.md asks of files.

use std::fs;
use std::path::Path;

use crate::architecture::sources;

/// Lines beyond which a file certainly tells two stories.
const LONGEST: usize = 600;

#[test]
fn no_file_is_longer_than_its_story() {
    let long: Vec<_> = sources()
        .into_iter()
        .filter(|(_, text)| text.lines().count() > LONGEST)
        .map(|(path, text)| format!("src/{path}: {} lines", text.lines().count()))
        .collect();
    assert!(long.is_empty(), "{}", long.join("\n"));
}

#[test]
fn every_module_says_what_it_is_for() {
    let silent: Vec<_> = sources()
        .into_iter()
        // A `…tests.rs` belongs to its neighbour, which said it already.
        .filter(|(path, _)| !path.ends_with("tests.rs"))
        .filter(|(_, text)| !text.trim_start().starts_with("//!") && !is_macro_file(text))
        .map(|(path, _)| path)
        .collect();
    assert!(silent.is_empty(), "without a `//!`: {}", silent.join(", "));
}

/// A fuzz target opens with the attribute its harness needs.
fn is_macro_file(text: &str) -> bool {
    text.starts_with("#![no_main]") && text.contains("\n//!")
}

#[test]
fn lints_are_silenced_only_with_a_reason() {
    let loose: Vec<_> = sources()
        .into_iter()
        .filter(|(_, text)| text.contains("#[allow(") || text.contains("#![allow("))
        .map(|(path, _)| path)
        .collect();
    assert!(loose.is_empty(), "`#[expect(.., reason)]` instead: {}", loose.join(", "));
}

#[test]
fn the_example_environment_lists_every_key() {
    let text =
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(".env.example")).unwrap();
    let listed: Vec<_> =
        text.lines().filter_map(|line| line.split_once('=')).map(|(key, _)| key).collect();
    let keys = latido::config::SECTIONS.iter().flat_map(|(_, keys)| *keys);
    let missing: Vec<_> = keys.map(|key| key.name).filter(|name| !listed.contains(name)).collect();
    assert!(missing.is_empty(), "missing in .env.example: {}", missing.join(", "));
}
