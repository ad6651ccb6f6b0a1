//! One body, two engines.

use super::{Store, Tx};

/// The same thing for either engine.
#[derive(Debug)]
pub(crate) enum Either<S, P> {
    Sqlite(S),
    Postgres(P),
}

/// Runs one body on whichever engine a [`Store`](super::Store) or [`Tx`](super::Tx) holds.
///
/// On a `Store` the body gets a pool of readers (on SQLite they refuse writes); on a `Tx` the
/// connection of the transaction, to be lent on with `&mut *conn` when used more than once. Either
/// way the time is measured.
macro_rules! on {
    ($held:expr, |$conn:ident| $body:expr) => {{
        let _timed = $held.timed();
        match $held.engine() {
            $crate::persistence::store::Either::Sqlite($conn) => $body,
            $crate::persistence::store::Either::Postgres($conn) => $body,
        }
    }};
}

/// Where something is read: by the store's readers, or in a transaction, which holds the rows it is about to
/// write.
#[derive(Debug)]
pub enum Source<'a> {
    Store(&'a Store),
    Tx(&'a mut Tx),
}

impl<'a> From<&'a Store> for Source<'a> {
    fn from(store: &'a Store) -> Self {
        Self::Store(store)
    }
}

impl<'a> From<&'a mut Tx> for Source<'a> {
    fn from(tx: &'a mut Tx) -> Self {
        Self::Tx(tx)
    }
}

impl Source<'_> {
    /// The same for somebody else.
    pub fn lend(&mut self) -> Source<'_> {
        match self {
            Self::Store(store) => Source::Store(store),
            Self::Tx(tx) => Source::Tx(tx),
        }
    }

    /// The SQL for this engine, where one text cannot serve both.
    pub(crate) fn text(&self, sqlite: &'static str, postgres: &'static str) -> &'static str {
        match self {
            Self::Store(store) => store.text(sqlite, postgres),
            Self::Tx(tx) => tx.text(sqlite, postgres),
        }
    }
}

/// [`on!`], wherever it is read.
macro_rules! on_source {
    ($source:expr, |$conn:ident| $body:expr) => {
        match &mut $source {
            $crate::persistence::Source::Store(store) => on!(store, |$conn| $body),
            $crate::persistence::Source::Tx(tx) => on!(tx, |$conn| $body),
        }
    };
}
