//! Appointments and results, to the people they concern.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::spec::{EventSpec, ServerEvent};
use super::values::{admins, entity};
use crate::domain::clinical::result::ResultStatus;
use crate::domain::event::Class;
use crate::domain::id::UserId;
use crate::domain::shape::Rules;
use crate::domain::time::Timestamp;
use crate::domain::topic::Topic;

pub(super) const SPECS: &[EventSpec] =
    &[EventSpec::server::<AppointmentUpdate>(), EventSpec::server::<ResultUpdate>()];

/// An appointment was made or changed.
///
/// The payload does not name the accounts of patient, doctor and institution; whoever writes the
/// appointment adds their `user:` topics.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AppointmentUpdate {
    pub appointment_id: i64,
    pub patient_id: i64,
    pub action: AppointmentAction,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub appointment: Option<AppointmentView>,
    pub timestamp: Timestamp,
}

/// What happened to an appointment; check-in, completion and no-show are `updated`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum AppointmentAction {
    Created,
    Updated,
    Cancelled,
    Confirmed,
}

/// An appointment in the case of realtime payloads.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AppointmentView {
    pub id: i64,
    pub patient_id: i64,
    pub doctor_id: Option<i64>,
    pub institution_id: Option<i64>,
    /// `in_person`, `video` or `lab`
    pub kind: String,
    pub status: String,
    pub starts_at: Timestamp,
    pub ends_at: Timestamp,
    #[serde(default)]
    pub exam_ids: Vec<i64>,
    pub location_id: Option<i64>,
    pub reason: Option<String>,
    pub consultation_id: Option<String>,
    pub cancelled_by: Option<UserId>,
    pub version: i64,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

impl ServerEvent for AppointmentUpdate {
    const NAME: &'static str = "appointment:update";
    const CLASS: Class = Class::Durable;
    const TO: &'static str = "patient's and doctor's `user:`, institution's `user:`, \
        `role:Administrador`, `entity:appointment:{id}`";

    fn topics(&self) -> Vec<Topic> {
        vec![admins(), entity("appointment", &self.appointment_id)]
    }
}

/// A result moved on.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ResultUpdate {
    pub result_id: i64,
    pub patient_id: i64,
    pub exam_name: String,
    pub status: ResultStatus,
    pub timestamp: Timestamp,
}

impl ServerEvent for ResultUpdate {
    const NAME: &'static str = "result:update";
    const CLASS: Class = Class::Durable;
    const TO: &'static str = "patient's `user:` (not while `pending`), ordering doctor, \
        `role:Administrador`, `entity:result:{id}`";

    fn topics(&self) -> Vec<Topic> {
        vec![admins(), entity("result", &self.result_id)]
    }

    fn rules(&self, rules: &mut Rules) {
        rules.length("/examName", &self.exam_name, 1..=200);
    }
}
