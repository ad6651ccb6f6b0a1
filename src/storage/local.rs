//! Files in a directory.
//!
//! Bytes are written in a folder of their own, brought to the disk, and only then given the name they
//! are looked for by, so a file is there whole or not at all, whenever the machine stops.

use std::io::{self, SeekFrom};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use bytes::{Bytes, BytesMut};
use futures_util::stream::{self, StreamExt as _};
use tokio::fs::{self, File, OpenOptions};
use tokio::io::{AsyncReadExt as _, AsyncSeekExt as _, AsyncWriteExt as _};

use super::outlet::Source;
use crate::error::{Error, Kind, Result};

/// Where files are until they are whole; no folder of whole ones is called so.
const UNFINISHED: &str = "unfinished";
/// Bytes read at once.
const PIECE: u64 = 64 * 1024;
/// What a caller is told to wait when the disk is full, in seconds.
const RETRY_AFTER: u64 = 60;

/// The directory of files.
pub(super) struct Directory(PathBuf);

/// A file that is being written.
pub(super) struct Writer {
    file: File,
    /// Removed when the writer is dropped.
    unfinished: Unfinished,
    finished: PathBuf,
}

struct Unfinished(Option<PathBuf>);

impl Directory {
    pub(super) fn new(path: PathBuf) -> Self {
        Self(path)
    }

    pub(super) async fn write(&self, name: &str) -> Result<Writer> {
        let finished = self.0.join(name);
        let path = self.0.join(UNFINISHED).join(finished.file_name().unwrap_or_default());
        for path in [&finished, &path] {
            fs::create_dir_all(folder(path)).await.map_err(failed)?;
        }
        let file = OpenOptions::new().write(true).create_new(true).open(&path).await;
        let file = file.map_err(failed)?;
        Ok(Writer { file, unfinished: Unfinished(Some(path)), finished })
    }

    pub(super) async fn read(&self, name: &str, span: Range<u64>) -> Result<Source> {
        let mut file = File::open(self.0.join(name)).await.map_err(failed)?;
        file.seek(SeekFrom::Start(span.start)).await.map_err(failed)?;
        let left = span.end - span.start;
        Ok(stream::try_unfold((file.take(left), left), async |(mut file, left)| {
            if left == 0 {
                return Ok(None);
            }
            let piece = usize::try_from(left.min(PIECE)).unwrap_or(usize::MAX);
            let mut bytes = BytesMut::with_capacity(piece);
            let read = file.read_buf(&mut bytes).await.map_err(failed)?;
            let left = left - read as u64;
            Ok((read > 0).then(|| (Bytes::from(bytes), (file, left))))
        })
        .boxed())
    }

    pub(super) async fn remove(&self, name: &str) -> Result<()> {
        removed(&self.0.join(name)).await
    }

    /// Removes what is unfinished and was last written to before that moment: its node died.
    pub(super) async fn sweep(&self, before: SystemTime) -> Result<()> {
        let mut entries = match fs::read_dir(self.0.join(UNFINISHED)).await {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            entries => entries.map_err(failed)?,
        };
        while let Some(entry) = entries.next_entry().await.map_err(failed)? {
            // What is gone by now was finished, or swept by another node.
            let Ok(written) = entry.metadata().await.and_then(|found| found.modified()) else {
                continue;
            };
            if written < before {
                removed(&entry.path()).await?;
            }
        }
        Ok(())
    }
}

impl Writer {
    pub(super) async fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.file.write_all(bytes).await.map_err(failed)
    }

    pub(super) async fn finish(mut self) -> Result<()> {
        self.file.flush().await.map_err(failed)?;
        self.file.sync_all().await.map_err(failed)?;
        if let Some(path) = &self.unfinished.0 {
            fs::rename(path, &self.finished).await.map_err(failed)?;
        }
        self.unfinished.0 = None;
        let folder = File::open(folder(&self.finished)).await.map_err(failed)?;
        folder.sync_all().await.map_err(failed)
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if let Some(path) = &self.0 {
            // Nothing refers to it: what stays of a disk that fails is only room lost.
            let _ = std::fs::remove_file(path);
        }
    }
}

/// What is not there is removed.
async fn removed(path: &Path) -> Result<()> {
    match fs::remove_file(path).await {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed(error)),
        _ => Ok(()),
    }
}

fn folder(path: &Path) -> &Path {
    path.parent().unwrap_or(path)
}

fn failed(error: io::Error) -> Error {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            tracing::error!(%error, "no room for files");
            Kind::Unavailable { retry_after: RETRY_AFTER }.into()
        }
        _ => Error::internal(error),
    }
}
