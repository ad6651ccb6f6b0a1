//! Binary over the socket: result files out, files in.

use serde::{Deserialize, Serialize};
use utoipa::openapi::{ObjectBuilder, RefOr, Schema, schema};
use utoipa::{PartialSchema, ToSchema};

use super::spec::{ClientEvent, EventSpec};
use crate::domain::file::FilePurpose;
use crate::domain::shape::Rules;

pub(super) const SPECS: &[EventSpec] =
    &[EventSpec::client::<ResultFetch>(), EventSpec::client::<FileSend>()];

/// Bytes beside the JSON: a Socket.IO attachment, or base64 on a plain WebSocket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Binary {
    Base64(String),
    Attachment {
        #[serde(rename = "_placeholder")]
        placeholder: bool,
        num: usize,
    },
}

impl PartialSchema for Binary {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(schema::Type::String)
            .format(Some(utoipa::openapi::SchemaFormat::KnownFormat(
                utoipa::openapi::KnownFormat::Binary,
            )))
            .description(Some("A Socket.IO binary attachment; base64 on a plain WebSocket."))
            .into()
    }
}

impl ToSchema for Binary {}

/// Asks for the file of a result.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ResultFetch {
    pub result_id: i64,
}

/// The file, or where it can be had when it is over 5 MiB.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ResultFile {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result_id: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file_name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_type: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<Binary>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
}

impl ClientEvent for ResultFetch {
    const NAME: &'static str = "result:fetch";
    type Ack = ResultFile;
}

/// Stores a file that fits one message.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct FileSend {
    pub name: String,
    pub content_type: String,
    pub purpose: FilePurpose,
    pub data: Binary,
}

/// The stored file.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct FileStored {
    pub file_id: String,
}

impl ClientEvent for FileSend {
    const NAME: &'static str = "file:send";
    type Ack = FileStored;

    fn rules(&self, rules: &mut Rules) {
        rules.length("/name", &self.name, 1..=255);
        rules.length("/contentType", &self.content_type, 1..=127);
    }
}
