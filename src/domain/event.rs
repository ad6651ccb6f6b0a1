//! Something that happened, on its way to whoever may hear of it.

use serde_json::value::RawValue;

use crate::domain::topic::Topic;

/// How an event is treated when a consumer cannot keep up (contract §6.10).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Class {
    /// Stored before it is sent; a consumer too slow for it is closed and resumes.
    Durable,
    /// A newer one replaces a queued older one of the same key.
    Latest,
    /// Dropped first.
    Volatile,
}

/// One event with its payload already written as JSON.
#[derive(Debug, Clone)]
pub struct Event {
    /// The name on the wire, of the closed set in the registry.
    pub name: &'static str,
    pub class: Class,
    /// A socket in several of them hears the event once.
    pub topics: Vec<Topic>,
    /// A JSON object. Durable events get their `eventId` at dispatch.
    pub payload: Box<RawValue>,
}
