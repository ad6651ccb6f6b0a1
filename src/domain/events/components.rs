//! The named schemas behind the registry, as JSON: what both printers work from.

use std::collections::BTreeMap;

use serde_json::Value;
use utoipa::openapi::{RefOr, schema::Schema};
use utoipa::{PartialSchema as _, ToSchema as _};

use super::spec::Shape;
use super::values::AckError;

/// Schemas by name, references as `#/components/schemas/<name>`.
pub(super) fn schemas() -> BTreeMap<String, Value> {
    let mut found = BTreeMap::new();
    for spec in super::all() {
        insert(&mut found, spec.payload);
        if let Some(ack) = spec.ack {
            insert(&mut found, ack.shape);
        }
    }
    let mut parts = vec![(AckError::name().into_owned(), AckError::schema())];
    AckError::schemas(&mut parts);
    extend(&mut found, parts);
    found
}

fn insert(found: &mut BTreeMap<String, Value>, shape: Shape) {
    let mut parts = vec![((shape.name)().into_owned(), (shape.schema)())];
    (shape.parts)(&mut parts);
    extend(found, parts);
}

fn extend(found: &mut BTreeMap<String, Value>, parts: Vec<(String, RefOr<Schema>)>) {
    for (name, schema) in parts {
        let schema = serde_json::to_value(schema).expect("a schema is JSON");
        found.insert(name, schema);
    }
}
