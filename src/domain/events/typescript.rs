//! The registry as TypeScript declarations, for `Socket<ServerToClientEvents, ClientToServerEvents>`
//! of `socket.io-client`.

use std::fmt::Write as _;

use serde_json::{Map, Value};

use super::spec::{Direction, EventSpec};
use super::{all, components, is_ahead};
use crate::domain::event::Class;

const PRELUDE: &str = r"
/** What a stored event carries besides its payload; `sync` replays what came after it. */
export type Durable<T> = T & { eventId: string };

/** What a callback is given: the fields of a success, or why it was refused. */
export type Ack<T> = ({ ok: true } & T) | { ok: false; error: AckError };
";

const MAPS: [(&str, Direction, &str, &str); 4] = [
    ("EventsToClient", Direction::ToClient, "/events", "What the hub sends on `/events`."),
    ("EventsToServer", Direction::ToServer, "/events", "What the hub takes on `/events`."),
    ("SignalingToClient", Direction::ToClient, "/", "What the hub sends on `/` and `/signaling`."),
    ("SignalingToServer", Direction::ToServer, "/", "What the hub takes on `/` and `/signaling`."),
];

const UNIONS: &str = r"
/** Everything the hub sends, whatever the namespace. */
export interface ServerToClientEvents extends EventsToClient, SignalingToClient {}

/** Everything the hub takes, whatever the namespace. */
export interface ClientToServerEvents extends EventsToServer, SignalingToServer {}
";

/// The whole file.
pub fn declarations(version: &str) -> String {
    let mut text = format!("// Latido {version}: realtime events. Generated from the registry.\n");
    text.push_str(PRELUDE);
    for (name, schema) in components::schemas() {
        text.push('\n');
        declaration(&mut text, &name, &schema);
    }
    for (name, direction, namespace, about) in MAPS {
        let _ = write!(text, "\n/** {about} */\nexport interface {name} {{\n");
        let specs = all().filter(|spec| spec.direction == direction);
        for spec in specs.filter(|spec| spec.namespaces.contains(&namespace)) {
            if is_ahead(spec) {
                text.push_str("  /** Not answered by this version. */\n");
            }
            for wire in std::iter::once(spec.name).chain(spec.aliases.iter().copied()) {
                let _ = writeln!(text, "  \"{wire}\": {};", signature(spec));
            }
        }
        text.push_str("}\n");
    }
    text.push_str(UNIONS);
    text
}

fn signature(spec: &EventSpec) -> String {
    let mut name = (spec.payload.name)().into_owned();
    if spec.class == Class::Durable {
        name = format!("Durable<{name}>");
    }
    let Some(ack) = spec.ack else { return format!("(payload: {name}) => void") };
    let answer = (ack.shape.name)();
    let answer = if ack.is_bare { answer.into_owned() } else { format!("Ack<{answer}>") };
    let callback = format!("ack?: (answer: {answer}) => void");
    // `ping` says nothing; its callback comes first.
    if ack.is_bare {
        format!("({callback}) => void")
    } else {
        format!("(payload: {name}, {callback}) => void")
    }
}

fn declaration(text: &mut String, name: &str, schema: &Value) {
    comment(text, "", schema);
    let properties = schema.get("properties").and_then(Value::as_object);
    if schema.get("type").is_some_and(|kind| kind == "object") && schema.get("allOf").is_none() {
        if properties.is_none() && schema.get("additionalProperties").is_none() {
            let _ = writeln!(text, "export interface {name} {{}}");
            return;
        }
        if let Some(properties) = properties {
            let _ = writeln!(text, "export interface {name} {{");
            fields(text, "  ", properties, schema);
            text.push_str("}\n");
            return;
        }
    }
    let _ = writeln!(text, "export type {name} = {};", type_of(schema));
}

fn fields(text: &mut String, indent: &str, properties: &Map<String, Value>, schema: &Value) {
    let required = schema.get("required").and_then(Value::as_array);
    for (field, schema) in properties {
        let is_required = required.is_some_and(|names| names.iter().any(|name| name == field));
        comment(text, indent, schema);
        let mark = if is_required { "" } else { "?" };
        let _ = writeln!(text, "{indent}{}{mark}: {};", property_name(field), type_of(schema));
    }
}

fn property_name(field: &str) -> String {
    let is_plain = field.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_')
        && !field.starts_with(|letter: char| letter.is_ascii_digit());
    if is_plain { field.to_owned() } else { format!("{field:?}") }
}

fn comment(text: &mut String, indent: &str, schema: &Value) {
    let Some(about) = schema.get("description").and_then(Value::as_str) else { return };
    let about = about.replace("*/", "* /").split_whitespace().collect::<Vec<_>>().join(" ");
    let _ = writeln!(text, "{indent}/** {about} */");
}

fn type_of(schema: &Value) -> String {
    if let Some(target) = schema.get("$ref").and_then(Value::as_str) {
        return target.rsplit('/').next().unwrap_or(target).to_owned();
    }
    if let Some(values) = schema.get("enum").and_then(Value::as_array) {
        return joined(values.iter().map(Value::to_string), " | ");
    }
    for (key, glue) in [("oneOf", " | "), ("anyOf", " | "), ("allOf", " & ")] {
        if let Some(parts) = schema.get(key).and_then(Value::as_array) {
            return joined(parts.iter().map(|part| grouped(type_of(part))), glue);
        }
    }
    match schema.get("type") {
        Some(Value::String(kind)) => named(kind, schema),
        Some(Value::Array(kinds)) => {
            joined(kinds.iter().filter_map(Value::as_str).map(|kind| named(kind, schema)), " | ")
        }
        _ => "unknown".to_owned(),
    }
}

fn joined(parts: impl Iterator<Item = String>, glue: &str) -> String {
    parts.collect::<Vec<_>>().join(glue)
}

fn grouped(part: String) -> String {
    if part.contains(' ') && !part.starts_with(['{', '"']) { format!("({part})") } else { part }
}

fn named(kind: &str, schema: &Value) -> String {
    match kind {
        "string" if schema.get("format").is_some_and(|format| format == "binary") => {
            "ArrayBuffer | Uint8Array | string".to_owned()
        }
        "string" | "boolean" | "null" => kind.to_owned(),
        "integer" | "number" => "number".to_owned(),
        "array" => match schema.get("items") {
            Some(items) => {
                let items = type_of(items);
                if items.contains(' ') { format!("({items})[]") } else { format!("{items}[]") }
            }
            None => "unknown[]".to_owned(),
        },
        _ => object(schema),
    }
}

fn object(schema: &Value) -> String {
    if let Some(properties) = schema.get("properties").and_then(Value::as_object) {
        let mut inner = String::new();
        fields(&mut inner, "", properties, schema);
        return format!("{{ {} }}", inner.trim_end().replace('\n', " "));
    }
    match schema.get("additionalProperties") {
        Some(values @ Value::Object(_)) => format!("Record<string, {}>", type_of(values)),
        _ => "Record<string, unknown>".to_owned(),
    }
}
