//! What a room tells its peers.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::super::spec::{SIGNALING, ServerEvent};
use super::super::values::MediaMode;
use super::requests::SfuGrant;
use super::{AnswerSdp, IceCandidate, MediaKind, OfferSdp, Peer, SeatRole};
use crate::domain::id::{ConsultationId, RecordingId, UserId};
use crate::domain::time::Timestamp;

const OTHERS: &str = "the other peers of the room";
const PEER: &str = "the addressed peer";
const ROOM: &str = "every peer of the room";
const CALL: &str = "every peer of the room; at the media server, who is there without a socket, as data of no participant on the topic `latido`: `{\"event\", \"payload\"}`";

macro_rules! notice {
    ($($name:ident = $wire:literal to $to:expr),+ $(,)?) => {$(
        impl ServerEvent for $name {
            const NAME: &'static str = $wire;
            const NAMESPACES: &'static [&'static str] = SIGNALING;
            const TO: &'static str = $to;
        }
    )+};
}

notice! {
    PeerJoined = "peer-joined" to OTHERS,
    PeerLeft = "peer-left" to OTHERS,
    Offered = "offer" to PEER,
    Answered = "answer" to PEER,
    Candidate = "ice-candidate" to PEER,
    Said = "chat" to CALL,
    Muted = "mute" to ROOM,
    MuteRequest = "mute-request" to PEER,
    ScreenShared = "screen-share" to ROOM,
    HandRaised = "hand-raise" to ROOM,
    HandOver = "hand-over" to "each peer of the room, with its own token",
    RecordingChanged = "recording" to CALL,
    RecordingRequest = "recording-request" to "the patient's seats",
    RoomState = "room-state" to "each peer after a reconnect or a restart of the room",
    RoomEnded = "room-ended" to ROOM,
    Kicked = "kicked" to "the removed peer",
}

/// Someone took a seat.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PeerJoined {
    pub room_id: String,
    pub peer: Peer,
    pub timestamp: Timestamp,
}

/// Someone's seat is free.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PeerLeft {
    pub room_id: String,
    pub peer_id: String,
    pub reason: LeaveReason,
    pub timestamp: Timestamp,
}

/// Why a seat is free.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum LeaveReason {
    Left,
    Disconnected,
    Kicked,
    /// The same user joined from another device.
    Moved,
}

/// A peer starts a negotiation.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Offered {
    pub room_id: String,
    pub from: String,
    pub sdp: OfferSdp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub renegotiate: Option<bool>,
}

/// A peer answers an offer.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Answered {
    pub room_id: String,
    pub from: String,
    pub sdp: AnswerSdp,
}

/// A path to a peer; null ends the candidates.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Candidate {
    pub room_id: String,
    pub from: String,
    pub candidate: Option<IceCandidate>,
}

/// Something was said in the call; the sender hears it too.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Said {
    pub room_id: String,
    pub id: i64,
    pub from: String,
    pub user_id: String,
    pub role: SeatRole,
    pub text: String,
    pub client_msg_id: String,
    pub timestamp: Timestamp,
}

/// A peer's media were muted or unmuted.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Muted {
    pub room_id: String,
    pub peer_id: String,
    pub kind: MediaKind,
    pub muted: bool,
    /// The peer that did it; the account, as text, of who did it without a seat in the room.
    pub by: String,
}

/// The doctor asks the peer to mute itself.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MuteRequest {
    pub room_id: String,
    pub kind: MediaKind,
    /// The peer that asks; the account, as text, of who asks without a seat in the room.
    pub by: String,
}

/// A screen is shared, or no longer.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ScreenShared {
    pub room_id: String,
    pub peer_id: String,
    pub active: bool,
}

/// A hand is up, or down again.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct HandRaised {
    pub room_id: String,
    pub peer_id: String,
    pub raised: bool,
}

/// The call moves; keep the present media until the new ones stand or the deadline passed.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct HandOver {
    pub room_id: String,
    pub mode: MediaMode,
    pub reason: HandOverReason,
    /// 15 000
    pub deadline_ms: u64,
    /// Present when the call moves to the media server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sfu: Option<SfuGrant>,
    /// The consultation's version by the move: of two the room follows the later. Peers are told without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(ignore)]
    pub version: Option<i64>,
}

/// Why a call moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum HandOverReason {
    Requested,
    RoomSize,
    Quality,
    Fallback,
}

impl HandOverReason {
    /// As it stands on the wire and in metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Requested => "requested",
            Self::RoomSize => "room_size",
            Self::Quality => "quality",
            Self::Fallback => "fallback",
        }
    }
}

/// The recording moved on.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RecordingChanged {
    pub room_id: String,
    pub recording_id: i64,
    pub status: String,
    /// Who steered it: the account, as text; `system` when the hub did.
    pub by: String,
    pub mock: bool,
    pub timestamp: Timestamp,
}

/// The patient is asked to agree to a recording; answer with `recording-consent` within 60 s.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RecordingRequest {
    pub room_id: String,
    pub recording_id: i64,
    /// Who asks: the account, as text; `system` when the hub does.
    pub by: String,
}

impl RecordingRequest {
    pub fn new(consultation: &ConsultationId, recording: RecordingId, by: Option<UserId>) -> Self {
        Self { room_id: consultation.to_string(), recording_id: recording.0, by: steerer(by) }
    }
}

/// Who steered a recording, as rooms are told.
pub fn steerer(by: Option<UserId>) -> String {
    by.map_or_else(|| "system".to_owned(), |user| user.to_string())
}

/// The room as it stands.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RoomState {
    pub room_id: String,
    pub mode: MediaMode,
    pub participants: Vec<Peer>,
    /// True while a recording runs.
    pub recording: bool,
    pub timestamp: Timestamp,
}

/// The room is closed.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RoomEnded {
    pub room_id: String,
    pub reason: EndReason,
    pub timestamp: Timestamp,
}

/// Why a room is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum EndReason {
    Ended,
    Cancelled,
    Idle,
    Admin,
}

/// The peer was removed from the room.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Kicked {
    pub room_id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}
