//! Following rows: `subscribe`, `unsubscribe`, and the mirror of every mutation.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::spec::{ClientEvent, EventSpec, ServerEvent};
use super::values::{Done, EntityRef, Fields, entity};
use crate::domain::event::Class;
use crate::domain::shape::Rules;
use crate::domain::time::Timestamp;
use crate::domain::topic::Topic;

pub(super) const SPECS: &[EventSpec] = &[
    EventSpec::server::<EntityUpdate>(),
    EventSpec::server::<Subscribed>(),
    EventSpec::server::<Unsubscribed>(),
    EventSpec::client::<Subscribe>(),
    EventSpec::client::<Unsubscribe>(),
];

/// A row changed; for those who follow it or its kind.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct EntityUpdate {
    pub entity: String,
    pub entity_id: EntityRef,
    pub action: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<Fields>,
    pub timestamp: Timestamp,
}

impl ServerEvent for EntityUpdate {
    const NAME: &'static str = "entity:update";
    const CLASS: Class = Class::Durable;
    const TO: &'static str = "`entity:{entity}` and `entity:{entity}:{id}`";

    fn topics(&self) -> Vec<Topic> {
        let kind = Topic::Entity(self.entity.as_str().into(), None);
        vec![kind, entity(&self.entity, &self.entity_id)]
    }

    fn rules(&self, rules: &mut Rules) {
        rules.length("/entity", &self.entity, 1..=40);
        rules.length("/action", &self.action, 1..=40);
    }
}

/// The subscription stands; sent when `subscribe` came without a callback.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Subscribed {
    pub entity: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entity_id: Option<EntityRef>,
    pub room: String,
}

impl ServerEvent for Subscribed {
    const NAME: &'static str = "subscribed";
    const TO: &'static str = "this socket";
}

/// The subscription ended; sent when `unsubscribe` came without a callback.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Unsubscribed {
    pub entity: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entity_id: Option<EntityRef>,
    pub room: String,
}

impl ServerEvent for Unsubscribed {
    const NAME: &'static str = "unsubscribed";
    const TO: &'static str = "this socket";
}

/// Follows a row, or a whole kind where the role allows it.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Subscribe {
    pub entity: Followable,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entity_id: Option<EntityRef>,
}

/// Kinds of rows that can be followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Followable {
    Exam,
    Price,
    Category,
    Package,
    Location,
    Appointment,
    Result,
    Consultation,
    Patient,
    Doctor,
    Conversation,
    Job,
    Offer,
    Payment,
    Crisis,
    User,
    Posting,
}

/// The room the socket joined.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct JoinedRoom {
    /// Such as `entity:exam`.
    pub room: String,
}

impl ClientEvent for Subscribe {
    const NAME: &'static str = "subscribe";
    type Ack = JoinedRoom;
}

/// Stops following.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Unsubscribe {
    pub entity: Followable,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entity_id: Option<EntityRef>,
}

impl ClientEvent for Unsubscribe {
    const NAME: &'static str = "unsubscribe";
    type Ack = Done;
}
