//! Values that several events carry.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::openapi::schema::AdditionalProperties;
use utoipa::openapi::{ObjectBuilder, RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use crate::domain::identity::Role;
use crate::domain::identity::session_sync::SharedState;
use crate::domain::topic::Topic;

/// A JSON object whose keys the contract leaves open.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Fields(pub Map<String, Value>);

impl PartialSchema for Fields {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .additional_properties(Some(AdditionalProperties::FreeForm(true)))
            .into()
    }
}

impl ToSchema for Fields {}

impl From<Map<String, Value>> for Fields {
    fn from(fields: Map<String, Value>) -> Self {
        Self(fields)
    }
}

/// A row of any kind: its number, or its text for consultations, sessions and files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
pub enum EntityRef {
    Number(i64),
    Text(Box<str>),
}

impl fmt::Display for EntityRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(id) => id.fmt(f),
            Self::Text(id) => id.fmt(f),
        }
    }
}

impl From<i64> for EntityRef {
    fn from(id: i64) -> Self {
        Self::Number(id)
    }
}

impl From<&str> for EntityRef {
    fn from(id: &str) -> Self {
        Self::Text(id.into())
    }
}

/// A success with nothing more to say.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize, ToSchema)]
pub struct Done {}

/// Why a client event was refused; the acks' `error`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AckError {
    pub code: AckCode,
    pub message: String,
    /// The field that was refused, where one is to blame.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// What to change instead, when the change was made from an older revision.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub current: Option<SharedState>,
}

/// The closed set of reasons an ack can carry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AckCode {
    Unauthenticated,
    Forbidden,
    Invalid,
    NotFound,
    Conflict,
    RateLimited,
    RoomFull,
    NotConfigured,
    Internal,
}

/// How the media of a call travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, sqlx::Type, ToSchema)]
#[serde(rename_all = "lowercase")]
#[sqlx(type_name = "text", rename_all = "lowercase")]
pub enum MediaMode {
    P2p,
    Sfu,
}

impl MediaMode {
    /// As it stands on the wire, in the database and in metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::P2p => "p2p",
            Self::Sfu => "sfu",
        }
    }
}

pub(super) fn admins() -> Topic {
    Topic::Role(Role::Admin)
}

pub(super) fn entity(name: &str, id: &impl fmt::Display) -> Topic {
    Topic::Entity(name.into(), Some(id.to_string().into()))
}

/// A room by its family and id, such as `conversation:10`.
pub(super) fn room(family: &str, id: &impl fmt::Display) -> Topic {
    Topic::Named(format!("{family}:{id}").into())
}
