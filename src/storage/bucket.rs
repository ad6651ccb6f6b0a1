//! Files in a bucket.
//!
//! The store shows a file only when all of it is there. Objects are encrypted by the
//! store with the KMS key that is named, or as the bucket says.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::StreamExt as _;
use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::buffered::BufWriter;
use object_store::client::{HttpClient, HttpConnector};
use object_store::path::Path;
use object_store::{
    ClientOptions, GetOptions, GetRange, ObjectStore, ObjectStoreExt as _, RetryConfig,
};
use tokio::io::AsyncWriteExt as _;
use tracing::warn;

use super::BucketSettings;
use super::outlet::Source;
use crate::error::{Error, Kind, Result};
use crate::outgoing;

/// Where files are among the other objects.
const FOLDER: &str = "files";
/// What callers are told that failed.
const SERVICE: &str = "file storage";
/// How long one request may take, its answer included.
const PATIENCE: Duration = Duration::from_mins(2);
/// How long a request is tried anew.
const RETRIES: RetryConfig = RetryConfig {
    backoff: object_store::BackoffConfig {
        init_backoff: Duration::from_millis(100),
        max_backoff: Duration::from_secs(2),
        base: 2.0,
    },
    max_retries: 3,
    retry_timeout: Duration::from_secs(10),
};
/// A file of up to so many bytes goes up at once, a larger one in parts.
const AT_ONCE: usize = 8 * 1024 * 1024;
/// Parts on their way at a time.
const PARTS: usize = 2;

/// A bucket.
#[derive(Clone)]
pub(super) struct Bucket(pub(super) Arc<AmazonS3>);

/// An object that is being written. Of one that is given up after its first part, the parts are left to
/// the bucket's lifecycle.
pub(super) struct Writer(BufWriter);

/// Requests go by the one client of the program.
struct Connector(outgoing::Client);

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Connector")
    }
}

impl HttpConnector for Connector {
    fn connect(&self, _: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(self.0.clone()))
    }
}

impl Bucket {
    pub(super) fn new(settings: &BucketSettings) -> Result<Self> {
        let mut builder = AmazonS3Builder::new()
            .with_bucket_name(&settings.name)
            .with_region(&settings.region)
            .with_access_key_id(settings.access_key_id.expose())
            .with_secret_access_key(settings.secret_access_key.expose())
            .with_virtual_hosted_style_request(!settings.path_style)
            .with_retry(RETRIES)
            // One object at a time, which every store can do.
            .with_disable_bulk_delete(true)
            .with_http_connector(Connector(outgoing::client(PATIENCE)?));
        if let Some(endpoint) = &settings.endpoint {
            builder = builder.with_endpoint(endpoint).with_allow_http(true);
        }
        if let Some(key) = &settings.kms_key_id {
            builder = builder.with_sse_kms_encryption(key);
        }
        Ok(Self(Arc::new(builder.build().map_err(Error::internal)?)))
    }

    pub(super) fn write(&self, name: &str) -> Writer {
        let store: Arc<dyn ObjectStore> = Arc::<AmazonS3>::clone(&self.0);
        let writer = BufWriter::with_capacity(store, path(name), AT_ONCE);
        Writer(writer.with_max_concurrency(PARTS))
    }

    pub(super) async fn read(&self, name: &str, span: Range<u64>) -> Result<Source> {
        let options = GetOptions { range: Some(GetRange::Bounded(span)), ..GetOptions::default() };
        let found = self.0.get_opts(&path(name), options).await.map_err(failed)?;
        Ok(found.into_stream().map(|bytes| bytes.map_err(failed)).boxed())
    }

    pub(super) async fn remove(&self, name: &str) -> Result<()> {
        match self.0.delete(&path(name)).await {
            Err(object_store::Error::NotFound { .. }) | Ok(()) => Ok(()),
            Err(error) => Err(failed(error)),
        }
    }
}

impl Writer {
    pub(super) async fn write(&mut self, bytes: Bytes) -> Result<()> {
        self.0.put(bytes).await.map_err(failed)
    }

    pub(super) async fn finish(mut self) -> Result<()> {
        self.0.shutdown().await.map_err(failed)
    }
}

fn path(name: &str) -> Path {
    Path::from(format!("{FOLDER}/{name}"))
}

pub(super) fn failed(error: impl fmt::Display) -> Error {
    // The address in it names nothing but the bucket and a file's id.
    warn!(%error, "the bucket failed");
    Kind::UpstreamFailed(SERVICE).into()
}
