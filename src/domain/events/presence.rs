//! Who is there, and where in the portals.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::spec::{ClientEvent, EventSpec, ServerEvent};
use super::values::Done;
use crate::domain::event::Class;
use crate::domain::id::UserId;
use crate::domain::shape::Rules;
use crate::domain::time::Timestamp;
use crate::domain::topic::Topic;

pub(super) const SPECS: &[EventSpec] = &[
    EventSpec::server::<PresenceUpdate>(),
    EventSpec::server::<SectionActive>(),
    EventSpec::client::<PresenceSet>(),
    EventSpec::client::<PresenceSubscribe>(),
    EventSpec::client::<PresenceUnsubscribe>(),
    EventSpec::client::<SectionEvent>(),
];

/// A user came, went or changed what it does.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PresenceUpdate {
    pub user_id: UserId,
    pub status: PresenceStatus,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_seen_at: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub apps: Option<Vec<String>>,
    pub timestamp: Timestamp,
}

/// Presence, strongest last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum PresenceStatus {
    Offline,
    Away,
    Online,
    Busy,
    Focus,
}

impl PresenceStatus {
    /// What a user does: the strongest that any of its sockets says, or focus mode while there is one.
    pub fn of(sockets: impl IntoIterator<Item = ChosenPresence>, is_in_focus: bool) -> Self {
        match sockets.into_iter().map(Self::from).max() {
            Some(_) if is_in_focus => Self::Focus,
            strongest => strongest.unwrap_or(Self::Offline),
        }
    }
}

impl ServerEvent for PresenceUpdate {
    const NAME: &'static str = "presence:update";
    const CLASS: Class = Class::Latest;
    const TO: &'static str = "subscribers of `presence:{userId}`";

    fn topics(&self) -> Vec<Topic> {
        vec![Topic::presence(self.user_id)]
    }
}

/// How many sessions look at a section; at most once a second per section.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct SectionActive {
    pub app: String,
    pub section: String,
    pub active: u64,
    pub timestamp: Timestamp,
}

impl ServerEvent for SectionActive {
    const NAME: &'static str = "section:active";
    const CLASS: Class = Class::Latest;
    const TO: &'static str = "`admin:live`";

    fn topics(&self) -> Vec<Topic> {
        vec![Topic::AdminLive]
    }
}

/// Says what the user does now.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct PresenceSet {
    pub status: ChosenPresence,
}

/// Presence a user may choose; `offline` is what the hub says of the absent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ChosenPresence {
    Online,
    Away,
    Busy,
    Focus,
}

impl From<ChosenPresence> for PresenceStatus {
    fn from(chosen: ChosenPresence) -> Self {
        match chosen {
            ChosenPresence::Online => Self::Online,
            ChosenPresence::Away => Self::Away,
            ChosenPresence::Busy => Self::Busy,
            ChosenPresence::Focus => Self::Focus,
        }
    }
}

impl ClientEvent for PresenceSet {
    const NAME: &'static str = "presence:set";
    type Ack = Done;
}

/// Asks for the presence of users, now and on every change.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PresenceSubscribe {
    #[schema(max_items = 100)]
    pub user_ids: Vec<UserId>,
}

/// The presence of the users asked for.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct PresenceList {
    pub presence: Vec<PresenceEntry>,
}

/// One user's presence.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PresenceEntry {
    pub user_id: UserId,
    pub status: PresenceStatus,
    pub last_seen_at: Option<Timestamp>,
}

impl ClientEvent for PresenceSubscribe {
    const NAME: &'static str = "presence:subscribe";
    type Ack = PresenceList;

    fn rules(&self, rules: &mut Rules) {
        rules.count("/userIds", self.user_ids.len(), 1..=100);
    }
}

/// Ends a subscription to presence.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PresenceUnsubscribe {
    #[schema(max_items = 100)]
    pub user_ids: Vec<UserId>,
}

impl ClientEvent for PresenceUnsubscribe {
    const NAME: &'static str = "presence:unsubscribe";
    type Ack = PresenceList;

    fn rules(&self, rules: &mut Rules) {
        rules.count("/userIds", self.user_ids.len(), 1..=100);
    }
}

/// Where a portal's user is, for active sections, heat map and paths.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SectionEvent {
    pub app: PortalApp,
    pub section: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entered_at: Option<Timestamp>,
    /// Time spent, at most a day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_ms: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_items = 200)]
    pub clicks: Option<Vec<Click>>,
}

/// The portals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum PortalApp {
    Doctors,
    Patients,
    Companies,
    Admin,
    Marketplace,
}

/// A click as a fraction of the viewport.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Click {
    #[schema(minimum = 0, maximum = 1)]
    pub x: f64,
    #[schema(minimum = 0, maximum = 1)]
    pub y: f64,
}

impl ClientEvent for SectionEvent {
    const NAME: &'static str = "section";
    type Ack = Done;

    fn rules(&self, rules: &mut Rules) {
        rules.length("/section", &self.section, 1..=64);
        rules.length_if("/path", self.path.as_deref(), 1..=256);
        rules.length_if("/sessionId", self.session_id.as_deref(), 0..=64);
        rules.range_if("/durationMs", self.duration_ms, 0..=86_400_000);
        let clicks = self.clicks.as_deref().unwrap_or_default();
        rules.count("/clicks", clicks.len(), 0..=200);
        for (at, click) in clicks.iter().enumerate() {
            rules.range(&format!("/clicks/{at}/x"), click.x, 0.0..=1.0);
            rules.range(&format!("/clicks/{at}/y"), click.y, 0.0..=1.0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_strongest_socket_speaks_for_the_user() {
        use ChosenPresence::{Away, Busy, Focus, Online};
        let cases: [(&[ChosenPresence], bool, PresenceStatus); 7] = [
            (&[], false, PresenceStatus::Offline),
            (&[], true, PresenceStatus::Offline),
            (&[Away], false, PresenceStatus::Away),
            (&[Away, Online], false, PresenceStatus::Online),
            (&[Busy, Online, Away], false, PresenceStatus::Busy),
            (&[Busy, Focus], false, PresenceStatus::Focus),
            (&[Away, Busy], true, PresenceStatus::Focus),
        ];
        for (sockets, is_in_focus, expected) in cases {
            let status = PresenceStatus::of(sockets.iter().copied(), is_in_focus);

            assert_eq!(status, expected, "{sockets:?} {is_in_focus}");
        }
    }
}
