//! Messages from the house to everyone, to a role, or to some users.

use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use garde::Validate;
use serde::{Deserialize, Serialize};
use serde_json::{Map, json};
use utoipa::ToSchema;

use crate::domain::events::ServerEvent as _;
use crate::domain::events::accounts::{Severity, SystemMessage};
use crate::domain::id::UserId;
use crate::domain::identity::Role;
use crate::domain::time::Timestamp;
use crate::domain::topic::Topic;
use crate::error::Result;
use crate::http::App;
use crate::http::caller::AdminOrService;
use crate::http::context::Context;
use crate::http::json::Json;
use crate::persistence::deed::Deed;
use crate::persistence::outbox;

/// How long an answer waits for the relay.
pub(super) const DISPATCH_PATIENCE: Duration = Duration::from_millis(500);

/// A message to send. Without `targetRole` and `userIds` it is for everyone.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct NewMessage {
    #[garde(skip)]
    #[serde(rename = "type")]
    kind: Severity,
    #[garde(length(chars, min = 1, max = 1000))]
    #[schema(min_length = 1, max_length = 1000)]
    message: String,
    /// Any name of the role.
    #[garde(skip)]
    #[schema(value_type = Option<String>)]
    target_role: Option<Role>,
    #[garde(length(min = 1, max = 1000))]
    #[schema(min_items = 1, max_items = 1000)]
    user_ids: Option<Vec<UserId>>,
}

/// How far the message went.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Sent {
    /// Sockets it was handed to; 0 while its dispatch is pending after 500 ms.
    sent: usize,
}

impl NewMessage {
    fn topics(&self) -> Vec<Topic> {
        let users = self.user_ids.iter().flatten().copied().map(Topic::User);
        let topics: Vec<_> = self.target_role.map(Topic::Role).into_iter().chain(users).collect();
        if topics.is_empty() { vec![Topic::All] } else { topics }
    }
}

/// Sends a `system:message`.
#[utoipa::path(post, path = "/api/admin/messages", tag = "Administration",
    operation_id = "sendMessage",
    request_body(content = NewMessage, example = json!({"type": "warning",
        "message": "Mantenimiento a las 22:00", "targetRole": "Medico"})),
    responses((status = 202, description = "Stored and on its way", body = Sent,
        example = json!({"sent": 45}))))]
pub(super) async fn send(
    State(app): State<App>,
    AdminOrService(caller): AdminOrService,
    context: Context,
    Json(new): Json<NewMessage>,
) -> Result<(StatusCode, Json<Sent>)> {
    let topics = new.topics();
    let mut data = Map::from_iter([("type".to_owned(), json!(new.kind))]);
    data.insert("rooms".to_owned(), topics.iter().take(100).map(ToString::to_string).collect());
    let message = SystemMessage {
        kind: new.kind,
        message: new.message,
        target_role: new.target_role.map(|role| role.label().to_owned()),
        timestamp: Timestamp::now(),
    };

    let mut tx = app.store.begin().await?;
    let row = outbox::append(&mut tx, &message.event_to(topics), Some(&app.settings.node)).await?;
    let deed = Deed { action: "sent", entity_type: "message", entity_id: row.into(), data };
    deed.record(&mut tx, &app.settings.node, &caller, &context.provenance()).await?;
    tx.commit().await?;

    app.hub.outbox_ready();
    let dispatched = app.hub.dispatched(row, DISPATCH_PATIENCE).await;
    let sent = dispatched.map_or(0, |dispatched| dispatched.delivered);
    Ok((StatusCode::ACCEPTED, Json(Sent { sent })))
}

#[cfg(test)]
mod tests {
    use axum::body::Bytes;

    use super::*;
    use crate::error::Kind;
    use crate::http::json::parse;

    fn rooms(json: &str) -> Vec<String> {
        let new: NewMessage = serde_json::from_str(json).unwrap();
        new.topics().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_message_goes_to_everyone_unless_it_names_someone() {
        assert_eq!(rooms(r#"{"type":"info","message":"x"}"#), ["all"]);
        assert_eq!(
            rooms(r#"{"type":"info","message":"x","targetRole":"médico","userIds":[7,8]}"#),
            ["role:Medico", "user:7", "user:8"]
        );
    }

    #[test]
    fn a_list_of_nobody_is_refused_by_its_name_on_the_wire() {
        let body = Bytes::from_static(br#"{"type":"info","message":"x","userIds":[]}"#);

        let refused = parse::<NewMessage>(&body).unwrap_err();

        let Kind::Validation(fields) = refused.kind() else { panic!("{refused:?}") };
        assert_eq!(fields[0].pointer, "/userIds");
    }
}
