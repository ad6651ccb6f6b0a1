use axum::body::Bytes;
use serde_json::{Value, json};

use super::*;
use crate::domain::id::UserId;
use crate::domain::identity::Role;
use crate::http::json::parse;

fn publish(body: &Value) -> Result<Event> {
    let service = Principal {
        user: UserId(0),
        primary_role: Role::Service,
        roles: vec![Role::Service],
        reference_id: None,
        version: 0,
        service: None,
        session: None,
        admission: None,
        expires_at: None,
    };
    parse::<Publication>(&Bytes::from(body.to_string()))?.by(&service)
}

fn refused(body: &Value) -> Vec<(String, FieldCode)> {
    match publish(body).unwrap_err().kind() {
        Kind::Validation(fields) => {
            fields.iter().map(|field| (field.pointer.clone(), field.code)).collect()
        }
        other => panic!("{other:?}"),
    }
}

fn price() -> Value {
    json!({"type": "price", "action": "updated", "entityId": 9, "timestamp": "2025-10-13T04:58:18Z"})
}

#[test]
fn an_event_goes_where_it_goes_by_itself_or_where_it_is_sent() {
    let own = publish(&json!({"event": "catalog:update", "payload": price()})).unwrap();
    let sent = publish(&json!({"event": "catalog:update", "payload": price(),
        "rooms": ["role:PACIENTE", "entity:price:9", "consultation:c1"]}))
    .unwrap();

    assert_eq!((own.class, own.topics), (Class::Durable, vec![Topic::All]));
    let rooms: Vec<_> = sent.topics.iter().map(ToString::to_string).collect();
    assert_eq!(rooms, ["role:Paciente", "entity:price:9", "consultation:c1"]);
    assert_eq!(serde_json::from_str::<Value>(sent.payload.get()).unwrap(), price());
}

#[test]
fn an_event_that_is_not_stored_is_not_durable() {
    let body = json!({"event": "catalog:update", "payload": price(), "durable": false});

    assert_eq!(publish(&body).unwrap().class, Class::Volatile);
}

#[test]
fn what_does_not_fit_is_named_by_its_pointer() {
    let mut payload = price();
    payload["action"] = json!("exploded");
    let cases = [
        (
            json!({"event": "catalog:update", "payload": payload}),
            "/payload/action",
            FieldCode::Enum,
        ),
        (json!({"event": "catalog:update", "payload": 7}), "/payload", FieldCode::Type),
        (json!({"event": "catalog:update"}), "/payload", FieldCode::Required),
        (json!({"event": "pong", "payload": {}}), "/event", FieldCode::Enum),
        (json!({"event": "connected", "payload": {}}), "/event", FieldCode::Enum),
        (json!({"event": "ice-candidate", "payload": {}}), "/event", FieldCode::Enum),
        (json!({"event": "nonsense", "payload": {}}), "/event", FieldCode::Enum),
        (
            json!({"event": "catalog:update", "payload": price(), "rooms": ["user:1", "nowhere"]}),
            "/rooms/1",
            FieldCode::Reference,
        ),
        (
            json!({"event": "catalog:update", "payload": price(), "rooms": ["entity:secret"]}),
            "/rooms/0",
            FieldCode::Reference,
        ),
        (
            json!({"event": "catalog:update", "payload": price(), "rooms": []}),
            "/rooms",
            FieldCode::Length,
        ),
        (
            json!({"event": "catalog:update", "payload": {"type": "price", "action": "updated",
                "entityId": 9, "timestamp": "2025-10-13T04:58:18Z", "note": "x".repeat(65_536)}}),
            "/payload",
            FieldCode::Length,
        ),
        (
            json!({"event": "user:update", "payload": {"type": "profile", "action": "updated",
                "timestamp": "2025-10-13T04:58:18Z"}}),
            "/rooms",
            FieldCode::Required,
        ),
    ];
    for (body, pointer, code) in cases {
        assert_eq!(refused(&body), [(pointer.to_owned(), code)], "{:.200}", body.to_string());
    }
}
