//! Events that other services have published through the hub.
//!
//! The registry knows which events there are, checks their payloads and routes them. An event sent
//! with `durable: false` touches no database: it is counted and forgotten, so a service may send
//! hundreds of them a second. Notifications alone are kept for who is in focus mode, either way.

use axum::extract::State;
use axum::http::StatusCode;
use garde::Validate;
use serde::{Deserialize, Serialize};
use serde_json::Map;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::messages::DISPATCH_PATIENCE;
use crate::domain::event::{Class, Event};
use crate::domain::events::accounts::Notified;
use crate::domain::events::{self, EventSpec, ServerEvent as _};
use crate::domain::identity::Principal;
use crate::domain::subscription::{self, Refused};
use crate::domain::topic::Topic;
use crate::error::{Error, FieldCode, FieldError, Kind, Result};
use crate::http::App;
use crate::http::caller::AdminOrService;
use crate::http::context::Context;
use crate::http::json::Json;
use crate::persistence::deed::Deed;
use crate::persistence::held;

/// Bytes of a payload.
const MAX_PAYLOAD: usize = 64 * 1024;
/// Rooms of one event.
const MAX_ROOMS: usize = 100;
/// Answers to one socket's own request; nobody else may send them.
const ANSWERS: [&str; 4] = ["connected", "pong", "subscribed", "unsubscribed"];
/// Families of rooms that topics know by name only.
const FAMILIES: [&str; 4] = ["conversation", "consultation", "crisis", "presence"];

/// An event to publish.
#[derive(Debug, Deserialize, Validate, ToSchema)]
pub(super) struct Publication {
    /// A server event of `/events`.
    #[garde(skip)]
    event: String,
    /// An object of the event's shape, at most 64 KiB.
    #[garde(skip)]
    #[schema(value_type = Object)]
    payload: Box<RawValue>,
    /// Where it goes; absent: where such an event goes by itself.
    #[garde(skip)]
    #[schema(min_items = 1, max_items = 100)]
    rooms: Option<Vec<String>>,
    /// False sends an event of the durable kind without storing it. Other kinds are never stored.
    #[garde(skip)]
    #[serde(default = "yes")]
    #[schema(default = true)]
    durable: bool,
}

fn yes() -> bool {
    true
}

/// What became of the event.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Published {
    /// Absent for events that are not stored, while the dispatch is pending after 500 ms, and where
    /// everyone it is for is in focus mode.
    event_id: Option<String>,
    /// Sockets of this node it was handed to.
    delivered: usize,
}

/// Publishes an event for a service or an administrator.
#[utoipa::path(post, path = "/api/events/publish", tag = "Events", operation_id = "publishEvent",
    request_body(content = Publication, example = json!({"event": "catalog:update",
        "payload": {"type": "price", "action": "updated", "entityId": 9,
            "timestamp": "2025-10-13T04:58:18.128Z"},
        "rooms": ["role:Paciente"], "durable": true})),
    responses((status = 202, description = "On its way", body = Published,
        example = json!({"eventId": "123", "delivered": 7}))))]
pub(super) async fn publish(
    State(app): State<App>,
    AdminOrService(caller): AdminOrService,
    context: Context,
    Json(publication): Json<Publication>,
) -> Result<(StatusCode, Json<Published>)> {
    let is_recorded = publication.durable;
    let event = publication.by(&caller)?;
    let published = if !is_recorded {
        passing(&app, event).await?
    } else if event.class == Class::Durable {
        stored(&app, &context, &caller, event).await?
    } else {
        recorded(&app, &context, &caller, &event).await?;
        Published { event_id: None, delivered: app.hub.publish(event).await }
    };
    Ok((StatusCode::ACCEPTED, Json(published)))
}

/// Sends the event to whoever is there.
async fn passing(app: &App, mut event: Event) -> Result<Published> {
    if event.name == Notified::NAME {
        let mut tx = app.store.begin().await?;
        event = held::hold(&mut tx, event).await?;
        tx.commit().await?;
        if event.topics.is_empty() {
            return Ok(Published { event_id: None, delivered: 0 });
        }
    }
    Ok(Published { event_id: None, delivered: app.hub.publish(event).await })
}

/// Commits the event together with its deed and waits a moment for its dispatch.
async fn stored(
    app: &App,
    context: &Context,
    caller: &Principal,
    event: Event,
) -> Result<Published> {
    let deed = deed(&event);

    let mut tx = app.store.begin().await?;
    let row = held::emit(&mut tx, event, Some(&app.settings.node)).await?;
    deed.record(&mut tx, &app.settings.node, caller, &context.provenance()).await?;
    tx.commit().await?;

    app.hub.outbox_ready();
    let dispatched = match row {
        Some(row) => app.hub.dispatched(row, DISPATCH_PATIENCE).await,
        None => None,
    };
    Ok(Published {
        event_id: dispatched.map(|dispatched| dispatched.event.to_string()),
        delivered: dispatched.map_or(0, |dispatched| dispatched.delivered),
    })
}

/// Records the deed of publishing an event that is itself not stored.
async fn recorded(app: &App, context: &Context, caller: &Principal, event: &Event) -> Result<()> {
    let mut tx = app.store.begin().await?;
    deed(event).record(&mut tx, &app.settings.node, caller, &context.provenance()).await?;
    tx.commit().await?;
    app.hub.outbox_ready();
    Ok(())
}

fn deed(event: &Event) -> Deed {
    let rooms = event.topics.iter().map(ToString::to_string).collect();
    Deed {
        action: "published",
        entity_type: "event",
        entity_id: event.name.into(),
        data: Map::from_iter([("rooms".to_owned(), rooms)]),
    }
}

impl Publication {
    /// The event, checked and addressed.
    fn by(self, caller: &Principal) -> Result<Event> {
        let spec = publishable(&self.event).ok_or_else(|| {
            Error::field("/event", FieldCode::Enum, "is not an event that can be published")
        })?;
        let mut refused = Vec::new();
        let json = self.payload.get();
        if json.len() > MAX_PAYLOAD {
            refused.push(field("/payload".into(), FieldCode::Length, "is larger than 64 KiB"));
        }
        let own = spec.route(json).unwrap_or_else(|fields| {
            let below = |field: FieldError| FieldError {
                pointer: format!("/payload{}", field.pointer),
                ..field
            };
            refused.extend(fields.into_iter().map(below));
            Vec::new()
        });
        let topics = match &self.rooms {
            Some(rooms) => parsed(rooms, caller, &mut refused),
            None => own,
        };
        if refused.is_empty() && topics.is_empty() {
            let detail = "is required: this event has no routing of its own";
            refused.push(field("/rooms".into(), FieldCode::Required, detail));
        }
        if !refused.is_empty() {
            return Err(Kind::Validation(refused).into());
        }
        let class = match spec.class {
            Class::Durable if !self.durable => Class::Volatile,
            class => class,
        };
        Ok(Event { name: spec.name, class, topics, payload: self.payload })
    }
}

/// The event of this name, if services may send it.
fn publishable(name: &str) -> Option<&'static EventSpec> {
    events::find(name)
        .filter(|spec| spec.namespaces.contains(&"/events") && !ANSWERS.contains(&spec.name))
}

fn parsed(rooms: &[String], caller: &Principal, refused: &mut Vec<FieldError>) -> Vec<Topic> {
    if !(1..=MAX_ROOMS).contains(&rooms.len()) {
        refused.push(field("/rooms".into(), FieldCode::Length, "must have 1 to 100 entries"));
        return Vec::new();
    }
    let mut topics = Vec::with_capacity(rooms.len());
    for (index, room) in rooms.iter().enumerate() {
        match room.parse::<Topic>().ok().filter(|topic| exists(topic, caller)) {
            Some(topic) => topics.push(topic),
            None => refused.push(field(
                format!("/rooms/{index}"),
                FieldCode::Reference,
                "is not a room",
            )),
        }
    }
    topics
}

/// Whether anyone could be in a room of this kind.
fn exists(topic: &Topic, caller: &Principal) -> bool {
    match topic {
        Topic::Named(name) => {
            name.split_once(':').is_some_and(|(family, _)| FAMILIES.contains(&family))
        }
        Topic::Entity(entity, id) => {
            subscription::topic(caller, entity, id.as_deref(), true) != Err(Refused::Unknown)
        }
        _ => true,
    }
}

fn field(pointer: String, code: FieldCode, detail: &str) -> FieldError {
    FieldError { pointer, code, detail: detail.to_owned() }
}

#[cfg(test)]
#[path = "publish_tests.rs"]
mod tests;
