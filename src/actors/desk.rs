//! What sockets ask of records, answered by the rules that HTTP goes by.
//!
//! The rules and the records are above this layer; whoever has them sits down at the [`Desk`].

use std::pin::Pin;

use bytes::Bytes;

use crate::domain::file::FilePurpose;
use crate::domain::id::{FileId, ResultId};
use crate::domain::identity::Principal;
use crate::domain::provenance::Provenance;
use crate::error::Result;

/// An answer that is being worked out.
pub type Waiting<'a, T> = Pin<Box<dyn Future<Output = Result<T>> + Send + 'a>>;

/// A caller, and where the socket they ask by came from.
#[derive(Clone, Copy)]
pub struct Asker<'a> {
    pub principal: &'a Principal,
    pub provenance: &'a Provenance,
}

/// A file that came in one message.
#[derive(Debug)]
pub struct Sent {
    pub name: String,
    pub purpose: FilePurpose,
    pub bytes: Bytes,
}

/// The file of a result.
#[derive(Debug)]
pub enum Found {
    Whole {
        name: String,
        media: String,
        bytes: Bytes,
    },
    /// Too large for a message; it can be had there.
    At(String),
}

/// Answers what sockets ask.
pub trait Desk: Send + Sync + 'static {
    /// The file of a result, if it has at most `most` bytes.
    fn result_file<'a>(&'a self, by: Asker<'a>, id: ResultId, most: usize) -> Waiting<'a, Found>;

    /// Keeps a file.
    fn keep_file<'a>(&'a self, by: Asker<'a>, sent: Sent) -> Waiting<'a, FileId>;
}
