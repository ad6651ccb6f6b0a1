//! Where the bytes of files are: a directory, or a bucket of an S3-compatible store.
//!
//! What a file is called and who may read it stands in the database; here it has only an id. Bytes
//! go through a [`Intake`] on the way in, which bounds, types, hashes and, where asked, [`seal`]s
//! them, and through an [`Outlet`] on the way out. Nothing is ever overwritten.

mod bucket;
mod films;
mod intake;
mod local;
mod outlet;
mod seal;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

pub use films::Films;
pub use intake::{Intake, Kept};
pub use outlet::Outlet;

use bucket::Bucket;
use local::Directory;
use seal::Key;

use crate::domain::id::FileId;
use crate::domain::secret::Secret;
use crate::domain::time::Timestamp;
use crate::error::{Kind, Result};

/// Where files are kept, and how.
#[derive(Debug)]
pub struct Settings {
    /// Used when there is no bucket, and for files that were kept before there was one.
    pub directory: PathBuf,
    pub bucket: Option<BucketSettings>,
    /// Encrypts what is sensitive.
    pub key: [u8; 32],
    /// The largest file in bytes.
    pub limit: usize,
}

/// A bucket and how to get at it.
#[derive(Debug, Clone)]
pub struct BucketSettings {
    pub name: String,
    pub region: String,
    pub access_key_id: Secret,
    pub secret_access_key: Secret,
    /// Another store than AWS.
    pub endpoint: Option<String>,
    /// Puts the bucket into the path instead of the host name.
    pub path_style: bool,
    /// The KMS key that encrypts objects at rest.
    pub kms_key_id: Option<String>,
}

/// The files of this node. Cheap to clone.
#[derive(Clone)]
pub struct Files(Arc<Inner>);

struct Inner {
    directory: Directory,
    bucket: Option<Bucket>,
    key: Key,
    limit: usize,
}

/// Where a file's bytes are, as its row says.
#[derive(Debug, Clone)]
pub struct Place {
    pub id: FileId,
    pub is_in_bucket: bool,
    /// The path or the object's name.
    pub key: String,
    /// Makes the key of this one file; absent when its bytes are plain.
    pub nonce: Option<String>,
    /// Of the plain bytes.
    pub size: u64,
}

impl Files {
    /// # Errors
    /// A bucket whose settings cannot be used.
    pub fn new(settings: Settings) -> Result<Self> {
        let Settings { directory, bucket, key, limit } = settings;
        Ok(Self(Arc::new(Inner {
            directory: Directory::new(directory),
            bucket: bucket.map(|settings| Bucket::new(&settings)).transpose()?,
            key: Key::new(&key),
            limit,
        })))
    }

    /// The largest file in bytes.
    pub fn limit(&self) -> usize {
        self.0.limit
    }

    /// Takes a new file in.
    pub async fn take(&self, id: &FileId, is_sealed: bool) -> Result<Intake> {
        let name = name(id);
        let seal = is_sealed.then(|| self.0.key.of_new(id)).transpose()?;
        let sink = match &self.0.bucket {
            Some(bucket) => intake::Sink::Bucket(bucket.write(&name)),
            None => intake::Sink::Local(self.0.directory.write(&name).await?),
        };
        Ok(Intake::new(id.clone(), name, sink, seal, self.0.limit))
    }

    /// Gives the bytes from `start` on, up to `end`.
    pub async fn give(&self, place: &Place, start: u64, end: u64) -> Result<Outlet> {
        let seal = match &place.nonce {
            Some(nonce) => Some(self.0.key.of_kept(&place.id, nonce)?),
            None => None,
        };
        let span = outlet::Span::of(seal.is_some(), place.size, start, end);
        let source = if place.is_in_bucket {
            self.bucket()?.read(&place.key, span.stored()).await?
        } else {
            self.0.directory.read(&place.key, span.stored()).await?
        };
        Ok(Outlet::new(source, seal, span))
    }

    /// Removes the bytes. What is not there is removed.
    pub async fn remove(&self, place: &Place) -> Result<()> {
        if place.is_in_bucket {
            self.bucket()?.remove(&place.key).await
        } else {
            self.0.directory.remove(&place.key).await
        }
    }

    /// Removes what is left of uploads that a node died over, and nobody wrote to since `before`. A
    /// bucket's lifecycle removes its own.
    pub async fn sweep(&self, before: Timestamp) -> Result<()> {
        let since_epoch = before.since(Timestamp(0));
        self.0.directory.sweep(SystemTime::UNIX_EPOCH + since_epoch).await
    }

    /// The films of calls, where there is a bucket for them.
    pub fn films(&self) -> Option<Films> {
        self.0.bucket.as_ref().map(Films::new)
    }

    /// A file that was kept in a bucket needs it.
    fn bucket(&self) -> Result<&Bucket> {
        let missing = || Kind::NotConfigured { missing: vec!["AWS_S3_BUCKET"] };
        Ok(self.0.bucket.as_ref().ok_or_else(missing)?)
    }
}

/// The path of a file: two levels of folders, so that none has too many entries.
fn name(id: &FileId) -> String {
    use sha2::{Digest as _, Sha256};
    let hash = Sha256::digest(id.as_str());
    format!("{:02x}/{:02x}/{id}", hash[0], hash[1])
}

#[cfg(test)]
mod tests;
