//! Seals the audit trail: a chain of hashes that grows behind it (contract §7).

use std::time::Duration;

use tracing::warn;

use crate::domain::time::Timestamp;
use crate::error::Result;
use crate::http::rounds::rounds;
use crate::persistence::{Store, audit_seals};

/// How often.
const EVERY: Duration = Duration::from_secs(2);
/// How old a line is when it is sealed: by then whatever was written before it has been committed.
const AGE: Duration = Duration::from_secs(5);
/// Lines sealed in one transaction.
const BATCH: i64 = 500;

/// Runs until its task is aborted.
pub(super) async fn run(store: Store) {
    let mut rounds = rounds(EVERY);
    loop {
        rounds.tick().await;
        if let Err(error) = seal(&store, Timestamp::now().minus(AGE)).await {
            warn!(%error, "audit trail not sealed");
        }
    }
}

async fn seal(store: &Store, before: Timestamp) -> Result<()> {
    while audit_seals::is_due(store, before).await? {
        if audit_seals::seal(store.begin().await?, before, BATCH).await? == 0 {
            break;
        }
    }
    Ok(())
}
