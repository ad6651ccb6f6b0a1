//! Imports run downhill. This reads every `use` of ours and fails on an uphill one.

use std::fs;
use std::path::{Path, PathBuf};

/// Each layer and the layers it may use. `error` is open to all; a layer may use itself.
const MAY_USE: &[(&str, &[&str])] = &[
    ("config", &["domain", "telemetry"]),
    ("telemetry", &["domain"]),
    ("domain", &[]),
    ("outgoing", &["domain", "telemetry"]),
    ("auth", &["domain", "outgoing", "telemetry"]),
    ("persistence", &["domain", "telemetry"]),
    ("delivery", &["domain", "outgoing", "telemetry"]),
    ("storage", &["domain", "outgoing", "telemetry"]),
    ("media", &["domain", "outgoing", "telemetry"]),
    ("cluster", &["domain", "telemetry"]),
    ("web", &[]),
    ("actors", &["auth", "cluster", "domain", "media", "persistence", "protocol", "telemetry"]),
    ("transport", &["actors", "auth", "domain", "protocol", "telemetry", "web"]),
    (
        "http",
        &[
            "actors",
            "auth",
            "delivery",
            "domain",
            "media",
            "outgoing",
            "persistence",
            "storage",
            "telemetry",
            "web",
        ],
    ),
];

/// Layers that may use everything.
const TOP: &[&str] = &["app", "cli", "main", "lib"];

/// The only thing of `actors` that `http` may name: the hub's handle and its public types.
const HUB: &[&str] = &["Hub", "hub"];

/// Adapts persistence to what `auth` asks for: it implements a trait of `auth`.
const ADAPTERS: &[(&str, &str)] = &[("persistence/identity", "auth")];

/// Outside crates a layer stays clear of.
const NEVER: &[(&str, &[&str])] = &[
    ("domain", &["axum", "ractor", "tokio", "hyper", "fred"]),
    ("protocol", &["axum", "ractor", "tokio", "sqlx", "latido"]),
    ("http", &["latido_protocol"]),
];

#[test]
fn imports_run_downhill() {
    let found: Vec<_> = sources().iter().flat_map(|(path, text)| uphill(path, text)).collect();
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn an_uphill_import_is_found() {
    for (path, text) in [
        ("domain/offers.rs", "use crate::persistence::Store;"),
        ("domain/offers.rs", "use tokio::sync::Mutex;"),
        ("http/offers.rs", "use crate::transport::engine::Engine;"),
        ("http/offers.rs", "use crate::actors::session::Message;"),
        ("transport/plain.rs", "    use crate::persistence::Store;"),
        ("cluster/redis.rs", "use crate::{domain::time::Timestamp, media::LiveKit};"),
        ("actors/hub.rs", "pub use crate::http::router;"),
        ("actors/hub.rs", "fn f() { crate::transport::listener::bind(); }"),
        ("protocol/src/engine.rs", "use tokio::time::sleep;"),
        ("http/problem.rs", "use latido_protocol::engine::RequestError;"),
    ] {
        assert_eq!(uphill(path, text).len(), 1, "{path}: {text}");
    }
}

#[test]
fn a_downhill_import_passes() {
    for (path, text) in [
        ("http/offers.rs", "use crate::actors::{Hub, hub::Census};"),
        ("http/offers.rs", "use crate::{error::Result, domain::id::UserId};"),
        ("transport/plain.rs", "use crate::actors::frame::{Batch, Frame};"),
        ("actors/relay.rs", "use crate::persistence::outbox;"),
        ("app/routes.rs", "use crate::transport::engine::{self, Engine};"),
        ("domain/time.rs", "// use tokio::time;\n//! [`crate::http`] answers it."),
    ] {
        assert_eq!(uphill(path, text), [""; 0], "{path}: {text}");
    }
}

/// What `text`, the source at `path` under `src/`, uses that stands above it.
fn uphill(path: &str, text: &str) -> Vec<String> {
    let layer = path.split('/').next().unwrap_or_default().trim_end_matches(".rs");
    let code: String = text
        .lines()
        .map(|line| line.split("//").next().unwrap_or_default())
        .collect::<Vec<_>>()
        .join("\n");
    let ours =
        paths_after(&code, "crate::").into_iter().filter(|used| !is_allowed(path, layer, used));
    let never = NEVER.iter().filter(|(name, _)| *name == layer).flat_map(|(_, crates)| *crates);
    let foreign =
        never.filter(|name| names_crate(&code, name)).map(|name| vec![(*name).to_owned()]);
    ours.chain(foreign).map(|used| format!("src/{path} uses {}", used.join("::"))).collect()
}

fn is_allowed(path: &str, layer: &str, used: &[String]) -> bool {
    let target = used[0].as_str();
    if TOP.contains(&layer) || layer == "protocol" || [layer, "error"].contains(&target) {
        return true;
    }
    if ADAPTERS.iter().any(|(file, to)| path.starts_with(file) && *to == target) {
        return true;
    }
    let Some((_, allowed)) = MAY_USE.iter().find(|(name, _)| *name == layer) else {
        return false;
    };
    if (layer, target) == ("http", "actors") {
        return used.get(1).is_some_and(|item| HUB.contains(&item.as_str()));
    }
    allowed.contains(&target)
}

/// The first two segments of every path after `prefix`, braces opened.
fn paths_after(code: &str, prefix: &str) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    for (at, _) in code.match_indices(prefix) {
        let before = code[..at].chars().next_back();
        // `$crate::` and `latido_crate::` are other words.
        if before.is_none_or(|letter| !letter.is_alphanumeric() && letter != '_' && letter != '$') {
            found.extend(open(&code[at + prefix.len()..], 2));
        }
    }
    found
}

fn open(tree: &str, depth: usize) -> Vec<Vec<String>> {
    let tree = tree.trim_start();
    if depth == 0 {
        return vec![Vec::new()];
    }
    if let Some(inside) = tree.strip_prefix('{') {
        return split_group(inside).into_iter().flat_map(|part| open(part, depth)).collect();
    }
    let name: String =
        tree.chars().take_while(|letter| letter.is_alphanumeric() || *letter == '_').collect();
    if name.is_empty() {
        return Vec::new();
    }
    match tree[name.len()..].strip_prefix("::") {
        Some(rest) => open(rest, depth - 1)
            .into_iter()
            .map(|tail| [vec![name.clone()], tail].concat())
            .collect(),
        None => vec![vec![name]],
    }
}

/// The members of a brace group, up to its end.
fn split_group(inside: &str) -> Vec<&str> {
    let (mut parts, mut start, mut level) = (Vec::new(), 0, 0);
    for (at, letter) in inside.char_indices() {
        match letter {
            '{' => level += 1,
            '}' if level == 0 => {
                parts.push(&inside[start..at]);
                break;
            }
            '}' => level -= 1,
            ',' if level == 0 => {
                parts.push(&inside[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts
}

fn names_crate(code: &str, name: &str) -> bool {
    code.match_indices(&format!("{name}::")).any(|(at, _)| {
        let before = code[..at].chars().next_back();
        before.is_none_or(|letter| !letter.is_alphanumeric() && letter != '_' && letter != ':')
    })
}

/// Every Rust source under `src/` with its path there.
pub(crate) fn sources() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path: PathBuf = entry.unwrap().path();
            if path.is_dir() && path.file_name().is_some_and(|name| name != "target") {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                let name = path.strip_prefix(&root).unwrap().display().to_string();
                found.push((name, fs::read_to_string(path).unwrap()));
            }
        }
    }
    found.sort();
    found
}
