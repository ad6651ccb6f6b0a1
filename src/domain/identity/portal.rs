//! The web applications of the platform that share a sign-in.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// An app as `session-sync` and the sections call it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Portal {
    Doctors,
    Patients,
    Companies,
    Admin,
    Marketplace,
}
