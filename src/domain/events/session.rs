//! The connection itself: admission, heartbeat, session sync, tokens, replay.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::spec::{ClientEvent, EVERYWHERE, EventSpec, ServerEvent};
use super::values::{AckError, Fields};
use crate::domain::id::{SessionId, UserId};
use crate::domain::identity::session_sync::SharedState;
use crate::domain::identity::{Portal, Revocation};
use crate::domain::shape::Rules;
use crate::domain::time::Timestamp;
use crate::domain::topic::Topic;

pub(super) const SPECS: &[EventSpec] = &[
    EventSpec::server::<Connected>(),
    EventSpec::server::<Pong>(),
    EventSpec::server::<SessionUpdate>(),
    EventSpec::server::<SessionRevoked>(),
    EventSpec::server::<AuthExpiring>(),
    EventSpec::server::<ServerDraining>(),
    EventSpec::server::<Refusal>(),
    EventSpec::bare::<Ping>(),
    EventSpec::client::<Sync>(),
    EventSpec::client::<Seen>(),
    EventSpec::client::<AuthRefresh>(),
    EventSpec::client::<SessionPatch>(),
];

/// The first event after admission.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Connected {
    pub message: String,
    pub user_id: UserId,
    /// The label of the primary role; `Observador` for who looks on by a room token.
    pub role: String,
    /// Absent for participant tokens and the development bypass.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_id: Option<SessionId>,
    pub node_id: String,
    pub rooms: Vec<String>,
    pub server_time: Timestamp,
    /// The newest durable event at admission, for a later `sync`.
    pub last_event_id: String,
    /// How many missed events follow.
    pub replayed: u64,
    /// True when what was missed could not be replayed; the client loads anew or asks by `sync`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gap: Option<bool>,
    pub timestamp: Timestamp,
}

impl ServerEvent for Connected {
    const NAME: &'static str = "connected";
    const NAMESPACES: &'static [&'static str] = EVERYWHERE;
    const TO: &'static str = "this socket";
}

/// The answer to `ping`.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Pong {
    pub timestamp: Timestamp,
    pub user_id: UserId,
}

impl ServerEvent for Pong {
    const NAME: &'static str = "pong";
    const NAMESPACES: &'static [&'static str] = EVERYWHERE;
    const TO: &'static str = "this socket";
}

/// The shared state of a session changed, or an app joined it.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SessionUpdate {
    pub session_id: SessionId,
    pub apps: Vec<Portal>,
    pub data: Fields,
    pub revision: i64,
    /// The app that caused it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub app: Option<Portal>,
    pub timestamp: Timestamp,
}

impl ServerEvent for SessionUpdate {
    const NAME: &'static str = "session:update";
    const TO: &'static str = "`session:{sid}`, and `user:{id}` for the list of apps";

    fn topics(&self) -> Vec<Topic> {
        vec![Topic::Session(self.session_id.clone())]
    }
}

/// The session ended; its sockets close within a second.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SessionRevoked {
    pub session_id: SessionId,
    pub reason: Revocation,
    pub timestamp: Timestamp,
}

impl ServerEvent for SessionRevoked {
    const NAME: &'static str = "session:revoked";
    const NAMESPACES: &'static [&'static str] = EVERYWHERE;
    const TO: &'static str = "`session:{sid}`";

    fn topics(&self) -> Vec<Topic> {
        vec![Topic::Session(self.session_id.clone())]
    }
}

/// The token ends soon; answer with `auth:refresh`.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AuthExpiring {
    pub expires_at: Timestamp,
    pub in_seconds: i64,
    pub timestamp: Timestamp,
}

impl ServerEvent for AuthExpiring {
    const NAME: &'static str = "auth:expiring";
    const NAMESPACES: &'static [&'static str] = EVERYWHERE;
    const TO: &'static str = "this socket";
}

/// The node shuts down; reconnect after the given delay.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ServerDraining {
    pub reconnect_after_ms: u64,
    pub timestamp: Timestamp,
}

impl ServerEvent for ServerDraining {
    const NAME: &'static str = "server:draining";
    const NAMESPACES: &'static [&'static str] = EVERYWHERE;
    const TO: &'static str = "all of a node";

    fn topics(&self) -> Vec<Topic> {
        vec![Topic::All]
    }
}

/// A client event without a callback was refused, or `auth:refresh` did not come in time: then the
/// message is `token_expired` and the connection ends.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Refusal {
    pub event: String,
    pub error: AckError,
    pub timestamp: Timestamp,
}

impl ServerEvent for Refusal {
    const NAME: &'static str = "error";
    const NAMESPACES: &'static [&'static str] = EVERYWHERE;
    const TO: &'static str = "this socket";
}

/// Asks for a `pong`; takes no payload.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
pub struct Ping {}

impl ClientEvent for Ping {
    const NAME: &'static str = "ping";
    const NAMESPACES: &'static [&'static str] = EVERYWHERE;
    type Ack = Pong;
}

/// Asks for durable events after `since`.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Sync {
    /// The last event id the client has.
    pub since: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 500)]
    pub limit: Option<u32>,
}

/// Events the caller may see now, oldest first.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Synced {
    pub events: Vec<ReplayedEvent>,
    pub last_event_id: String,
    pub more: bool,
}

/// One durable event of the past.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReplayedEvent {
    pub event_id: String,
    pub event: String,
    pub payload: Fields,
}

impl ClientEvent for Sync {
    const NAME: &'static str = "sync";
    type Ack = Synced;

    fn rules(&self, rules: &mut Rules) {
        rules.range_if("/limit", self.limit, 1..=500);
    }
}

/// Marks durable events as seen by the user.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Seen {
    #[schema(max_items = 100)]
    pub event_ids: Vec<String>,
}

/// How many of the events were newly marked.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, ToSchema)]
pub struct SeenCount {
    pub seen: usize,
}

impl ClientEvent for Seen {
    const NAME: &'static str = "seen";
    type Ack = SeenCount;

    fn rules(&self, rules: &mut Rules) {
        rules.count("/eventIds", self.event_ids.len(), 0..=100);
    }
}

/// Hands in a newer access token, or a refresh token to exchange for one; whoever a room token let in, a
/// newer one for the same seat.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AuthRefresh {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refresh_token: Option<String>,
}

/// The proof the socket now stands on.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AuthRefreshed {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access_token: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refresh_token: Option<String>,
    pub expires_at: Timestamp,
}

impl ClientEvent for AuthRefresh {
    const NAME: &'static str = "auth:refresh";
    const NAMESPACES: &'static [&'static str] = EVERYWHERE;
    type Ack = AuthRefreshed;

    fn rules(&self, rules: &mut Rules) {
        if self.token.is_some() == self.refresh_token.is_some() {
            let detail = "exactly one of token and refreshToken is needed";
            rules.refuse("", crate::error::FieldCode::Rule, detail);
        }
    }
}

/// Merges into the shared state of the session; a null deletes its key.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct SessionPatch {
    pub data: Fields,
    /// The revision the client last saw.
    pub revision: i64,
}

impl ClientEvent for SessionPatch {
    const NAME: &'static str = "session:patch";
    type Ack = SharedState;
}
