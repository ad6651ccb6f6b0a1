//! What the tables of the catalogue have besides being rows: drafts, names, and filters.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::domain::time::Timestamp;
use crate::error::Result;
use crate::persistence::Tx;
use crate::persistence::clinical::row::Row;

/// What the filters of a list mean for one table: SQL conditions on its columns, with one `?` for
/// each use of the value.
#[derive(Debug, Clone, Copy)]
pub struct Search {
    /// `q`, already a lower-case `like` pattern.
    pub text: &'static str,
    pub category: &'static str,
    pub location: &'static str,
    pub active: &'static str,
}

/// A row of the catalogue.
pub trait Entry: Row + Serialize {
    /// What a caller writes.
    type Draft: Serialize + DeserializeOwned + Send + Sync + 'static;

    const SEARCH: Search;

    /// What people call it; prices have no name.
    fn name(&self) -> Option<&str>;
    /// The row as its author would write it.
    fn draft(&self) -> Self::Draft;

    fn insert(
        tx: &mut Tx,
        draft: &Self::Draft,
        now: Timestamp,
    ) -> impl Future<Output = Result<Self>> + Send;

    /// Writes every field of a row that the transaction holds.
    fn update(
        &self,
        tx: &mut Tx,
        draft: &Self::Draft,
        now: Timestamp,
    ) -> impl Future<Output = Result<Self>> + Send;
}
