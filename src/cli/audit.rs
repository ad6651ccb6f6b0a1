//! Follows the chain over the audit trail from its first line to its last.

use crate::domain::audit_chain::{Break, Walk};
use crate::error::Result;
use crate::persistence::{Store, audit_seals};

/// Seals followed in one step.
const BATCH: i64 = 1000;

/// What was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Finding {
    /// Lines whose seals are good.
    pub sealed: u64,
    /// Lines that were written too lately to be sealed.
    pub waiting: i64,
    /// Where the chain breaks first.
    pub broken: Option<Break>,
}

/// Follows the chain and tells of every step.
pub async fn verify(store: &Store, mut progress: impl FnMut(u64)) -> Result<Finding> {
    let (mut walk, mut after) = (Walk::default(), i64::MIN);
    loop {
        let seals = audit_seals::seals(store, after, BATCH).await?;
        let Some(last) = seals.last().map(|seal| seal.audit_id) else { break };
        let lines = audit_seals::lines(store, after, last).await?;
        if let Err(found) = walk.follow(&seals, &lines) {
            return Ok(Finding { sealed: walk.sealed, waiting: 0, broken: Some(found) });
        }
        after = last;
        progress(walk.sealed);
    }
    let waiting = audit_seals::count_after(store, after).await?;
    Ok(Finding { sealed: walk.sealed, waiting, broken: None })
}

impl std::fmt::Display for Finding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.broken {
            Some(found) => write!(f, "broken after {} lines: {found}", self.sealed),
            None => write!(f, "whole: {} lines sealed, {} waiting", self.sealed, self.waiting),
        }
    }
}
