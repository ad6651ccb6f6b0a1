//! What the hub tells others about itself.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::id::{EventId, SocketId, UserId};
use crate::domain::time::Timestamp;

/// How many `/events` sockets are connected, in all and by primary role label.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Census {
    pub total: usize,
    pub by_role: BTreeMap<&'static str, usize>,
}

/// One live socket as an administrator sees it.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SocketInfo {
    pub socket_id: SocketId,
    pub user_id: UserId,
    pub role: &'static str,
    pub namespace: &'static str,
    /// `websocket`, `polling` or `plain`
    pub transport: &'static str,
    pub connected_at: Timestamp,
    pub rooms: Vec<String>,
    pub node_id: String,
    /// Messages waiting in the outbound queue.
    pub queue: usize,
    pub sent: u64,
    pub received: u64,
}

/// What became of a durable event appended to the outbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dispatched {
    pub event: EventId,
    /// Sockets of this node it was handed to.
    pub delivered: usize,
}
