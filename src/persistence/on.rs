//! One body, two engines.

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
