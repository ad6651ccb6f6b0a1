use std::collections::BTreeSet;

use serde_json::json;

use super::*;
use crate::domain::event::Class;
use crate::error::FieldCode;

/// The names of the contract's tables, §6.3 and the server half of §6.4 and §6.13.
const TO_CLIENT: &str = "connected catalog:update user:update admin:event appointment:update \
    result:update system:message pong entity:update consultation:update consultation:invite \
    session:update session:revoked auth:expiring presence:update chat:message chat:updated \
    chat:deleted chat:read chat:typing offer:update job:update payment:update notification \
    crisis:update marketplace:update section:active admin:stats cache:invalidate server:draining \
    error subscribed unsubscribed peer-joined peer-left offer answer ice-candidate chat mute \
    mute-request screen-share hand-raise hand-over recording recording-request room-state \
    room-ended kicked lobby admitted denied";

/// §6.4, §6.5, §6.13 and §6.14, what clients send.
const TO_SERVER: &str = "ping subscribe unsubscribe sync auth:refresh session:patch presence:set \
    presence:subscribe presence:unsubscribe chat:join chat:leave chat:send chat:read chat:typing \
    section result:fetch file:send admin:live seen join leave offer answer ice-candidate chat \
    mute screen-share hand-over kick end recording recording-consent hand-raise stats admit deny \
    return-to-lobby checks";

const DURABLE: &str = "catalog:update user:update admin:event appointment:update result:update \
    system:message entity:update consultation:update consultation:invite chat:message \
    chat:updated chat:deleted offer:update job:update payment:update notification crisis:update \
    marketplace:update";

const LATEST: &str = "presence:update admin:stats section:active chat:typing";

fn words(text: &'static str) -> BTreeSet<&'static str> {
    text.split_whitespace().collect()
}

fn names(direction: Direction) -> BTreeSet<&'static str> {
    all().filter(|spec| spec.direction == direction).map(|spec| spec.name).collect()
}

#[test]
fn the_registry_holds_exactly_the_events_of_the_contract() {
    assert_eq!(names(Direction::ToClient), words(TO_CLIENT));
    assert_eq!(names(Direction::ToServer), words(TO_SERVER));
    assert_eq!(all().count(), words(TO_CLIENT).len() + words(TO_SERVER).len(), "no event twice");
}

#[test]
fn classes_follow_the_contract() {
    for spec in all().filter(|spec| spec.direction == Direction::ToClient) {
        let expected = if words(DURABLE).contains(spec.name) {
            Class::Durable
        } else if words(LATEST).contains(spec.name) {
            Class::Latest
        } else {
            Class::Volatile
        };
        assert_eq!(spec.class, expected, "{}", spec.name);
    }
}

#[test]
fn a_client_may_use_the_other_names() {
    assert_eq!(find_client("join-room").unwrap(), "join");
    assert_eq!(find_client("chat-message").unwrap(), "chat");
    assert_eq!(find_client("nothing"), None);
}

#[test]
fn a_payload_that_does_not_fit_names_the_field() {
    let time = "2025-10-13T04:58:18.128Z";
    let cases = [
        (
            "catalog:update",
            json!({"type": "exam", "action": "created", "entityId": 1}),
            "/timestamp",
            FieldCode::Required,
        ),
        (
            "catalog:update",
            json!({"type": "drug", "action": "created", "entityId": 1, "timestamp": time}),
            "/type",
            FieldCode::Enum,
        ),
        (
            "catalog:update",
            json!({"type": "exam", "action": "created", "entityId": "x", "timestamp": time}),
            "/entityId",
            FieldCode::Type,
        ),
        (
            "system:message",
            json!({"type": "info", "message": "", "timestamp": time}),
            "/message",
            FieldCode::Length,
        ),
        (
            "appointment:update",
            json!({"appointmentId": 1, "patientId": 2, "action": "created", "timestamp": "now"}),
            "/timestamp",
            FieldCode::Format,
        ),
    ];
    for (event, payload, pointer, code) in cases {
        let refused = find(event).unwrap().validate(&payload.to_string()).unwrap_err();
        assert_eq!((refused[0].pointer.as_str(), refused[0].code), (pointer, code), "{payload}");
    }
}

#[test]
fn fields_nobody_knows_are_welcome() {
    let payload = json!({
        "type": "price", "action": "updated", "entityId": 9, "entityName": null,
        "amount": 450_000, "timestamp": "2025-10-13T04:58:18Z"
    });

    assert_eq!(find("catalog:update").unwrap().validate(&payload.to_string()), Ok(()));
}

#[test]
fn an_event_routes_itself_by_its_payload() {
    let payload = json!({
        "entity": "exam", "entityId": 3, "action": "updated", "timestamp": "2025-10-13T04:58:18Z"
    });

    let topics = find("entity:update").unwrap().route(&payload.to_string()).unwrap();

    let rooms: Vec<_> = topics.iter().map(ToString::to_string).collect();
    assert_eq!(rooms, ["entity:exam", "entity:exam:3"]);
}

#[test]
fn the_asyncapi_document_names_every_event_and_every_reference_resolves() {
    let document = asyncapi::document("1.0.0");

    let messages = document["components"]["messages"].as_object().unwrap();
    let named: BTreeSet<_> =
        messages.values().filter_map(|message| message["name"].as_str()).collect();
    for spec in all() {
        assert!(named.contains(spec.name), "{}", spec.name);
        for namespace in spec.namespaces {
            let channels = document["channels"].as_object().unwrap();
            assert!(channels.values().any(|channel| channel["address"] == *namespace));
        }
    }
    let mut pending = vec![&document];
    while let Some(value) = pending.pop() {
        if let Some(target) = value.get("$ref").and_then(serde_json::Value::as_str) {
            assert!(document.pointer(&target[1..]).is_some(), "{target} leads nowhere");
        }
        match value {
            serde_json::Value::Object(fields) => pending.extend(fields.values()),
            serde_json::Value::Array(items) => pending.extend(items),
            _ => {}
        }
    }
}

#[test]
fn the_typescript_names_every_event_and_declares_every_type_it_uses() {
    let text = typescript::declarations("1.0.0");

    for spec in all() {
        assert!(text.contains(&format!("\"{}\": (", spec.name)), "{}", spec.name);
    }
    for (open, close) in [('{', '}'), ('(', ')'), ('<', '>')] {
        let count = |wanted| {
            let code = text.lines().filter(|line| !line.trim_start().starts_with("/*"));
            code.map(|line| line.replace("=>", "").matches(wanted).count()).sum::<usize>()
        };
        assert_eq!(count(open), count(close), "{open}{close}");
    }
    for name in components::schemas().keys() {
        let declared = [format!("interface {name} {{"), format!("type {name} =")];
        assert!(declared.iter().any(|form| text.contains(form.as_str())), "{name}");
        assert!(!text.contains(&format!("type {name} = {name};")), "{name} is only itself");
    }
    assert!(text.contains("\"catalog:update\": (payload: Durable<CatalogUpdate>) => void;"));
    assert!(text.contains("\"ping\": (ack?: (answer: Pong) => void) => void;"));
    assert!(text.contains("type: CatalogKind;"));
    assert!(text.contains("entityName?: string | null;"));
}
