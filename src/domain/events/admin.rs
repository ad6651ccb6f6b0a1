//! What administrators watch.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::spec::{ClientEvent, EventSpec, ServerEvent};
use super::values::{Done, EntityRef, Fields, admins};
use crate::domain::event::Class;
use crate::domain::id::UserId;
use crate::domain::shape::Rules;
use crate::domain::time::Timestamp;
use crate::domain::topic::Topic;

pub(super) const SPECS: &[EventSpec] = &[
    EventSpec::server::<AdminEvent>(),
    EventSpec::server::<AdminStats>(),
    EventSpec::server::<CacheInvalidate>(),
    EventSpec::client::<AdminLive>(),
];

/// An administrator or a service changed something, or a doctor's status changed, whoever decided it.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AdminEvent {
    /// `entityType.action`
    pub event_type: String,
    pub entity_type: String,
    pub entity_id: EntityRef,
    pub action: String,
    /// The actor; 0 for a service.
    pub user_id: UserId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<Fields>,
    pub timestamp: Timestamp,
}

impl AdminEvent {
    pub fn new(
        entity_type: &str,
        entity_id: impl Into<EntityRef>,
        action: &str,
        actor: UserId,
        timestamp: Timestamp,
    ) -> Self {
        Self {
            event_type: format!("{entity_type}.{action}"),
            entity_type: entity_type.to_owned(),
            entity_id: entity_id.into(),
            action: action.to_owned(),
            user_id: actor,
            data: None,
            timestamp,
        }
    }
}

impl ServerEvent for AdminEvent {
    const NAME: &'static str = "admin:event";
    const CLASS: Class = Class::Durable;
    const TO: &'static str = "`role:Administrador`";

    fn topics(&self) -> Vec<Topic> {
        vec![admins()]
    }

    fn rules(&self, rules: &mut Rules) {
        rules.length("/entityType", &self.entity_type, 1..=40);
        rules.length("/action", &self.action, 1..=40);
        rules.length("/eventType", &self.event_type, 1..=81);
    }
}

/// The hub in numbers, every 2 s.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AdminStats {
    /// Sockets of `/events`.
    pub total: u64,
    pub by_role: BTreeMap<String, u64>,
    pub by_namespace: BTreeMap<String, u64>,
    /// Rooms with somebody in a call, here or at the media server.
    pub active_rooms: u64,
    /// Those in a call, here or at the media server.
    pub peers: u64,
    /// As the database says, on whichever node they are held.
    pub consultations_live: u64,
    /// As the database says, those without a film included.
    pub recordings: u64,
    pub events_per_sec: f64,
    pub messages_in_per_sec: f64,
    pub p95_fanout_ms: f64,
    pub queue_dropped: u64,
    pub outbox_pending: u64,
    /// Nodes of the cluster that answer.
    pub nodes: u64,
    /// Whole seconds.
    pub uptime: u64,
    pub timestamp: Timestamp,
}

impl ServerEvent for AdminStats {
    const NAME: &'static str = "admin:stats";
    const CLASS: Class = Class::Latest;
    const TO: &'static str = "`admin:live`";

    fn topics(&self) -> Vec<Topic> {
        vec![Topic::AdminLive]
    }
}

/// Copies under these keys are stale; a trailing `*` is a prefix.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct CacheInvalidate {
    pub keys: Vec<String>,
    pub timestamp: Timestamp,
}

impl ServerEvent for CacheInvalidate {
    const NAME: &'static str = "cache:invalidate";
    const TO: &'static str = "all";

    fn topics(&self) -> Vec<Topic> {
        vec![Topic::All]
    }
}

/// Turns the live figures on or off for this socket; administrators only.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct AdminLive {
    pub on: bool,
}

impl ClientEvent for AdminLive {
    const NAME: &'static str = "admin:live";
    type Ack = Done;
}
