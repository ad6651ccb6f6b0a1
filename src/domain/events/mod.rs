//! Every realtime event as a type: the registry that names, validates and documents them.
//!
//! One file per family; each lists its events in `SPECS`. A payload is built as its struct and
//! becomes an [`Event`](crate::domain::event::Event) by [`ServerEvent::event`]. [`asyncapi`] and
//! [`typescript`] print the registry for machines; nothing there is written by hand.

pub mod accounts;
pub mod admin;
pub mod asyncapi;
pub mod catalogue;
pub mod chat;
pub mod clinical;
mod components;
pub mod consultation;
pub mod files;
pub mod lobby;
pub mod marketplace;
pub mod presence;
pub mod session;
pub mod signaling;
pub mod spec;
pub mod subscription;
pub mod typescript;
pub mod values;

use std::collections::HashMap;
use std::sync::LazyLock;

pub use spec::{Ack, ClientEvent, Direction, EventSpec, ServerEvent, Shape};

/// The client events that this version answers. The registry holds all of the contract, so that
/// portals can be built against them; asked for one of the others, the hub says that there is none.
pub const ANSWERED: [&str; 31] = [
    "ping",
    "subscribe",
    "unsubscribe",
    "session:patch",
    "sync",
    "admin:live",
    "auth:refresh",
    "result:fetch",
    "file:send",
    "presence:set",
    "presence:subscribe",
    "presence:unsubscribe",
    "join",
    "leave",
    "offer",
    "answer",
    "ice-candidate",
    "chat",
    "mute",
    "screen-share",
    "hand-over",
    "kick",
    "end",
    "recording",
    "recording-consent",
    "hand-raise",
    "stats",
    "admit",
    "deny",
    "return-to-lobby",
    "checks",
];

/// Every event of the contract, server to client and client to server.
pub fn all() -> impl Iterator<Item = &'static EventSpec> {
    [
        session::SPECS,
        accounts::SPECS,
        catalogue::SPECS,
        clinical::SPECS,
        consultation::SPECS,
        presence::SPECS,
        subscription::SPECS,
        chat::SPECS,
        marketplace::SPECS,
        files::SPECS,
        admin::SPECS,
        signaling::SPECS,
        lobby::SPECS,
    ]
    .into_iter()
    .flatten()
}

/// Whether the registry is ahead of this version.
fn is_ahead(spec: &EventSpec) -> bool {
    spec.direction == Direction::ToServer && !ANSWERED.contains(&spec.name)
}

/// The server event of this name.
pub fn find(name: &str) -> Option<&'static EventSpec> {
    all().find(|spec| spec.direction == Direction::ToClient && spec.name == name)
}

/// Client events by every name they go by.
static CLIENT_EVENTS: LazyLock<HashMap<&str, &str>> = LazyLock::new(|| {
    let specs = all().filter(|spec| spec.direction == Direction::ToServer);
    let names = |spec: &'static EventSpec| spec.aliases.iter().chain([&spec.name]);
    specs.flat_map(|spec| names(spec).map(|name| (*name, spec.name))).collect()
});

/// The name of the client event that is also called `name`.
pub fn find_client(name: &str) -> Option<&'static str> {
    CLIENT_EVENTS.get(name).copied()
}

#[cfg(test)]
mod tests;
