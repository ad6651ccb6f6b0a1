//! A file as its owner sees it.

use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::file::FilePurpose;
use crate::domain::id::FileId;
use crate::domain::time::Timestamp;
use crate::persistence::files::File;

/// A file, without its bytes.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = File, example = json!({"id": "f_Zm9v", "name": "x.pdf", "content_type": "application/pdf",
    "size": 1234, "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "purpose": "result", "created_at": "2025-10-13T04:58:18.128Z"}))]
pub(super) struct FileView {
    id: FileId,
    name: String,
    content_type: String,
    size: i64,
    /// Of the bytes, in hexadecimal.
    sha256: String,
    purpose: FilePurpose,
    created_at: Timestamp,
}

impl From<File> for FileView {
    fn from(file: File) -> Self {
        Self {
            id: file.id,
            name: file.name,
            content_type: file.content_type,
            size: file.size,
            sha256: file.sha256,
            purpose: file.purpose,
            created_at: file.created_at,
        }
    }
}
