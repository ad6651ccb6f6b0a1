//! Bytes that are kept, until a row says whose they are.

use tokio::runtime::Handle;
use tracing::warn;

use crate::auth;
use crate::domain::file::{self, FilePurpose};
use crate::domain::id::FileId;
use crate::domain::time::Timestamp;
use crate::error::{Error, Result};
use crate::http::App;
use crate::http::author::Author;
use crate::persistence::Tx;
use crate::persistence::files::{self, File, Storage};
use crate::storage::{Files, Intake, Kept, Place};

/// Bytes without a row; dropped before [`Unclaimed::settle`], they are removed.
pub(in crate::http) struct Unclaimed {
    files: Files,
    kept: Option<Kept>,
}

impl Unclaimed {
    /// Begins to take a file in. Sealed is what may turn out to be sensitive.
    pub(in crate::http) async fn begin(app: &App, is_sealed: bool) -> Result<Intake> {
        app.files.take(&FileId::from(auth::new_id("f_")), is_sealed).await
    }

    /// Keeps what was taken in.
    pub(in crate::http) async fn keep(app: &App, intake: Intake) -> Result<Self> {
        Ok(Self { files: app.files.clone(), kept: Some(intake.keep().await?) })
    }

    pub(in crate::http) fn kept(&self) -> &Kept {
        self.kept.as_ref().expect("bytes are kept until they are settled")
    }

    /// Writes the row, and who brought the file.
    pub(in crate::http) async fn claim(
        &self,
        tx: &mut Tx,
        author: &Author<'_>,
        name: &str,
        purpose: FilePurpose,
        now: Timestamp,
    ) -> Result<File> {
        let Kept { place, media, sha256 } = self.kept();
        let file = File {
            id: place.id.clone(),
            owner_id: author.user(),
            name: file::name(name, *media),
            content_type: media.name().to_owned(),
            size: i64::try_from(place.size).map_err(Error::internal)?,
            sha256: sha256.clone(),
            purpose,
            storage: if place.is_in_bucket { Storage::S3 } else { Storage::Local },
            storage_key: place.key.clone(),
            enc_nonce: place.nonce.clone(),
            created_at: now,
        };
        files::insert(tx, &file).await?;
        let data = [("purpose".to_owned(), serde_json::json!(purpose))].into_iter().collect();
        author.record(tx, "file", file.id.as_str().into(), "created", data).await?;
        Ok(file)
    }

    /// Called after the commit.
    pub(in crate::http) fn settle(mut self) {
        self.kept = None;
    }
}

impl Drop for Unclaimed {
    fn drop(&mut self) {
        if let (Some(kept), Ok(runtime)) = (self.kept.take(), Handle::try_current()) {
            let files = self.files.clone();
            runtime.spawn(async move { discard(&files, &kept.place).await });
        }
    }
}

/// Removes bytes that no row names. What stays of them is only room lost.
pub(super) async fn discard(files: &Files, place: &Place) {
    if let Err(error) = files.remove(place).await {
        warn!(file.id = %place.id, %error, "the bytes of a file were not removed");
    }
}

/// Where the bytes of a row are.
pub(super) fn place(file: &File) -> Place {
    Place {
        id: file.id.clone(),
        is_in_bucket: file.storage == Storage::S3,
        key: file.storage_key.clone(),
        nonce: file.enc_nonce.clone(),
        size: u64::try_from(file.size).unwrap_or_default(),
    }
}
