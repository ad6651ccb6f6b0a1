//! Offers, jobs, payments, crises and postings.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::spec::{EventSpec, ServerEvent};
use super::values::{Fields, admins, room};
use crate::domain::event::Class;
use crate::domain::identity::Role;
use crate::domain::time::Timestamp;
use crate::domain::topic::Topic;

pub(super) const SPECS: &[EventSpec] = &[
    EventSpec::server::<OfferUpdate>(),
    EventSpec::server::<JobUpdate>(),
    EventSpec::server::<PaymentUpdate>(),
    EventSpec::server::<CrisisUpdate>(),
    EventSpec::server::<MarketplaceUpdate>(),
];

macro_rules! deal_event {
    ($($(#[$doc:meta])* $name:ident { $id:ident } = $wire:literal),+ $(,)?) => {$(
        $(#[$doc])*
        ///
        /// Both members' `user:` topics are added by whoever writes the row.
        #[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
        #[serde(rename_all = "camelCase")]
        pub struct $name {
            pub $id: i64,
            pub status: String,
            pub action: String,
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub data: Option<Fields>,
            pub timestamp: Timestamp,
        }

        impl ServerEvent for $name {
            const NAME: &'static str = $wire;
            const CLASS: Class = Class::Durable;
            const TO: &'static str = "both members' `user:`, admins";

            fn topics(&self) -> Vec<Topic> {
                vec![admins()]
            }
        }
    )+};
}

deal_event! {
    /// An offer was sent, changed or decided.
    OfferUpdate { offer_id } = "offer:update",
    /// A job moved on.
    JobUpdate { job_id } = "job:update",
    /// A payment moved on.
    PaymentUpdate { payment_id } = "payment:update",
}

/// A crisis was opened, acknowledged, escalated, resolved or reopened.
///
/// The `user:` topics of owner and assignees are added by whoever writes the row.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CrisisUpdate {
    pub crisis_id: i64,
    pub severity: CrisisSeverity,
    pub status: String,
    pub action: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<Fields>,
    pub timestamp: Timestamp,
}

/// How grave a crisis is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum CrisisSeverity {
    Low,
    Medium,
    High,
    Critical,
}

impl ServerEvent for CrisisUpdate {
    const NAME: &'static str = "crisis:update";
    const CLASS: Class = Class::Durable;
    const TO: &'static str =
        "owner company's or institution's `user:`, assignees, `crisis:{id}`, admins";

    fn topics(&self) -> Vec<Topic> {
        vec![room("crisis", &self.crisis_id), admins()]
    }
}

/// A posting was published, changed or closed.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MarketplaceUpdate {
    pub posting_id: i64,
    pub action: String,
    pub status: String,
    pub timestamp: Timestamp,
}

impl ServerEvent for MarketplaceUpdate {
    const NAME: &'static str = "marketplace:update";
    const CLASS: Class = Class::Durable;
    const TO: &'static str = "`role:Medico`, `role:Profesional`, owner";

    fn topics(&self) -> Vec<Topic> {
        vec![Topic::Role(Role::Doctor), Topic::Role(Role::Professional)]
    }
}
