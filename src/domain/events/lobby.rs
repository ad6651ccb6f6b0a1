//! The waiting room in front of a call.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::signaling::SeatRole;
use super::signaling::requests::Joined;
use super::spec::{ClientEvent, EventSpec, SIGNALING, ServerEvent};
use super::values::Done;
use crate::domain::time::Timestamp;

pub(super) const SPECS: &[EventSpec] = &[
    EventSpec::server::<Lobby>(),
    EventSpec::server::<Admitted>(),
    EventSpec::server::<Denied>(),
    EventSpec::client::<Admit>(),
    EventSpec::client::<Deny>(),
    EventSpec::client::<ReturnToLobby>(),
    EventSpec::client::<Checks>(),
];

/// Who waits; sent to the doctor on every change.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Lobby {
    pub room_id: String,
    pub waiting: Vec<Guest>,
}

/// Someone who waits.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Guest {
    pub peer_id: String,
    pub user_id: String,
    pub display_name: String,
    pub role: SeatRole,
    pub since: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checks: Option<DeviceChecks>,
}

/// What the guest's device can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DeviceChecks {
    #[serde(default)]
    pub camera: bool,
    #[serde(default)]
    pub microphone: bool,
    #[serde(default)]
    pub network: bool,
}

impl ServerEvent for Lobby {
    const NAME: &'static str = "lobby";
    const NAMESPACES: &'static [&'static str] = SIGNALING;
    const TO: &'static str = "the doctor's seats";
}

/// The door is open: what `join` would have answered.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(transparent)]
pub struct Admitted(pub Joined);

impl ServerEvent for Admitted {
    const NAME: &'static str = "admitted";
    const NAMESPACES: &'static [&'static str] = SIGNALING;
    const TO: &'static str = "the admitted peer";
}

/// The door stays closed.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Denied {
    pub room_id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl ServerEvent for Denied {
    const NAME: &'static str = "denied";
    const NAMESPACES: &'static [&'static str] = SIGNALING;
    const TO: &'static str = "the refused peer";
}

macro_rules! door_request {
    ($($(#[$doc:meta])* $name:ident = $wire:literal),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
        #[serde(rename_all = "camelCase")]
        pub struct $name {
            pub room_id: String,
            pub peer_id: String,
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub reason: Option<String>,
        }

        impl ClientEvent for $name {
            const NAME: &'static str = $wire;
            const NAMESPACES: &'static [&'static str] = SIGNALING;
            type Ack = Done;
        }
    )+};
}

door_request! {
    /// Lets a waiting peer in; doctors only.
    Admit = "admit",
    /// Turns a waiting peer away; doctors only.
    Deny = "deny",
    /// Sends a peer back to the lobby and takes its media grant; doctors only.
    ReturnToLobby = "return-to-lobby",
}

/// Says what the device can do, while waiting.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Checks {
    pub room_id: String,
    #[serde(flatten)]
    pub checks: DeviceChecks,
}

impl ClientEvent for Checks {
    const NAME: &'static str = "checks";
    const NAMESPACES: &'static [&'static str] = SIGNALING;
    type Ack = Done;
}
