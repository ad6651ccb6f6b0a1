//! Conversations outside a call.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::spec::{ClientEvent, EventSpec, ServerEvent};
use super::values::{Done, room};
use crate::domain::event::Class;
use crate::domain::id::UserId;
use crate::domain::shape::Rules;
use crate::domain::time::Timestamp;
use crate::domain::topic::Topic;

pub(super) const SPECS: &[EventSpec] = &[
    EventSpec::server::<MessageCreated>(),
    EventSpec::server::<MessageUpdated>(),
    EventSpec::server::<MessageDeleted>(),
    EventSpec::server::<ChatRead>(),
    EventSpec::server::<ChatTyping>(),
    EventSpec::client::<ChatJoin>(),
    EventSpec::client::<ChatLeave>(),
    EventSpec::client::<ChatSend>(),
    EventSpec::client::<MarkRead>(),
    EventSpec::client::<MarkTyping>(),
];

/// A chat message in the case of realtime payloads. A deleted one keeps its place without text.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MessageCamel {
    pub id: i64,
    pub conversation_id: i64,
    pub sender_id: UserId,
    pub client_msg_id: Option<String>,
    pub kind: MessageKind,
    pub text: Option<String>,
    pub file_id: Option<String>,
    pub offer_id: Option<i64>,
    pub reply_to: Option<i64>,
    pub created_at: Timestamp,
    pub edited_at: Option<Timestamp>,
    pub deleted_at: Option<Timestamp>,
}

/// What a message carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum MessageKind {
    Text,
    File,
    Offer,
    System,
}

/// A message of a conversation.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MessageEvent {
    pub conversation_id: i64,
    pub message: MessageCamel,
    pub timestamp: Timestamp,
}

macro_rules! message_event {
    ($($(#[$doc:meta])* $name:ident = $wire:literal),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
        #[serde(transparent)]
        pub struct $name(pub MessageEvent);

        impl ServerEvent for $name {
            const NAME: &'static str = $wire;
            const CLASS: Class = Class::Durable;
            const TO: &'static str = "members of `conversation:{id}`, through their `user:` too";

            fn topics(&self) -> Vec<Topic> {
                vec![room("conversation", &self.0.conversation_id)]
            }
        }
    )+};
}

message_event! {
    /// A message was sent; emitted after commit, ids rise within a conversation.
    MessageCreated = "chat:message",
    /// A message was edited by its author.
    MessageUpdated = "chat:updated",
    /// A message was deleted; its text is gone.
    MessageDeleted = "chat:deleted",
}

/// A member read up to a message.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ChatRead {
    pub conversation_id: i64,
    pub user_id: UserId,
    pub up_to_message_id: i64,
    pub timestamp: Timestamp,
}

impl ServerEvent for ChatRead {
    const NAME: &'static str = "chat:read";
    const TO: &'static str = "`conversation:{id}` members";

    fn topics(&self) -> Vec<Topic> {
        vec![room("conversation", &self.conversation_id)]
    }
}

/// A member types, or stopped; a mark without renewal ends after 6 s.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ChatTyping {
    pub conversation_id: i64,
    pub user_id: UserId,
    pub typing: bool,
    pub timestamp: Timestamp,
}

impl ServerEvent for ChatTyping {
    const NAME: &'static str = "chat:typing";
    const CLASS: Class = Class::Latest;
    const TO: &'static str = "`conversation:{id}` members, minus the sender";

    fn topics(&self) -> Vec<Topic> {
        vec![room("conversation", &self.conversation_id)]
    }
}

/// Enters a conversation for typing and read marks; members get messages without it.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ChatJoin {
    pub conversation_id: i64,
}

impl ClientEvent for ChatJoin {
    const NAME: &'static str = "chat:join";
    type Ack = Done;
}

/// Leaves a conversation's room.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ChatLeave {
    pub conversation_id: i64,
}

impl ClientEvent for ChatLeave {
    const NAME: &'static str = "chat:leave";
    type Ack = Done;
}

/// Sends a message; the same `clientMsgId` again is harmless.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ChatSend {
    pub conversation_id: i64,
    #[schema(min_length = 1, max_length = 64)]
    pub client_msg_id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(min_length = 1, max_length = 4000)]
    pub text: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply_to: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<MessageKind>,
}

/// The stored message.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ChatSent {
    pub message: MessageCamel,
}

impl ClientEvent for ChatSend {
    const NAME: &'static str = "chat:send";
    type Ack = ChatSent;

    fn rules(&self, rules: &mut Rules) {
        rules.length("/clientMsgId", &self.client_msg_id, 1..=64);
        rules.length_if("/text", self.text.as_deref(), 1..=4000);
    }
}

/// Marks a conversation read up to a message.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MarkRead {
    pub conversation_id: i64,
    pub up_to_message_id: i64,
}

impl ClientEvent for MarkRead {
    const NAME: &'static str = "chat:read";
    type Ack = Done;
}

/// Says whether the user types.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MarkTyping {
    pub conversation_id: i64,
    pub typing: bool,
}

impl ClientEvent for MarkTyping {
    const NAME: &'static str = "chat:typing";
    type Ack = Done;
}
