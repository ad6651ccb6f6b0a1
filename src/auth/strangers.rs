//! Failed sign-ins under names that are nobody's.
//!
//! They are counted like an account's and lock the name alike, so that a lock-out does not tell
//! which names exist. Each node counts for itself, in memory, and keeps no name in clear.

use dashmap::DashMap;

use super::digest;
use crate::domain::identity::Failures;
use crate::domain::time::Timestamp;

/// Names remembered at most; a flood of others is not told apart.
const MOST: usize = 100_000;

/// The names, by digest.
#[derive(Debug, Default)]
pub struct Strangers(DashMap<String, Failures>);

impl Strangers {
    /// How long the name is still locked, in whole seconds.
    pub fn locked_for(&self, name: &str, now: Timestamp) -> Option<u64> {
        self.0.get(&digest(name))?.locked_for(now)
    }

    /// One more failure under the name.
    pub fn note(&self, name: &str, now: Timestamp) {
        let name = digest(name);
        if self.0.len() < MOST || self.0.contains_key(&name) {
            let mut failures = self.0.entry(name).or_default();
            *failures = failures.and_another(now);
        }
    }

    /// Forgets the name: it became somebody's, or its owner came in.
    pub fn forget(&self, name: &str) {
        self.0.remove(&digest(name));
    }

    /// Forgets names that no longer matter.
    pub fn sweep(&self, now: Timestamp) {
        self.0.retain(|_, failures| failures.matter(now));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_strangers_name_is_locked_like_an_account_and_forgotten_after() {
        let strangers = Strangers::default();
        for at in 0..10 {
            assert_eq!(strangers.locked_for("nobody", Timestamp(at)), None);
            strangers.note("nobody", Timestamp(at));
        }

        assert_eq!(strangers.locked_for("nobody", Timestamp(9)), Some(900));
        assert_eq!(strangers.locked_for("somebody", Timestamp(10)), None);

        strangers.sweep(Timestamp(60_000));
        assert_eq!(strangers.0.len(), 1);
        strangers.sweep(Timestamp(16 * 60_000));
        assert!(strangers.0.is_empty());
    }
}
