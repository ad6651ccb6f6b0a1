//! A file on its way out.

use std::ops::Range;

use bytes::{Bytes, BytesMut};
use futures_util::stream::{self, BoxStream, Stream, StreamExt as _};

use super::seal::{SEGMENT, Seal, TAG};
use crate::error::{Error, Result};

/// Stored bytes as they come.
pub(super) type Source = BoxStream<'static, Result<Bytes>>;

/// The bytes of a file, or a span of them, in order.
pub struct Outlet {
    source: Source,
    seal: Option<Seal>,
    span: Span,
    /// Stored bytes of a segment that is not whole yet.
    held: BytesMut,
    /// The segment that comes next.
    next: u64,
    /// Plain bytes of that segment that nobody asked for.
    skip: usize,
    /// Plain bytes still to be given.
    left: u64,
}

/// Which plain bytes are asked for, and which stored ones hold them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Span {
    is_sealed: bool,
    size: u64,
    start: u64,
    end: u64,
}

impl Span {
    pub(super) fn of(is_sealed: bool, size: u64, start: u64, end: u64) -> Self {
        let end = end.min(size);
        Self { is_sealed, size, start: start.min(end), end }
    }

    /// Where in the stored bytes these are.
    pub(super) fn stored(&self) -> Range<u64> {
        if !self.is_sealed {
            return self.start..self.end;
        }
        let stored_size = self.size + self.segments() * TAG;
        let first = self.start / SEGMENT;
        let after = self.end.div_ceil(SEGMENT);
        first * (SEGMENT + TAG)..(after * (SEGMENT + TAG)).min(stored_size)
    }

    fn segments(&self) -> u64 {
        self.size.div_ceil(SEGMENT)
    }
}

impl Outlet {
    pub(super) fn new(source: Source, seal: Option<Seal>, span: Span) -> Self {
        let first = span.start / SEGMENT;
        let skip = usize::try_from(span.start % SEGMENT).unwrap_or_default();
        let left = span.end - span.start;
        Self { source, seal, span, held: BytesMut::new(), next: first, skip, left }
    }

    /// The next bytes; none at the end. Fails when what is stored is not what was kept.
    pub async fn next(&mut self) -> Result<Option<Bytes>> {
        if self.left == 0 {
            return Ok(None);
        }
        let bytes = if self.seal.is_some() {
            self.segment().await?
        } else {
            self.source.next().await.transpose()?.filter(|bytes| !bytes.is_empty())
        };
        let mut bytes = bytes.ok_or_else(|| Error::internal("the bytes of a file end early"))?;
        bytes.truncate(usize::try_from(self.left).unwrap_or(usize::MAX));
        self.left -= bytes.len() as u64;
        Ok(Some(bytes))
    }

    /// The rest in one piece.
    pub async fn all(mut self) -> Result<Bytes> {
        let mut whole = BytesMut::with_capacity(usize::try_from(self.left).unwrap_or_default());
        while let Some(bytes) = self.next().await? {
            whole.extend_from_slice(&bytes);
        }
        Ok(whole.freeze())
    }

    /// As a body; it fails in the middle when the file does.
    pub fn stream(self) -> impl Stream<Item = Result<Bytes>> + Send {
        stream::try_unfold(self, async |mut outlet| {
            Ok(outlet.next().await?.map(|bytes| (bytes, outlet)))
        })
    }

    async fn segment(&mut self) -> Result<Option<Bytes>> {
        let is_last = self.next + 1 == self.span.segments();
        let plain = if is_last { self.span.size - self.next * SEGMENT } else { SEGMENT };
        let stored = usize::try_from(plain + TAG).unwrap_or(usize::MAX);
        while self.held.len() < stored {
            let Some(bytes) = self.source.next().await.transpose()? else { return Ok(None) };
            self.held.extend_from_slice(&bytes);
        }
        let mut segment = self.held.split_to(stored);
        if let Some(seal) = &self.seal {
            seal.open(self.next, is_last, &mut segment)?;
        }
        self.next += 1;
        let skipped = std::mem::take(&mut self.skip);
        Ok(Some(segment.freeze().slice(skipped..)))
    }
}
