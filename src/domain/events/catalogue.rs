//! The catalogue changed: exams, prices, categories, packages, locations.

use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::spec::{EventSpec, ServerEvent};
use crate::domain::event::Class;
use crate::domain::time::Timestamp;
use crate::domain::topic::Topic;

pub(super) const SPECS: &[EventSpec] = &[EventSpec::server::<CatalogUpdate>()];

/// A row of the catalogue was created, changed or removed.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CatalogUpdate {
    #[serde(rename = "type")]
    pub kind: CatalogKind,
    pub action: ChangeAction,
    pub entity_id: i64,
    /// Absent for prices, which have no name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entity_name: Option<String>,
    pub timestamp: Timestamp,
}

/// The five resources of the catalogue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum CatalogKind {
    Exam,
    Price,
    Category,
    Package,
    Location,
}

impl CatalogKind {
    pub fn name(self) -> &'static str {
        match self {
            Self::Exam => "exam",
            Self::Price => "price",
            Self::Category => "category",
            Self::Package => "package",
            Self::Location => "location",
        }
    }
}

impl fmt::Display for CatalogKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What happened to a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ChangeAction {
    Created,
    Updated,
    Deleted,
}

impl ChangeAction {
    pub fn name(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Updated => "updated",
            Self::Deleted => "deleted",
        }
    }
}

impl ServerEvent for CatalogUpdate {
    const NAME: &'static str = "catalog:update";
    const CLASS: Class = Class::Durable;
    const TO: &'static str = "all";

    fn topics(&self) -> Vec<Topic> {
        vec![Topic::All]
    }
}
