//! The films of calls, which the media server's recorder writes to the bucket by itself.

use std::time::Duration;

use http::Method;
use object_store::ObjectStoreExt as _;
use object_store::path::Path;
use object_store::signer::Signer as _;

use super::bucket::{Bucket, failed};
use crate::error::Result;

/// The films in the bucket.
pub struct Films(Bucket);

impl Films {
    pub(super) fn new(bucket: &Bucket) -> Self {
        Self(bucket.clone())
    }

    /// An address by which anybody can watch a film for so long.
    pub async fn address(&self, key: &str, life: Duration) -> Result<String> {
        let address = self.0.0.signed_url(Method::GET, &path(key)?, life).await.map_err(failed)?;
        Ok(address.into())
    }

    /// How large a film is, in bytes; none where there is no such film.
    pub async fn size(&self, key: &str) -> Result<Option<u64>> {
        match self.0.0.head(&path(key)?).await {
            Ok(film) => Ok(Some(film.size)),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(failed(error)),
        }
    }

    /// Removes a film. What is not there is removed.
    pub async fn remove(&self, key: &str) -> Result<()> {
        match self.0.0.delete(&path(key)?).await {
            Err(object_store::Error::NotFound { .. }) | Ok(()) => Ok(()),
            Err(error) => Err(failed(error)),
        }
    }
}

/// Exactly as the recorder was told.
fn path(key: &str) -> Result<Path> {
    Path::parse(key).map_err(failed)
}
