//! The registry as an `AsyncAPI` 3.0 document, seen from the hub: it sends server events and
//! receives client events, and answers them through acks.

use serde_json::{Map, Value, json};

use super::spec::{Direction, EventSpec};
use super::{all, components, is_ahead};
use crate::domain::event::Class;

/// Channels by id, with their namespace.
const CHANNELS: [(&str, &str, &str); 3] = [
    ("events", "/events", "Domain events, chat, presence, session sync, live figures."),
    ("signaling", "/", "The signaling of calls."),
    ("signalingAlias", "/signaling", "The same rooms and events as `/`."),
];

/// The whole document.
pub fn document(version: &str) -> Value {
    let mut schemas: Map<String, Value> = components::schemas().into_iter().collect();
    schemas.insert("DurableMark".into(), durable_mark());
    json!({
        "asyncapi": "3.0.0",
        "info": {
            "title": "Latido realtime events",
            "version": version,
            "description": "Socket.IO namespaces and plain-JSON WebSockets of one hub. \
                On a plain WebSocket a message is {\"event\",\"data\",\"id\"?}, \
                an ack {\"event\":\"ack\",\"id\",\"data\"}.",
        },
        "defaultContentType": "application/json",
        "channels": channels(),
        "operations": operations(),
        "components": {
            "messages": messages(),
            "schemas": schemas,
            "securitySchemes": {
                "accessToken": {
                    "type": "http", "scheme": "bearer", "bearerFormat": "JWT",
                    "description": "In the CONNECT packet as auth.token, or as Authorization header.",
                },
            },
        },
    })
}

/// The key of an event's message; a client's `offer` and the hub's `offer` are two.
fn key(spec: &EventSpec) -> String {
    let suffix = match spec.direction {
        Direction::ToClient => "",
        Direction::ToServer => ".request",
    };
    format!("{}{suffix}", spec.name.replace(':', "."))
}

fn ack_key(spec: &EventSpec) -> String {
    format!("{}.ack", spec.name.replace(':', "."))
}

fn schema_ref(name: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}

fn messages() -> Map<String, Value> {
    let mut messages = Map::new();
    for spec in all() {
        let name = (spec.payload.name)();
        let mut payload = schema_ref(&name);
        if spec.class == Class::Durable {
            payload = json!({ "allOf": [payload, schema_ref("DurableMark")] });
        }
        let mut message = json!({ "name": spec.name, "title": name, "payload": payload });
        if let Some(summary) = summary(spec) {
            message["summary"] = json!(summary);
        }
        if spec.direction == Direction::ToClient {
            message["description"] = json!(format!("Sent to: {}.", spec.to));
            message["x-delivery"] = json!(class_name(spec.class));
        }
        if is_ahead(spec) {
            message["description"] = json!("Not answered by this version.");
            message["x-answered"] = json!(false);
        }
        if !spec.aliases.is_empty() {
            message["x-aliases"] = json!(spec.aliases);
        }
        messages.insert(key(spec), message);
        if let Some(ack) = spec.ack {
            let fields = schema_ref(&(ack.shape.name)());
            let payload = if ack.is_bare { fields } else { answer(&fields) };
            let title = format!("Ack of {}", spec.name);
            messages.insert(ack_key(spec), json!({ "title": title, "payload": payload }));
        }
    }
    messages
}

/// Success with its fields, or a refusal.
fn answer(fields: &Value) -> Value {
    let ok = |value: bool| json!({ "type": "object", "required": ["ok"], "properties": { "ok": { "const": value } } });
    let mut refused = ok(false);
    refused["properties"]["error"] = schema_ref("AckError");
    refused["required"] = json!(["ok", "error"]);
    json!({ "oneOf": [{ "allOf": [ok(true), fields] }, refused] })
}

fn channels() -> Map<String, Value> {
    let channel = |(id, address, description): (&str, &str, &str)| {
        let mut messages = Map::new();
        for spec in all().filter(|spec| spec.namespaces.contains(&address)) {
            let mut add = |key: String| {
                let target = json!({ "$ref": format!("#/components/messages/{key}") });
                messages.insert(key, target);
            };
            add(key(spec));
            if spec.ack.is_some() {
                add(ack_key(spec));
            }
        }
        let body = json!({ "address": address, "description": description, "messages": messages });
        (id.to_owned(), body)
    };
    CHANNELS.into_iter().map(channel).collect()
}

fn operations() -> Map<String, Value> {
    let mut operations = Map::new();
    for (channel, address, _) in CHANNELS {
        let at = json!({ "$ref": format!("#/channels/{channel}") });
        let message = |key: &str| json!({ "$ref": format!("#/channels/{channel}/messages/{key}") });
        for spec in all().filter(|spec| spec.namespaces.contains(&address)) {
            let key = key(spec);
            let (action, verb) = match spec.direction {
                Direction::ToClient => ("send", "sends"),
                Direction::ToServer => ("receive", "receives"),
            };
            let mut operation = json!({
                "action": action, "channel": at, "messages": [message(&key)],
                "security": [{ "$ref": "#/components/securitySchemes/accessToken" }],
            });
            if spec.ack.is_some() {
                operation["reply"] =
                    json!({ "channel": at, "messages": [message(&ack_key(spec))] });
            }
            operations.insert(format!("{channel}.{verb}.{key}"), operation);
        }
    }
    operations
}

fn durable_mark() -> Value {
    json!({
        "type": "object",
        "description": "What a stored event carries besides its payload.",
        "required": ["eventId"],
        "properties": {
            "eventId": { "type": "string", "description": "A decimal that rises with every event; \
                `sync` replays what came after it." },
        },
    })
}

/// The first sentence about the payload.
fn summary(spec: &EventSpec) -> Option<String> {
    let schema = serde_json::to_value((spec.payload.schema)()).ok()?;
    let text = schema.get("description")?.as_str()?;
    Some(text.lines().next()?.to_owned())
}

fn class_name(class: Class) -> &'static str {
    match class {
        Class::Durable => "durable",
        Class::Latest => "latest",
        Class::Volatile => "volatile",
    }
}
