//! The call: entering a room, exchanging descriptions and candidates, steering it.
//!
//! [`requests`] are what a peer asks, [`notices`] what the room tells. A name may be both:
//! a peer's `offer` says `to` whom, the room's `offer` says `from` whom.

pub mod notices;
pub mod requests;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::spec::EventSpec;
use crate::domain::time::Timestamp;

pub(super) const SPECS: &[EventSpec] = &[
    EventSpec::client::<requests::Join>(),
    EventSpec::client::<requests::Leave>(),
    EventSpec::client::<requests::SendOffer>(),
    EventSpec::client::<requests::SendAnswer>(),
    EventSpec::client::<requests::SendCandidate>(),
    EventSpec::client::<requests::SendChat>(),
    EventSpec::client::<requests::SetMute>(),
    EventSpec::client::<requests::ShareScreen>(),
    EventSpec::client::<requests::RequestHandOver>(),
    EventSpec::client::<requests::Kick>(),
    EventSpec::client::<requests::End>(),
    EventSpec::client::<requests::ControlRecording>(),
    EventSpec::client::<requests::RecordingConsent>(),
    EventSpec::client::<requests::RaiseHand>(),
    EventSpec::client::<requests::ReportStats>(),
    EventSpec::server::<notices::PeerJoined>(),
    EventSpec::server::<notices::PeerLeft>(),
    EventSpec::server::<notices::Offered>(),
    EventSpec::server::<notices::Answered>(),
    EventSpec::server::<notices::Candidate>(),
    EventSpec::server::<notices::Said>(),
    EventSpec::server::<notices::Muted>(),
    EventSpec::server::<notices::MuteRequest>(),
    EventSpec::server::<notices::ScreenShared>(),
    EventSpec::server::<notices::HandRaised>(),
    EventSpec::server::<notices::HandOver>(),
    EventSpec::server::<notices::RecordingChanged>(),
    EventSpec::server::<notices::RecordingRequest>(),
    EventSpec::server::<notices::RoomState>(),
    EventSpec::server::<notices::RoomEnded>(),
    EventSpec::server::<notices::Kicked>(),
];

/// A seat in a room, as the others see it.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::struct_excessive_bools, reason = "the contract's flags of a peer")]
pub struct Peer {
    pub peer_id: String,
    pub user_id: String,
    pub role: SeatRole,
    pub display_name: String,
    pub audio: bool,
    pub video: bool,
    pub screen: bool,
    pub hand_raised: bool,
    /// The later peer rolls back when two offers cross.
    pub polite: bool,
    pub joined_at: Timestamp,
}

/// What someone is in a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, sqlx::Type, ToSchema)]
#[serde(rename_all = "lowercase")]
#[sqlx(type_name = "text", rename_all = "lowercase")]
pub enum SeatRole {
    Doctor,
    Patient,
    Observer,
}

impl SeatRole {
    /// Whether it opens the lobby's door.
    pub fn admits(self) -> bool {
        self == Self::Doctor
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::Doctor => "doctor",
            Self::Patient => "patient",
            Self::Observer => "observer",
        }
    }
}

/// Which media a mute speaks of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum MediaKind {
    Audio,
    Video,
    Screen,
}

/// A session description that starts a negotiation; relayed untouched, never stored or logged.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct OfferSdp {
    #[serde(rename = "type")]
    pub kind: OfferType,
    /// At most 64 KiB.
    pub sdp: String,
}

/// The `type` of an offer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum OfferType {
    Offer,
}

/// A session description that answers; relayed untouched, never stored or logged.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct AnswerSdp {
    #[serde(rename = "type")]
    pub kind: AnswerType,
    /// At most 64 KiB.
    pub sdp: String,
}

/// The `type` of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum AnswerType {
    Answer,
}

/// One path to a peer; relayed untouched, never stored or logged.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct IceCandidate {
    /// At most 2 KiB.
    pub candidate: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sdp_mid: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sdp_m_line_index: Option<u16>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username_fragment: Option<String>,
}

/// A STUN or TURN server, as `RTCPeerConnection` takes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"urls": ["turn:turn.example:3478"], "username": "1700003600:EErudHWqShJGdMIu",
    "credential": "l4xhX5VKV7jyreiIt1W11GXfmpo="}))]
pub struct IceServer {
    pub urls: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credential: Option<String>,
}

/// One measurement of a peer's media.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct QualitySample {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0)]
    pub latency_ms: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0, maximum = 100)]
    pub packet_loss_pct: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0)]
    pub bitrate_kbps: Option<f64>,
    /// `1280x720`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resolution: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0, maximum = 240)]
    pub frame_rate: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0)]
    pub jitter_ms: Option<f64>,
}
