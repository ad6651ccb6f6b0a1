//! Guests: somebody without an account who is let into one consultation by a link.

use std::time::Duration;

use garde::Validate;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain::contact::one_line;
use crate::domain::events::signaling::SeatRole;

/// An invitation to be made.
#[derive(Debug, Clone, Deserialize, Validate, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = InviteInput, example = json!({"name": "Luis", "role": "observer",
    "expiresInMinutes": 60}))]
pub struct InviteDraft {
    /// How the guest is called in the room.
    #[serde(default)]
    #[garde(inner(length(chars, max = 80), custom(one_line)))]
    #[schema(max_length = 80)]
    pub name: Option<String>,
    /// Gets the link by mail.
    #[serde(default)]
    #[garde(inner(email, length(chars, max = 254)))]
    #[schema(max_length = 254)]
    pub email: Option<String>,
    #[garde(skip)]
    pub role: GuestRole,
    #[serde(default = "usual_minutes")]
    #[garde(range(min = 5, max = 1440))]
    #[schema(minimum = 5, maximum = 1440, default = 60)]
    pub expires_in_minutes: u64,
}

/// What a guest is in the room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, sqlx::Type, ToSchema)]
#[serde(rename_all = "lowercase")]
#[sqlx(type_name = "text", rename_all = "lowercase")]
pub enum GuestRole {
    Patient,
    Observer,
}

impl From<GuestRole> for SeatRole {
    fn from(role: GuestRole) -> Self {
        match role {
            GuestRole::Patient => Self::Patient,
            GuestRole::Observer => Self::Observer,
        }
    }
}

impl InviteDraft {
    /// How long the link works.
    pub fn life(&self) -> Duration {
        Duration::from_mins(self.expires_in_minutes)
    }
}

fn usual_minutes() -> u64 {
    60
}
