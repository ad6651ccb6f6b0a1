//! Consultations as the portals see them; the call itself is in [`super::signaling`].

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::spec::{EventSpec, ServerEvent};
use super::values::{MediaMode, admins, room};
use crate::domain::event::Class;
use crate::domain::id::UserId;
use crate::domain::time::Timestamp;
use crate::domain::topic::Topic;

pub(super) const SPECS: &[EventSpec] =
    &[EventSpec::server::<ConsultationUpdate>(), EventSpec::server::<ConsultationInvite>()];

/// A consultation changed its status, its mode, its recording or its participants.
///
/// The participants' `user:` topics are added by whoever writes the consultation.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ConsultationUpdate {
    pub consultation_id: String,
    /// `created`, `waiting`, `live`, `ended`, `cancelled`
    pub status: String,
    pub mode: MediaMode,
    pub recording: RecordingMark,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub participants: Option<Vec<ParticipantView>>,
    pub timestamp: Timestamp,
}

/// Whether a consultation is being recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, sqlx::Type, ToSchema)]
#[serde(rename_all = "lowercase")]
#[sqlx(type_name = "text", rename_all = "lowercase")]
pub enum RecordingMark {
    None,
    Active,
    Mock,
}

/// Someone who is or was in the consultation.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ParticipantView {
    pub identity: String,
    pub role: String,
    pub joined_at: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left_at: Option<Timestamp>,
}

impl ServerEvent for ConsultationUpdate {
    const NAME: &'static str = "consultation:update";
    const CLASS: Class = Class::Durable;
    const TO: &'static str = "participants' `user:`, `consultation:{id}`, admins";

    fn topics(&self) -> Vec<Topic> {
        vec![room("consultation", &self.consultation_id), admins()]
    }
}

/// The other party is already there.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ConsultationInvite {
    pub consultation_id: String,
    pub room_name: String,
    pub from: Caller,
    pub timestamp: Timestamp,
}

/// Who invites.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Caller {
    pub user_id: UserId,
    pub name: String,
    pub role: String,
}

impl ServerEvent for ConsultationInvite {
    const NAME: &'static str = "consultation:invite";
    const CLASS: Class = Class::Durable;
    const TO: &'static str = "callee's `user:`";
}
