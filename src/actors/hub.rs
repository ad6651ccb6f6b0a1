//! The handle everyone else holds: verbs, never messages.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::event::Event;
use crate::domain::id::{EventId, SessionId, SocketId, UserId};
use crate::domain::time::Timestamp;

/// The hub of this node.
#[derive(Debug, Clone)]
pub struct Hub;

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

/// Why a session ended, as `session:revoked` says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Revocation {
    Logout,
    LogoutAll,
    Admin,
    PasswordChange,
    RefreshReuse,
    Expired,
    Deactivated,
}

impl Hub {
    /// Tells the relay that a committed transaction left rows in the outbox.
    pub fn outbox_ready(&self) {}

    /// Waits until the relay dispatched the outbox row, at most `within`.
    pub async fn dispatched(&self, _outbox_row: i64, _within: Duration) -> Option<Dispatched> {
        None
    }

    /// Sends an event that is not stored. Returns how many sockets of this node it was handed to.
    pub async fn publish(&self, _event: Event) -> usize {
        0
    }

    pub fn census(&self) -> Census {
        Census::default()
    }

    /// Live sockets of every namespace, at most `limit`.
    pub fn sockets(&self, _limit: usize) -> Vec<SocketInfo> {
        Vec::new()
    }

    /// Open connections of all kinds.
    pub fn connections(&self) -> usize {
        0
    }

    /// Closes one socket. False when it is not on this node.
    pub fn disconnect(&self, _socket: &SocketId, _reason: &str) -> bool {
        false
    }

    /// Tells the session's sockets why, then closes them.
    pub fn revoke(&self, _session: &SessionId, _reason: Revocation) {}

    /// True from the start of shutdown.
    pub fn is_draining(&self) -> bool {
        false
    }
}
