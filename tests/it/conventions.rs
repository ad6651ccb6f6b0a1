//! What CONVENTIONS.md asks of files.

use std::collections::HashMap;
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

/// The document keeps schemas by name: of two types with one name, one would stand for both.
#[test]
fn schemas_of_the_http_api_have_names_of_their_own() {
    let mut places = HashMap::<String, Vec<String>>::new();
    // Events are described in a document of their own.
    for (path, text) in sources().into_iter().filter(|(path, _)| !path.contains("domain/events/")) {
        for name in schema_names(&text) {
            places.entry(name).or_default().push(path.clone());
        }
    }
    assert!(places.len() > 100, "{}", places.len());
    let shared: Vec<_> = places.iter().filter(|(_, places)| places.len() > 1).collect();
    assert!(shared.is_empty(), "{shared:?}");
}

/// Under which names a file's types enter the document.
fn schema_names(text: &str) -> Vec<String> {
    let word =
        |text: &str| text.split(|letter: char| !letter.is_alphanumeric()).next().map(str::to_owned);
    let (mut names, mut is_schema, mut alias) = (Vec::new(), false, None);
    for line in text.lines().filter(|line| !line.starts_with("use ")) {
        is_schema |= line.contains("ToSchema");
        if let Some((_, name)) = line.split_once("schema(as = ") {
            alias = word(name);
        }
        let declared = ["struct ", "enum "].iter().find_map(|kind| {
            let (visibility, name) = line.split_once(kind)?;
            (visibility.is_empty() || visibility.starts_with("pub")).then(|| word(name))?
        });
        if let Some(name) = declared {
            let name = alias.take().unwrap_or(name);
            if std::mem::take(&mut is_schema) {
                names.push(name);
            }
        }
    }
    names
}
