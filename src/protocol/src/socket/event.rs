//! What an event says: its name and its arguments.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error as _, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::{DecodeError, json};

/// Names the reference client and server use for their own life cycle; a peer may not send them.
const RESERVED: [&str; 6] =
    ["connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"];

/// An event's name and its arguments as raw JSON, which may hold `{"_placeholder":true,"num":n}`.
#[derive(Debug, Clone)]
pub struct Event {
    pub name: String,
    pub args: Vec<Box<RawValue>>,
}

impl Event {
    /// Reads the data of an event packet: an array whose first item is the name.
    ///
    /// [`Decoder`](super::Decoder) has already checked depth and keys; text from elsewhere goes through [`json::check`] first.
    pub fn parse(data: &str) -> Result<Self, DecodeError> {
        expect_name(data)?;
        let event: Self = serde_json::from_str(data).map_err(|_| DecodeError::Json)?;
        if RESERVED.contains(&event.name.as_str()) {
            return Err(DecodeError::ReservedName);
        }
        Ok(event)
    }

    /// The attachment an argument stands for, when the argument itself is a placeholder.
    ///
    /// A packet without attachments may say this too: index with `get`.
    pub fn attachment_index(arg: &RawValue) -> Option<usize> {
        json::placeholder(arg.get())
    }
}

/// Refuses data that is not an array, or does not start with a string.
pub(super) fn expect_name(data: &str) -> Result<(), DecodeError> {
    let items = data.strip_prefix('[').ok_or(DecodeError::NotAnArray)?;
    let is_named = items.trim_ascii_start().starts_with('"');
    if is_named { Ok(()) } else { Err(DecodeError::EventName) }
}

impl<'de> Deserialize<'de> for Event {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Items;

        impl<'de> Visitor<'de> for Items {
            type Value = Event;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an event name and its arguments")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Event, A::Error> {
                let name =
                    items.next_element()?.ok_or_else(|| A::Error::invalid_length(0, &self))?;
                let mut args = Vec::new();
                while let Some(arg) = items.next_element()? {
                    args.push(arg);
                }
                Ok(Event { name, args })
            }
        }

        deserializer.deserialize_seq(Items)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_its_name_and_its_arguments() {
        let event = Event::parse(r#"[ "chat:send", {"a": 1}, null, "x"]"#).unwrap();
        assert_eq!(event.name, "chat:send");
        let args: Vec<_> = event.args.iter().map(|arg| arg.get()).collect();
        assert_eq!(args, [r#"{"a": 1}"#, "null", r#""x""#]);
        assert!(Event::parse(r#"["alone"]"#).unwrap().args.is_empty());
    }

    #[test]
    fn data_without_a_string_in_front_is_refused() {
        assert_eq!(Event::parse("{}").unwrap_err(), DecodeError::NotAnArray);
        assert_eq!(Event::parse("[]").unwrap_err(), DecodeError::EventName);
        assert_eq!(Event::parse("[1]").unwrap_err(), DecodeError::EventName);
        assert_eq!(Event::parse(r#"["a""#).unwrap_err(), DecodeError::Json);
        assert_eq!(Event::parse(r#"["a"]]"#).unwrap_err(), DecodeError::Json);
    }

    #[test]
    fn reserved_names_are_refused_however_they_are_spelled() {
        for name in RESERVED.into_iter().chain(["c\\u006fnnect"]) {
            let data = format!("[\"{name}\"]");
            assert_eq!(Event::parse(&data).unwrap_err(), DecodeError::ReservedName);
        }
    }

    #[test]
    fn a_placeholder_tells_its_attachment() {
        let event = Event::parse(r#"["e",{"_placeholder":true,"num":3},{"num":3},4]"#).unwrap();
        let indexes: Vec<_> = event.args.iter().map(|arg| Event::attachment_index(arg)).collect();
        assert_eq!(indexes, [Some(3), None, None]);
    }
}
