//! A field of a `PATCH`: absent, emptied by null, or given.

use garde::error::NoKey;
use garde::rules::inner::Inner;
use serde::{Deserialize, Deserializer};

/// What a caller says of a field that may be empty. Read with `#[serde(default)]`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Given<T> {
    #[default]
    Absent,
    Null,
    Value(T),
}

impl<T> Given<T> {
    /// Writes what was said over what there is.
    pub fn write(self, field: &mut Option<T>) {
        match self {
            Self::Absent => {}
            Self::Null => *field = None,
            Self::Value(value) => *field = Some(value),
        }
    }

    pub fn is_absent(&self) -> bool {
        matches!(self, Self::Absent)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Given<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Option::deserialize(deserializer)?.map_or(Self::Null, Self::Value))
    }
}

/// Rules are for values.
impl<T> Inner<T> for Given<T> {
    type Key = NoKey;

    fn validate_inner<F: FnMut(&T, &NoKey)>(&self, mut check: F) {
        if let Self::Value(value) = self {
            check(value, &NoKey::default());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Deserialize)]
    struct Patch {
        #[serde(default)]
        name: Given<String>,
    }

    fn written(json: &str) -> Option<String> {
        let mut field = Some("before".to_owned());
        serde_json::from_str::<Patch>(json).unwrap().name.write(&mut field);
        field
    }

    #[test]
    fn null_empties_and_absence_does_not() {
        assert_eq!(written("{}").as_deref(), Some("before"));
        assert_eq!(written(r#"{"name":null}"#), None);
        assert_eq!(written(r#"{"name":"after"}"#).as_deref(), Some("after"));
    }
}
