//! A `PATCH` of a resource that has a draft: what stands, with the named fields replaced, as a JSON merge patch
//! (RFC 7396) says.

use garde::Validate;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::json;
use crate::error::{Error, Result};

/// Any fields of a resource. Null empties one, an object changes the fields it names, anything else replaces
/// what stands.
#[derive(Debug, Clone, Deserialize, Validate, ToSchema)]
#[serde(transparent)]
#[schema(value_type = Object)]
pub struct Patch(#[garde(skip)] pub Map<String, Value>);

impl Patch {
    /// The draft that the caller wants to stand, held to the rules of its fields.
    pub fn of<D>(self, current: &D) -> Result<D>
    where
        D: Serialize + DeserializeOwned + Validate<Context: Default>,
    {
        let mut fields = serde_json::to_value(current).map_err(Error::internal)?;
        merge(&mut fields, Value::Object(self.0));
        json::parse(&fields.to_string().into())
    }

    /// Whether a field is given.
    pub fn names_field(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// The names of the fields that are given, for the audit trail.
    pub fn names(&self) -> Map<String, Value> {
        let names =
            self.0.keys().map(|name| Value::from(name.chars().take(40).collect::<String>()));
        Map::from_iter([("fields".to_owned(), names.take(40).collect())])
    }
}

/// What RFC 7396, section 2, calls `MergePatch`, but that a field which is null stays there as null.
fn merge(target: &mut Value, patch: Value) {
    match (target, patch) {
        (Value::Object(target), Value::Object(patch)) => {
            for (name, patch) in patch {
                merge(target.entry(name).or_insert(Value::Null), patch);
            }
        }
        (target, patch) => *target = patch,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::domain::clinical::catalogue::ExamDraft;
    use crate::error::{FieldCode, Kind};

    fn outcome(patch: Value) -> Result<ExamDraft> {
        let current = json!({"code": "HEM", "name": "Hemograma", "preparation": "ayuno 8 h"});
        let current: ExamDraft = serde_json::from_value(current).unwrap();
        serde_json::from_value::<Patch>(patch).unwrap().of(&current)
    }

    #[test]
    fn a_patch_replaces_what_it_names_and_null_empties() {
        let draft =
            outcome(json!({"name": "Otro", "preparation": null, "version": 9, "x": 1})).unwrap();

        assert_eq!((draft.code.as_str(), draft.name.as_str()), ("HEM", "Otro"));
        assert_eq!(draft.preparation, None);
        assert!(draft.active);
    }

    #[test]
    fn a_patch_is_held_to_the_rules_of_its_resource() {
        for (patch, code) in [
            (json!({"name": null}), FieldCode::Type),
            (json!({"name": ""}), FieldCode::Length),
            (json!({"name": 7}), FieldCode::Type),
        ] {
            match outcome(patch).unwrap_err().kind() {
                Kind::Validation(fields) => {
                    assert_eq!((fields[0].pointer.as_str(), fields[0].code), ("/name", code));
                }
                other => panic!("{other:?}"),
            }
        }
    }
}
