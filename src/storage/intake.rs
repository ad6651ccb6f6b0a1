//! A file on its way in.

use bytes::{Bytes, BytesMut};
use sha2::{Digest as _, Sha256};

use super::seal::{SEGMENT, Seal};
use super::{Place, bucket, local};
use crate::domain::file::{HEAD, MediaType};
use crate::domain::id::FileId;
use crate::error::{Kind, Result};

/// A file that is being taken in. Dropped before [`Intake::keep`], it leaves nothing behind.
pub struct Intake {
    id: FileId,
    name: String,
    sink: Sink,
    seal: Option<Seal>,
    limit: usize,
    media: Option<MediaType>,
    hash: Sha256,
    size: u64,
    /// Not written yet: less than a segment, or than what tells the type.
    held: BytesMut,
    segments: u64,
}

/// Where it goes.
pub(super) enum Sink {
    Local(local::Writer),
    Bucket(bucket::Writer),
}

/// A file that is kept.
#[derive(Debug, Clone)]
pub struct Kept {
    pub place: Place,
    pub media: MediaType,
    /// Of the plain bytes, in hexadecimal.
    pub sha256: String,
}

impl Intake {
    pub(super) fn new(
        id: FileId,
        name: String,
        sink: Sink,
        seal: Option<Seal>,
        limit: usize,
    ) -> Self {
        let (hash, held) = (Sha256::new(), BytesMut::new());
        Self { id, name, sink, seal, limit, media: None, hash, size: 0, held, segments: 0 }
    }

    /// The next bytes. Fails as soon as there are too many, or the first ones are of no type that is
    /// taken.
    pub async fn push(&mut self, bytes: &[u8]) -> Result<()> {
        self.size += bytes.len() as u64;
        if self.size > self.limit as u64 {
            return Err(Kind::PayloadTooLarge { limit: self.limit }.into());
        }
        self.hash.update(bytes);
        self.held.extend_from_slice(bytes);
        if self.media.is_none() && self.held.len() >= HEAD {
            self.tell_type()?;
        }
        // The last segment is known to be the last only at the end.
        let whole = usize::try_from(SEGMENT).unwrap_or(usize::MAX);
        while self.media.is_some() && self.held.len() > whole {
            let segment = self.held.split_to(whole);
            self.write(segment, false).await?;
        }
        Ok(())
    }

    /// Keeps what was pushed.
    pub async fn keep(mut self) -> Result<Kept> {
        let media = match self.media {
            Some(media) => media,
            None => self.tell_type()?,
        };
        let rest = self.held.split();
        self.write(rest, true).await?;
        let is_in_bucket = match self.sink {
            Sink::Local(writer) => writer.finish().await.map(|()| false)?,
            Sink::Bucket(writer) => writer.finish().await.map(|()| true)?,
        };
        let nonce = self.seal.as_ref().map(|seal| seal.nonce().to_owned());
        let sha256 = hexadecimal(&self.hash.finalize());
        let place = Place { id: self.id, is_in_bucket, key: self.name, nonce, size: self.size };
        Ok(Kept { place, media, sha256 })
    }

    fn tell_type(&mut self) -> Result<MediaType> {
        let media = MediaType::of(&self.held).ok_or(Kind::UnsupportedMediaType)?;
        self.media = Some(media);
        Ok(media)
    }

    async fn write(&mut self, mut segment: BytesMut, is_last: bool) -> Result<()> {
        if let Some(seal) = &self.seal {
            seal.close(self.segments, is_last, &mut segment)?;
        }
        self.segments += 1;
        let bytes: Bytes = segment.freeze();
        match &mut self.sink {
            Sink::Local(writer) => writer.write(&bytes).await,
            Sink::Bucket(writer) => writer.write(bytes).await,
        }
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    let digit = |value: u8| char::from_digit(value.into(), 16).unwrap_or_default();
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}
