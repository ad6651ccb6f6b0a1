//! Examples for the OpenAPI document, made from its own schemas where none is given.

use serde_json::{Map, Value, json};

use super::words;

/// Schemas refer to each other; deeper than this an example says enough.
const DEPTH: usize = 24;
/// What a text is of which nothing is known.
pub(super) const UNKNOWN: &str = "text";

/// Gives every body of JSON or of a form's fields that is without an example one.
pub(super) fn fill(document: &mut Value) {
    let schemas = document["components"]["schemas"].clone();
    visit(document, &schemas);
}

fn visit(value: &mut Value, schemas: &Value) {
    if let Some(Value::Object(content)) = value.get_mut("content") {
        for (_, body) in content.iter_mut().filter(|(kind, _)| has_fields(kind)) {
            let given = body.get("example").is_some() || body.get("examples").is_some();
            if let Some(schema) = body.get("schema").filter(|_| !given) {
                let example = example(schema, schemas, DEPTH);
                body["example"] = example;
            }
        }
    }
    match value {
        Value::Object(fields) => fields.values_mut().for_each(|value| visit(value, schemas)),
        Value::Array(items) => items.iter_mut().for_each(|value| visit(value, schemas)),
        _ => {}
    }
}

fn has_fields(kind: &str) -> bool {
    kind.ends_with("json") || kind == "application/x-www-form-urlencoded"
}

/// A value that fits the schema.
fn example(schema: &Value, schemas: &Value, depth: usize) -> Value {
    if depth == 0 {
        return Value::Null;
    }
    let deeper = |schema: &Value| example(schema, schemas, depth - 1);
    if let Some(name) = reference(schema) {
        return schemas.get(name).map_or(Value::Null, deeper);
    }
    if let Some(given) = schema.get("example") {
        return given.clone();
    }
    let first = |key: &str| schema.get(key).and_then(Value::as_array).and_then(|all| all.first());
    if let Some(given) = first("examples").or_else(|| first("enum")) {
        return given.clone();
    }
    if let Some(parts) = schema.get("allOf").and_then(Value::as_array) {
        let mut whole = Map::new();
        for part in parts.iter().map(deeper) {
            if let Value::Object(fields) = part {
                whole.extend(fields);
            }
        }
        return Value::Object(whole);
    }
    for key in ["oneOf", "anyOf"] {
        if let Some(parts) = schema.get(key).and_then(Value::as_array) {
            let is_null = |part: &&Value| part.get("type").is_some_and(|kind| kind == "null");
            return parts.iter().find(|part| !is_null(part)).map_or(Value::Null, deeper);
        }
    }
    match kind(schema) {
        Some("object") => object(schema, deeper),
        Some("array") => {
            schema.get("items").map_or_else(|| json!([]), |item| json!([deeper(item)]))
        }
        Some("string") => json!(text(schema)),
        Some("integer") => schema.get("minimum").cloned().unwrap_or_else(|| json!(1)),
        Some("number") => schema.get("minimum").cloned().unwrap_or_else(|| json!(1.5)),
        Some("boolean") => json!(true),
        _ => json!({}),
    }
}

fn object(schema: &Value, deeper: impl Fn(&Value) -> Value) -> Value {
    if let Some(properties) = schema.get("properties").and_then(Value::as_object) {
        let field = |name: &str, schema: &Value| match deeper(schema) {
            made if made == UNKNOWN => words::usual(name).unwrap_or(made),
            made if made == json!([UNKNOWN]) => {
                words::usual(name).map_or(made, |word| json!([word]))
            }
            made if made.is_number() && !says_itself(schema) => {
                words::usual(name).filter(Value::is_number).unwrap_or(made)
            }
            made => made,
        };
        return properties
            .iter()
            .map(|(name, schema)| (name.clone(), field(name, schema)))
            .collect();
    }
    match schema.get("additionalProperties") {
        Some(values @ Value::Object(_)) => json!({ "key": deeper(values) }),
        _ => json!({}),
    }
}

/// Whether the schema knows better than its name what its values are like.
fn says_itself(schema: &Value) -> bool {
    ["example", "examples", "enum", "format"].iter().any(|key| {
        // How wide a number is says nothing about it.
        schema.get(key).is_some_and(|said| !matches!(said.as_str(), Some("int64" | "int32")))
    })
}

fn text(schema: &Value) -> &'static str {
    match schema.get("format").and_then(Value::as_str) {
        Some("date-time") => "2025-10-13T04:58:18.128Z",
        Some("date") => "2025-10-13",
        Some("email") => "ana@example.com",
        Some("password") => "correct horse battery",
        Some("uri") => "https://example.com",
        _ => UNKNOWN,
    }
}

/// The name of the schema this one refers to.
pub(super) fn reference(schema: &Value) -> Option<&str> {
    schema.get("$ref")?.as_str()?.rsplit('/').next()
}

/// The schema's type; of several, the first that is not null.
fn kind(schema: &Value) -> Option<&str> {
    match schema.get("type")? {
        Value::String(kind) => Some(kind),
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).find(|kind| *kind != "null"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_example_follows_references_and_closed_sets() {
        let mut document = json!({
            "components": { "schemas": {
                "Node": { "type": "object", "properties": {
                    "kind": { "enum": ["leaf", "twig"] },
                    "at": { "type": ["string", "null"], "format": "date-time" },
                    "next": { "oneOf": [{ "type": "null" }, { "$ref": "#/components/schemas/Node" }] },
                }},
            }},
            "paths": { "/x": { "get": { "responses": { "200": { "content": {
                "application/json": { "schema": { "$ref": "#/components/schemas/Node" } },
            }}}}}},
        });

        fill(&mut document);

        let content = &document["paths"]["/x"]["get"]["responses"]["200"]["content"];
        let example = &content["application/json"]["example"];
        assert_eq!(example["kind"], "leaf");
        assert_eq!(example["at"], "2025-10-13T04:58:18.128Z");
        assert_eq!(example["next"]["kind"], "leaf");
    }
}
