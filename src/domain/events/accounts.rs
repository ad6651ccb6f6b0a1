//! News for one account, and messages from the house to many.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::spec::{EventSpec, ServerEvent};
use super::values::Fields;
use crate::domain::event::Class;
use crate::domain::identity::Role;
use crate::domain::shape::Rules;
use crate::domain::time::Timestamp;
use crate::domain::topic::Topic;
use crate::error::FieldCode;

pub(super) const SPECS: &[EventSpec] = &[
    EventSpec::server::<UserUpdate>(),
    EventSpec::server::<Notified>(),
    EventSpec::server::<SystemMessage>(),
];

/// Something of the user's own changed: profile, account, settings, role, validation, …
///
/// What the owner of an account should know on every device is an `account` `updated` whose changes
/// name it as `security`: `refresh_reuse` with the `sessionId` of which somebody held a copy.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct UserUpdate {
    /// `profile`, `account`, `settings`, `role`, `validation`, `kyc`, `prescription`, `note`, `membership`
    #[serde(rename = "type")]
    pub kind: String,
    /// `created`, `updated`, `deleted`, `deactivated`, `activated`
    pub action: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changes: Option<Fields>,
    pub timestamp: Timestamp,
}

impl UserUpdate {
    /// Whether it tells that the account may other things than before.
    pub fn changes_rights(&self) -> bool {
        matches!(self.kind.as_str(), "role" | "account")
    }

    /// Whether it tells that the user may have less to do with others than before: patients, doctors
    /// or an institution came or went, or a doctor practises no longer.
    pub fn changes_relations(&self) -> bool {
        let names_status = || self.changes.as_ref().is_some_and(|it| it.0.contains_key("status"));
        self.kind == "membership" || (self.kind == "profile" && names_status())
    }

    /// The account itself changed; `changes` says what is new.
    pub fn account<const N: usize>(changes: [(&str, Value); N], now: Timestamp) -> Self {
        let changes: Map<_, _> =
            changes.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        Self {
            kind: "account".to_owned(),
            action: "updated".to_owned(),
            changes: Some(changes.into()),
            timestamp: now,
        }
    }
}

impl ServerEvent for UserUpdate {
    const NAME: &'static str = "user:update";
    const CLASS: Class = Class::Durable;
    const TO: &'static str = "`user:{id}`";

    fn rules(&self, rules: &mut Rules) {
        rules.length("/type", &self.kind, 1..=40);
        rules.length("/action", &self.action, 1..=40);
    }
}

/// The in-app copy of a notification.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Notified {
    pub id: i64,
    /// Such as `offer.accepted`.
    pub kind: String,
    pub title: String,
    pub body: String,
    pub data: Fields,
    pub timestamp: Timestamp,
}

impl Notified {
    /// Whether a kind waits for who is in focus mode. What concerns the security of an account never
    /// does (contract §5.18).
    pub fn may_wait(kind: &str) -> bool {
        !kind.starts_with("security.")
    }
}

impl ServerEvent for Notified {
    const NAME: &'static str = "notification";
    const CLASS: Class = Class::Durable;
    const TO: &'static str = "`user:{id}`";

    fn rules(&self, rules: &mut Rules) {
        rules.length("/kind", &self.kind, 1..=40);
        rules.length("/title", &self.title, 1..=140);
        rules.length("/body", &self.body, 1..=1000);
    }
}

/// A message from the house to everyone, to a role, or to some users.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SystemMessage {
    #[serde(rename = "type")]
    pub kind: Severity,
    pub message: String,
    /// The label of the role it is meant for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_role: Option<String>,
    pub timestamp: Timestamp,
}

/// How a message wants to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    Info,
    Warning,
    Error,
    Success,
}

impl ServerEvent for SystemMessage {
    const NAME: &'static str = "system:message";
    const CLASS: Class = Class::Durable;
    const TO: &'static str = "all, or `role:{targetRole}`, or users";

    fn topics(&self) -> Vec<Topic> {
        match self.target_role.as_deref() {
            None => vec![Topic::All],
            Some(role) => Role::parse(role).map(Topic::Role).into_iter().collect(),
        }
    }

    fn rules(&self, rules: &mut Rules) {
        rules.length("/message", &self.message, 1..=1000);
        if self.target_role.as_deref().is_some_and(|role| Role::parse(role).is_none()) {
            rules.refuse("/targetRole", FieldCode::Enum, "unknown role");
        }
    }
}
