//! How long database work takes, by what is done: `latido_db_query_seconds`.
//!
//! A statement outside a transaction is a `read` and includes the wait for a connection, which for
//! a transaction is its `begin`; inside one every statement is a `write`, and the end a `commit`.

use std::time::Instant;

use metrics::{Histogram, histogram};

use crate::telemetry::names;

/// The histograms of one store. They are found once, so that measuring is two looks at the clock.
#[derive(Debug)]
pub(crate) struct Timing {
    pub(crate) read: Histogram,
    pub(crate) begin: Histogram,
    pub(crate) write: Histogram,
    pub(crate) commit: Histogram,
}

impl Timing {
    pub(crate) fn new() -> Self {
        let of = |op: &'static str| histogram!(names::DB_QUERY_SECONDS, "op" => op);
        Self { read: of("read"), begin: of("begin"), write: of("write"), commit: of("commit") }
    }
}

/// Work under way. Recorded when dropped, so failures and work given up count too.
#[derive(Debug)]
pub(crate) struct Timed {
    histogram: Histogram,
    started: Instant,
}

impl Timed {
    pub(crate) fn by(histogram: &Histogram) -> Self {
        Self { histogram: histogram.clone(), started: Instant::now() }
    }
}

impl Drop for Timed {
    fn drop(&mut self) {
        self.histogram.record(self.started.elapsed());
    }
}
