//! What a peer asks of a room.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::super::spec::{ClientEvent, SIGNALING};
use super::super::values::{Done, MediaMode};
use super::{
    AnswerSdp, IceCandidate, IceServer, MediaKind, OfferSdp, Peer, QualitySample, SeatRole,
};
use crate::domain::shape::Rules;
use crate::domain::time::Timestamp;
use crate::error::FieldCode;

/// A consultation id, or the room name `consultation-` + id.
const ROOM_CHARS: std::ops::RangeInclusive<usize> = 1..=128;
const SDP_BYTES: usize = 64 * 1024;
const CANDIDATE_BYTES: usize = 2 * 1024;

/// Enters a room.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Join {
    #[schema(min_length = 1, max_length = 128)]
    pub room_id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 80)]
    pub display_name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media: Option<JoinMedia>,
}

/// The media a peer starts with.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize, ToSchema)]
pub struct JoinMedia {
    #[serde(default)]
    pub audio: bool,
    #[serde(default)]
    pub video: bool,
}

/// A seat in the room, or a place in its lobby.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
pub enum JoinAnswer {
    Joined(Box<Joined>),
    Waiting(InLobby),
}

/// The seat, who is already there, and how to reach them.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Joined {
    pub room_id: String,
    pub room_name: String,
    pub peer_id: String,
    pub role: SeatRole,
    pub mode: MediaMode,
    pub polite: bool,
    pub participants: Vec<Peer>,
    pub ice_servers: Vec<IceServer>,
    /// Present in `sfu` mode.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sfu: Option<SfuGrant>,
}

/// Entry to the media server.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SfuGrant {
    pub livekit_url: String,
    pub livekit_ws_url: String,
    /// Present in a hand-over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub room_name: Option<String>,
    pub token: String,
}

/// The doctor has not admitted the caller yet; no media grant, no peers.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct InLobby {
    pub room_id: String,
    pub room_name: String,
    pub peer_id: String,
    pub role: SeatRole,
    pub status: LobbyStatus,
}

/// The only state of the lobby.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum LobbyStatus {
    Waiting,
}

impl ClientEvent for Join {
    const NAME: &'static str = "join";
    const ALIASES: &'static [&'static str] = &["join-room"];
    const NAMESPACES: &'static [&'static str] = SIGNALING;
    type Ack = JoinAnswer;

    fn rules(&self, rules: &mut Rules) {
        rules.length("/roomId", &self.room_id, ROOM_CHARS);
        rules.length_if("/displayName", self.display_name.as_deref(), 0..=80);
    }
}

/// Leaves a room.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Leave {
    pub room_id: String,
}

impl ClientEvent for Leave {
    const NAME: &'static str = "leave";
    const ALIASES: &'static [&'static str] = &["leave-room"];
    const NAMESPACES: &'static [&'static str] = SIGNALING;
    type Ack = Done;
}

/// Starts a negotiation with one peer.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SendOffer {
    pub room_id: String,
    pub to: String,
    pub sdp: OfferSdp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub renegotiate: Option<bool>,
}

impl ClientEvent for SendOffer {
    const NAME: &'static str = "offer";
    const NAMESPACES: &'static [&'static str] = SIGNALING;
    type Ack = Done;

    fn rules(&self, rules: &mut Rules) {
        at_most(rules, "/sdp/sdp", &self.sdp.sdp, SDP_BYTES);
    }
}

/// Answers a peer's offer.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SendAnswer {
    pub room_id: String,
    pub to: String,
    pub sdp: AnswerSdp,
}

impl ClientEvent for SendAnswer {
    const NAME: &'static str = "answer";
    const NAMESPACES: &'static [&'static str] = SIGNALING;
    type Ack = Done;

    fn rules(&self, rules: &mut Rules) {
        at_most(rules, "/sdp/sdp", &self.sdp.sdp, SDP_BYTES);
    }
}

/// Offers one path to a peer; null ends the candidates.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SendCandidate {
    pub room_id: String,
    pub to: String,
    pub candidate: Option<IceCandidate>,
}

impl ClientEvent for SendCandidate {
    const NAME: &'static str = "ice-candidate";
    const NAMESPACES: &'static [&'static str] = SIGNALING;
    type Ack = Done;

    fn rules(&self, rules: &mut Rules) {
        if let Some(candidate) = &self.candidate {
            at_most(rules, "/candidate/candidate", &candidate.candidate, CANDIDATE_BYTES);
        }
    }
}

/// Says something in the call; stored, deduplicated by `clientMsgId`.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SendChat {
    pub room_id: String,
    #[schema(min_length = 1, max_length = 4000)]
    pub text: String,
    #[schema(min_length = 1, max_length = 64)]
    pub client_msg_id: String,
}

/// The stored message.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ChatStored {
    pub id: i64,
    pub timestamp: Timestamp,
}

impl ClientEvent for SendChat {
    const NAME: &'static str = "chat";
    const ALIASES: &'static [&'static str] = &["chat-message"];
    const NAMESPACES: &'static [&'static str] = SIGNALING;
    type Ack = ChatStored;

    fn rules(&self, rules: &mut Rules) {
        rules.length("/text", &self.text, 1..=4000);
        rules.length("/clientMsgId", &self.client_msg_id, 1..=64);
    }
}

/// Mutes oneself, or asks it of another (doctor, administrator).
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SetMute {
    pub room_id: String,
    pub kind: MediaKind,
    pub muted: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
}

impl ClientEvent for SetMute {
    const NAME: &'static str = "mute";
    const NAMESPACES: &'static [&'static str] = SIGNALING;
    type Ack = Done;
}

/// Starts or stops sharing the screen; doctors only.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ShareScreen {
    pub room_id: String,
    pub active: bool,
}

impl ClientEvent for ShareScreen {
    const NAME: &'static str = "screen-share";
    const NAMESPACES: &'static [&'static str] = SIGNALING;
    type Ack = Done;
}

/// Moves the call to the media server or back; doctor, administrator.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RequestHandOver {
    pub room_id: String,
    pub mode: MediaMode,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// The mode the call is moving to.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, ToSchema)]
pub struct HandingOver {
    pub mode: MediaMode,
}

impl ClientEvent for RequestHandOver {
    const NAME: &'static str = "hand-over";
    const NAMESPACES: &'static [&'static str] = SIGNALING;
    type Ack = HandingOver;
}

/// Removes a peer; doctor, administrator.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Kick {
    pub room_id: String,
    pub peer_id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl ClientEvent for Kick {
    const NAME: &'static str = "kick";
    const NAMESPACES: &'static [&'static str] = SIGNALING;
    type Ack = Done;
}

/// Ends the consultation; doctor, administrator.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct End {
    pub room_id: String,
}

impl ClientEvent for End {
    const NAME: &'static str = "end";
    const NAMESPACES: &'static [&'static str] = SIGNALING;
    type Ack = Done;
}

/// Starts or stops the recording; doctor, administrator.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ControlRecording {
    pub room_id: String,
    pub action: RecordingAction,
    /// True when the doctor attests that the patient agreed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub consent: Option<bool>,
}

/// What to do with a recording.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum RecordingAction {
    Start,
    Stop,
}

/// How the recording stands.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RecordingControlled {
    pub recording_id: i64,
    /// What the media server calls it; null before it says so, and where nothing is filmed.
    pub egress_id: Option<String>,
    pub status: String,
    pub mock: bool,
}

impl ClientEvent for ControlRecording {
    const NAME: &'static str = "recording";
    const NAMESPACES: &'static [&'static str] = SIGNALING;
    type Ack = RecordingControlled;
}

/// The patient's answer to `recording-request`.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RecordingConsent {
    pub room_id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recording_id: Option<i64>,
    pub consent: bool,
}

impl ClientEvent for RecordingConsent {
    const NAME: &'static str = "recording-consent";
    const NAMESPACES: &'static [&'static str] = SIGNALING;
    type Ack = Done;
}

/// Raises or lowers the hand.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RaiseHand {
    pub room_id: String,
    pub raised: bool,
}

impl ClientEvent for RaiseHand {
    const NAME: &'static str = "hand-raise";
    const NAMESPACES: &'static [&'static str] = SIGNALING;
    type Ack = Done;
}

/// Reports the quality of the peer's media.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReportStats {
    pub room_id: String,
    #[serde(flatten)]
    pub sample: QualitySample,
}

impl ClientEvent for ReportStats {
    const NAME: &'static str = "stats";
    const NAMESPACES: &'static [&'static str] = SIGNALING;
    type Ack = Done;

    fn rules(&self, rules: &mut Rules) {
        self.sample.rules(rules);
    }
}

impl QualitySample {
    /// The ranges of a plausible measurement.
    pub fn rules(&self, rules: &mut Rules) {
        rules.not_below_zero("/latencyMs", self.latency_ms);
        rules.range_if("/packetLossPct", self.packet_loss_pct, 0.0..=100.0);
        rules.not_below_zero("/bitrateKbps", self.bitrate_kbps);
        rules.range_if("/frameRate", self.frame_rate, 0.0..=240.0);
        rules.not_below_zero("/jitterMs", self.jitter_ms);
        if self.resolution.as_deref().is_some_and(|text| !is_resolution(text)) {
            rules.refuse("/resolution", FieldCode::Format, "must be WIDTHxHEIGHT");
        }
    }
}

fn is_resolution(text: &str) -> bool {
    text.split_once('x').is_some_and(|(width, height)| {
        [width, height].iter().all(|side| side.parse::<u16>().is_ok_and(|pixels| pixels > 0))
    })
}

fn at_most(rules: &mut Rules, pointer: &str, text: &str, bytes: usize) {
    if text.len() > bytes {
        rules.refuse(pointer, FieldCode::Length, format!("must be at most {bytes} bytes"));
    }
}
