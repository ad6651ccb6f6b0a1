//! Checks on JSON text from outside, made before anything else parses it.
//!
//! One pass answers three questions: is it JSON, is it nested within reason, does every object name a key once. No tree is built; `__proto__` is a key like any other.

use std::{borrow::Cow, collections::HashSet, fmt};

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

use crate::DecodeError;

/// How many arrays and objects may lie inside each other.
pub const MAX_DEPTH: usize = 64;

/// Keys compared one by one before an object gets a hash set: most objects are small.
const LINEAR_KEYS: usize = 16;

/// Whether brackets nest at most `max` deep. A scan over bytes: it judges depth alone, not validity.
pub fn depth_within(text: &str, max: usize) -> bool {
    let mut depth = 0_usize;
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'[' | b'{' => {
                depth += 1;
                if depth > max {
                    return false;
                }
            }
            b']' | b'}' => depth = depth.saturating_sub(1),
            b'"' => skip_string(&mut bytes),
            _ => {}
        }
    }
    true
}

fn skip_string(bytes: &mut std::str::Bytes<'_>) {
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => return,
            b'\\' => drop(bytes.next()),
            _ => {}
        }
    }
}

/// Accepts one JSON value at most [`MAX_DEPTH`] deep whose objects repeat no key. Keys are compared as read, escapes resolved.
pub fn check(text: &str) -> Result<(), DecodeError> {
    run(text, &mut Walk { fault: None, placeholders: None })
}

/// [`check`], and the placeholders of a binary packet besides: each of `attachments` is named exactly once (Socket.IO v5, "Binary event").
pub(crate) fn check_placeholders(text: &str, attachments: usize) -> Result<(), DecodeError> {
    let mut walk = Walk { fault: None, placeholders: Some(vec![false; attachments]) };
    run(text, &mut walk)?;
    let all_named = walk.placeholders.is_some_and(|named| named.iter().all(|&named| named));
    if all_named { Ok(()) } else { Err(DecodeError::Placeholders) }
}

/// The attachment a JSON object stands for, if it is a placeholder.
pub(crate) fn placeholder(text: &str) -> Option<usize> {
    let mut walk = Walk { fault: None, placeholders: None };
    let mut json = serde_json::Deserializer::from_str(text);
    match (Value { walk: &mut walk, depth: MAX_DEPTH }).deserialize(&mut json) {
        Ok(Seen::Placeholder(num)) => usize::try_from(num).ok(),
        _ => None,
    }
}

fn run(text: &str, walk: &mut Walk) -> Result<(), DecodeError> {
    let mut json = serde_json::Deserializer::from_str(text);
    let value = Value { walk: &mut *walk, depth: MAX_DEPTH }.deserialize(&mut json);
    match value.and_then(|_| json.end()) {
        Ok(()) => Ok(()),
        Err(_) => Err(walk.fault.unwrap_or(DecodeError::Json)),
    }
}

/// What one pass remembers.
struct Walk {
    /// The cause of a failure `serde_json` does not know.
    fault: Option<DecodeError>,
    /// Which attachments a placeholder has named, when placeholders matter.
    placeholders: Option<Vec<bool>>,
}

impl Walk {
    fn refuse<E: serde::de::Error>(&mut self, fault: DecodeError) -> E {
        self.fault = Some(fault);
        E::custom(fault)
    }

    /// Marks one attachment as named; false when it does not exist or was named before.
    fn name(&mut self, num: u64) -> bool {
        let Some(named) = &mut self.placeholders else { return true };
        let slot = usize::try_from(num).ok().and_then(|num| named.get_mut(num));
        slot.is_some_and(|slot| !std::mem::replace(slot, true))
    }
}

/// What an enclosing object wants to know of a value.
#[derive(Clone, Copy)]
enum Seen {
    True,
    Number(u64),
    Placeholder(u64),
    Other,
}

/// Walks one value with `depth` levels left below it.
struct Value<'a> {
    walk: &'a mut Walk,
    depth: usize,
}

impl Value<'_> {
    fn descend<E: serde::de::Error>(&mut self) -> Result<usize, E> {
        self.depth.checked_sub(1).ok_or_else(|| self.walk.refuse(DecodeError::JsonDepth))
    }
}

impl<'de> DeserializeSeed<'de> for Value<'_> {
    type Value = Seen;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Seen, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Value<'_> {
    type Value = Seen;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Seen, E> {
        Ok(if value { Seen::True } else { Seen::Other })
    }

    fn visit_u64<E>(self, value: u64) -> Result<Seen, E> {
        Ok(Seen::Number(value))
    }

    fn visit_i64<E>(self, _: i64) -> Result<Seen, E> {
        Ok(Seen::Other)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Seen, E> {
        Ok(Seen::Other)
    }

    fn visit_str<E>(self, _: &str) -> Result<Seen, E> {
        Ok(Seen::Other)
    }

    fn visit_unit<E>(self) -> Result<Seen, E> {
        Ok(Seen::Other)
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut items: A) -> Result<Seen, A::Error> {
        let depth = self.descend()?;
        while items.next_element_seed(Value { walk: &mut *self.walk, depth })?.is_some() {}
        Ok(Seen::Other)
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut entries: A) -> Result<Seen, A::Error> {
        let depth = self.descend()?;
        let mut keys = Keys::default();
        let (mut marked, mut num) = (false, None);
        while let Some(key) = entries.next_key_seed(Key)? {
            let (is_mark, is_num) = (key == "_placeholder", key == "num");
            if !keys.insert(key) {
                return Err(self.walk.refuse(DecodeError::DuplicateKey));
            }
            let value = entries.next_value_seed(Value { walk: &mut *self.walk, depth })?;
            match value {
                Seen::True if is_mark => marked = true,
                Seen::Number(n) if is_num => num = Some(n),
                _ => {}
            }
        }
        if !marked {
            return Ok(Seen::Other);
        }
        match num {
            Some(num) if self.walk.name(num) => Ok(Seen::Placeholder(num)),
            None if self.walk.placeholders.is_none() => Ok(Seen::Other),
            _ => Err(self.walk.refuse(DecodeError::Placeholders)),
        }
    }
}

/// A key borrowed from the text unless it holds escapes.
struct Key;

impl<'de> DeserializeSeed<'de> for Key {
    type Value = Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Key {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_borrowed_str<E>(self, key: &'de str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(key))
    }

    fn visit_str<E>(self, key: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(key.to_owned()))
    }
}

/// The keys of one object so far.
#[derive(Default)]
struct Keys<'de> {
    few: Vec<Cow<'de, str>>,
    many: HashSet<Cow<'de, str>>,
}

impl<'de> Keys<'de> {
    /// False when the key was there before.
    fn insert(&mut self, key: Cow<'de, str>) -> bool {
        if self.few.contains(&key) {
            return false;
        }
        if self.few.len() < LINEAR_KEYS {
            self.few.push(key);
            return true;
        }
        self.many.insert(key)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn nested(depth: usize) -> String {
        "[".repeat(depth) + &"]".repeat(depth)
    }

    proptest! {
        #[test]
        fn any_text_is_answered(text in r#"[\[\]{}",:a\\0-9tru ]{0,60}"#) {
            let parsed = serde_json::from_str::<serde_json::Value>(&text);
            prop_assert!(check(&text).is_err() || parsed.is_ok());
            let _ = depth_within(&text, 3);
        }
    }

    #[test]
    fn depth_is_allowed_up_to_the_limit() {
        assert_eq!(check(&nested(64)), Ok(()));
        assert_eq!(check(&nested(65)), Err(DecodeError::JsonDepth));
        assert_eq!(check(&nested(200_000)), Err(DecodeError::JsonDepth));
        assert!(depth_within(&nested(64), 64));
        assert!(!depth_within(&nested(65), 64));
    }

    #[test]
    fn brackets_inside_strings_do_not_nest() {
        assert!(depth_within(r#"["[[[\"[[["]"#, 1));
    }

    #[test]
    fn a_key_is_named_once_however_it_is_spelled() {
        assert_eq!(check(r#"{"a":1,"b":{"a":2}}"#), Ok(()));
        assert_eq!(check(r#"{"a":1,"a":2}"#), Err(DecodeError::DuplicateKey));
        assert_eq!(check(r#"[{"a":1,"\u0061":2}]"#), Err(DecodeError::DuplicateKey));
        assert_eq!(check(r#"{"__proto__":{"constructor":1}}"#), Ok(()));
    }

    #[test]
    fn a_large_object_is_compared_too() {
        let keys: Vec<_> = (0..100).map(|n| format!("\"k{n}\":0")).collect();
        assert_eq!(check(&format!("{{{}}}", keys.join(","))), Ok(()));
        assert_eq!(
            check(&format!("{{{},\"k99\":1}}", keys.join(","))),
            Err(DecodeError::DuplicateKey)
        );
    }

    #[test]
    fn text_that_is_not_one_value_is_refused() {
        for text in ["", "[", "[1,]", "[] []", "nul", r#""\ud800""#, "{1:2}"] {
            assert_eq!(check(text), Err(DecodeError::Json), "{text}");
        }
    }

    #[test]
    fn placeholders_name_each_attachment_once() {
        let two = r#"["e",{"_placeholder":true,"num":1},{"x":{"num":0,"_placeholder":true}}]"#;
        assert_eq!(check_placeholders(two, 2), Ok(()));
        for (text, attachments) in [
            (two, 1),
            (two, 3),
            (r#"[{"_placeholder":true,"num":0},{"_placeholder":true,"num":0}]"#, 2),
            (r#"[{"_placeholder":true,"num":"length"}]"#, 1),
            (r#"[{"_placeholder":true,"num":-1}]"#, 1),
            (r#"[{"_placeholder":true}]"#, 1),
            (r#"[{"_placeholder":1,"num":0}]"#, 1),
        ] {
            assert_eq!(
                check_placeholders(text, attachments),
                Err(DecodeError::Placeholders),
                "{text}"
            );
        }
    }
}
