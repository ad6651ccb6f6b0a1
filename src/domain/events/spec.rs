//! What is known about an event besides its payload.

use std::borrow::Cow;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::value::to_raw_value;
use utoipa::ToSchema;
use utoipa::openapi::{RefOr, schema::Schema};

use crate::domain::event::{Class, Event};
use crate::domain::shape::{self, Rules};
use crate::domain::topic::Topic;
use crate::error::FieldError;

/// Namespaces of an event of the domain.
pub const EVENTS: &[&str] = &["/events"];
/// Namespaces of an event of a call.
pub const SIGNALING: &[&str] = &["/", "/signaling"];
/// Every namespace.
pub const EVERYWHERE: &[&str] = &["/events", "/", "/signaling"];

/// Which way an event travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Direction {
    ToClient,
    ToServer,
}

/// A payload the server sends.
pub trait ServerEvent: Serialize + DeserializeOwned + ToSchema {
    const NAME: &'static str;
    const CLASS: Class = Class::Volatile;
    const NAMESPACES: &'static [&'static str] = EVENTS;
    /// Who hears it, in words.
    const TO: &'static str;

    /// The event's own routing as far as the payload tells; empty when the sender must say.
    fn topics(&self) -> Vec<Topic> {
        Vec::new()
    }

    /// Rules the types do not state.
    fn rules(&self, _: &mut Rules) {}

    /// The event on its own routing.
    fn event(&self) -> Event {
        self.event_to(self.topics())
    }

    /// The event for these topics.
    fn event_to(&self, topics: Vec<Topic>) -> Event {
        let payload = to_raw_value(self).expect("payloads have text keys and no failing fields");
        Event { name: Self::NAME, class: Self::CLASS, topics, payload }
    }
}

/// A payload a client sends.
pub trait ClientEvent: Serialize + DeserializeOwned + ToSchema {
    const NAME: &'static str;
    /// Other names the contract accepts.
    const ALIASES: &'static [&'static str] = &[];
    const NAMESPACES: &'static [&'static str] = EVENTS;
    /// What a success carries beside `ok`.
    type Ack: Serialize + ToSchema;

    /// Rules the types do not state.
    fn rules(&self, _: &mut Rules) {}
}

/// A payload type, as the registry's readers need it.
#[derive(Clone, Copy)]
pub struct Shape {
    pub name: fn() -> Cow<'static, str>,
    pub schema: fn() -> RefOr<Schema>,
    /// The named schemas this one refers to.
    pub parts: fn(&mut Vec<(String, RefOr<Schema>)>),
}

impl Shape {
    const fn of<T: ToSchema>() -> Self {
        Self { name: T::name, schema: T::schema, parts: T::schemas }
    }
}

/// What a callback of a client event is given.
#[derive(Clone, Copy)]
pub struct Ack {
    /// The fields of a success.
    pub shape: Shape,
    /// True where the callback gets the object itself, without `ok` (only `ping`).
    pub is_bare: bool,
}

/// One row of the registry.
#[derive(Clone, Copy)]
pub struct EventSpec {
    pub name: &'static str,
    pub aliases: &'static [&'static str],
    pub direction: Direction,
    pub namespaces: &'static [&'static str],
    pub class: Class,
    /// Who hears it, in words; empty for client events.
    pub to: &'static str,
    pub payload: Shape,
    /// Present on client events.
    pub ack: Option<Ack>,
    check: fn(&str) -> Result<Vec<Topic>, Vec<FieldError>>,
}

impl EventSpec {
    pub(super) const fn server<T: ServerEvent>() -> Self {
        Self {
            name: T::NAME,
            aliases: &[],
            direction: Direction::ToClient,
            namespaces: T::NAMESPACES,
            class: T::CLASS,
            to: T::TO,
            payload: Shape::of::<T>(),
            ack: None,
            check: |json| {
                let payload: T = shape::read(json).map_err(|refused| vec![refused])?;
                let mut rules = Rules::default();
                payload.rules(&mut rules);
                rules.finish()?;
                Ok(payload.topics())
            },
        }
    }

    pub(super) const fn client<T: ClientEvent>() -> Self {
        Self {
            name: T::NAME,
            aliases: T::ALIASES,
            direction: Direction::ToServer,
            namespaces: T::NAMESPACES,
            class: Class::Volatile,
            to: "",
            payload: Shape::of::<T>(),
            ack: Some(Ack { shape: Shape::of::<T::Ack>(), is_bare: false }),
            check: |json| {
                let payload: T = shape::read(json).map_err(|refused| vec![refused])?;
                let mut rules = Rules::default();
                payload.rules(&mut rules);
                rules.finish()?;
                Ok(Vec::new())
            },
        }
    }

    /// A client event whose callback gets the answer without `ok`.
    pub(super) const fn bare<T: ClientEvent>() -> Self {
        let mut spec = Self::client::<T>();
        spec.ack = Some(Ack { shape: Shape::of::<T::Ack>(), is_bare: true });
        spec
    }

    /// Checks a payload against the event's shape and rules.
    pub fn validate(&self, json: &str) -> Result<(), Vec<FieldError>> {
        (self.check)(json).map(drop)
    }

    /// The event's own routing for this payload, as far as the payload tells.
    pub fn route(&self, json: &str) -> Result<Vec<Topic>, Vec<FieldError>> {
        (self.check)(json)
    }
}
