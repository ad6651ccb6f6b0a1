//! JSON text into a typed value, or the fields that do not fit.
//!
//! The type states names, kinds and closed sets; [`Rules`] states lengths and ranges. Both speak
//! of a field by its JSON pointer (RFC 6901), so every edge refuses in the same words.

use std::fmt::Write as _;
use std::ops::RangeInclusive;

use serde::de::DeserializeOwned;
use serde_path_to_error::{Path, Segment};

use crate::error::{FieldCode, FieldError};

/// Reads a value of type `T`. The answer names the first field that does not fit.
pub fn read<T: DeserializeOwned>(json: &str) -> Result<T, FieldError> {
    // Keeping track of the path costs as much as reading, and most of what comes fits.
    if let Ok(value) = serde_json::from_str(json) {
        return Ok(value);
    }
    let mut reader = serde_json::Deserializer::from_str(json);
    let value = serde_path_to_error::deserialize(&mut reader)
        .map_err(|error| refused(error.path(), error.inner()))?;
    match reader.end() {
        Ok(()) => Ok(value),
        Err(_) => Err(field("", FieldCode::Format, "is followed by more")),
    }
}

/// Says which field a deserialiser stopped at, and which rule it broke. What was sent is not
/// repeated.
pub fn refused(path: &Path, cause: &serde_json::Error) -> FieldError {
    let text = cause.to_string();
    let said = text.split(" at line ").next().unwrap_or_default();
    let mut pointer = pointer(path);
    if let Some(name) = said.strip_prefix("missing field ") {
        let _ = write!(pointer, "/{}", name.trim_matches('`'));
        return field(pointer, FieldCode::Required, "is required");
    }
    let (code, detail) = match () {
        () if said.starts_with("unknown variant") || said.starts_with("unknown role") => {
            (FieldCode::Enum, "is not one of the accepted values")
        }
        () if said.starts_with("invalid type") || said.starts_with("data did not match") => {
            (FieldCode::Type, "has the wrong type")
        }
        () => (FieldCode::Format, "is not in the expected form"),
    };
    field(pointer, code, detail)
}

fn field(pointer: impl Into<String>, code: FieldCode, detail: impl Into<String>) -> FieldError {
    FieldError { pointer: pointer.into(), code, detail: detail.into() }
}

fn pointer(path: &Path) -> String {
    let mut pointer = String::new();
    for segment in path {
        // Writing to a string cannot fail.
        let _ = match segment {
            Segment::Seq { index } => write!(pointer, "/{index}"),
            Segment::Map { key } => {
                write!(pointer, "/{}", escaped(key))
            }
            Segment::Enum { .. } | Segment::Unknown => Ok(()),
        };
    }
    pointer
}

/// A key as a pointer spells it.
pub fn escaped(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

/// Collects the rules a value breaks.
#[derive(Debug, Default)]
pub struct Rules(Vec<FieldError>);

impl Rules {
    /// Length in Unicode scalars, as `str(a..b)` counts it.
    pub fn length(&mut self, pointer: &str, text: &str, allowed: RangeInclusive<usize>) {
        if !allowed.contains(&text.chars().count()) {
            let detail = format!("must have {} to {} characters", allowed.start(), allowed.end());
            self.refuse(pointer, FieldCode::Length, detail);
        }
    }

    /// [`Self::length`] of a text that may be absent.
    pub fn length_if(&mut self, pointer: &str, text: Option<&str>, allowed: RangeInclusive<usize>) {
        if let Some(text) = text {
            self.length(pointer, text, allowed);
        }
    }

    /// Number of entries in a list.
    pub fn count(&mut self, pointer: &str, found: usize, allowed: RangeInclusive<usize>) {
        if !allowed.contains(&found) {
            let detail = format!("must have {} to {} entries", allowed.start(), allowed.end());
            self.refuse(pointer, FieldCode::Length, detail);
        }
    }

    pub fn range<N>(&mut self, pointer: &str, value: N, allowed: RangeInclusive<N>)
    where
        N: Copy + PartialOrd + std::fmt::Display,
    {
        if !allowed.contains(&value) {
            let detail = format!("must be {} to {}", allowed.start(), allowed.end());
            self.refuse(pointer, FieldCode::Range, detail);
        }
    }

    /// [`Self::range`] of a number that may be absent.
    pub fn range_if<N>(&mut self, pointer: &str, value: Option<N>, allowed: RangeInclusive<N>)
    where
        N: Copy + PartialOrd + std::fmt::Display,
    {
        if let Some(value) = value {
            self.range(pointer, value, allowed);
        }
    }

    /// A number that may be absent and has no upper bound.
    pub fn not_below_zero(&mut self, pointer: &str, value: Option<f64>) {
        if value.is_some_and(|value| value.is_nan() || value < 0.0) {
            self.refuse(pointer, FieldCode::Range, "must be at least 0");
        }
    }

    pub fn refuse(&mut self, pointer: &str, code: FieldCode, detail: impl Into<String>) {
        self.0.push(field(pointer, code, detail));
    }

    /// What was refused, if anything.
    pub fn finish(self) -> Result<(), Vec<FieldError>> {
        if self.0.is_empty() { Ok(()) } else { Err(self.0) }
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    struct Outer {
        #[expect(dead_code, reason = "only its reading is of interest")]
        rows: Vec<Inner>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "lowercase")]
    enum Colour {
        Red,
    }

    #[derive(Debug, Deserialize)]
    struct Inner {
        #[expect(dead_code, reason = "only its reading is of interest")]
        colour: Colour,
        #[expect(dead_code, reason = "only its reading is of interest")]
        size: i64,
    }

    #[test]
    fn a_refused_field_is_named_by_its_pointer() {
        let cases = [
            (r#"{"rows":[{"colour":"red"}]}"#, "/rows/0/size", FieldCode::Required),
            (r#"{"rows":[{"colour":"blue","size":1}]}"#, "/rows/0/colour", FieldCode::Enum),
            (r#"{"rows":[{"colour":"red","size":"1"}]}"#, "/rows/0/size", FieldCode::Type),
            (r#"{"rows":7}"#, "/rows", FieldCode::Type),
            (r#"{"rows":[]} x"#, "", FieldCode::Format),
        ];
        for (json, pointer, code) in cases {
            let refused = read::<Outer>(json).unwrap_err();
            assert_eq!((refused.pointer.as_str(), refused.code), (pointer, code), "{json}");
        }
        assert!(read::<Outer>(r#"{"rows":[{"colour":"red","size":1,"more":null}]}"#).is_ok());
    }

    #[test]
    fn lengths_count_characters_not_bytes() {
        let mut rules = Rules::default();
        rules.length("/name", "áéíóú", 1..=5);
        rules.length("/code", "", 1..=5);
        rules.range_if("/minutes", Some(0), 1..=1440);

        let refused = rules.finish().unwrap_err();

        let pointers: Vec<_> = refused.iter().map(|field| field.pointer.as_str()).collect();
        assert_eq!(pointers, ["/code", "/minutes"]);
    }
}
