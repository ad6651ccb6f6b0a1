//! When failed sign-ins lock an account (contract §3.5).

use std::time::Duration;

use crate::domain::time::Timestamp;

/// Failures within any [`WINDOW`] that lock.
const LIMIT: usize = 10;
const WINDOW: Duration = Duration::from_mins(15);
const LOCKED_FOR: Duration = Duration::from_mins(15);

/// The failed sign-ins under a name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Failures {
    /// When the latest were, the oldest first; fewer than lock.
    pub recent: Vec<Timestamp>,
    pub locked_until: Option<Timestamp>,
}

impl Failures {
    /// After this long without one more, they no longer matter.
    pub const MATTER_FOR: Duration = LOCKED_FOR;

    /// How long the name is still locked, in whole seconds.
    pub fn locked_for(&self, now: Timestamp) -> Option<u64> {
        let left = self.locked_until?.since(now);
        (!left.is_zero()).then(|| left.as_secs().max(1))
    }

    /// One more failure. The one that locks starts the count anew.
    #[must_use]
    pub fn and_another(&self, now: Timestamp) -> Self {
        let counted = self.recent.iter().copied().filter(|at| now.since(*at) < WINDOW);
        let recent: Vec<_> = counted.chain([now]).collect();
        if recent.len() >= LIMIT {
            return Self { recent: Vec::new(), locked_until: Some(now.plus(LOCKED_FOR)) };
        }
        Self { recent, locked_until: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: i64 = 60_000;

    fn after(times: impl IntoIterator<Item = i64>) -> Failures {
        times
            .into_iter()
            .fold(Failures::default(), |failures, at| failures.and_another(Timestamp(at)))
    }

    #[test]
    fn the_tenth_failure_in_a_quarter_of_an_hour_locks_for_another() {
        assert_eq!(after(0..9).locked_for(Timestamp(10)), None);

        let locked = after(0..10);

        assert_eq!(locked.locked_for(Timestamp(9)), Some(900));
        assert_eq!(locked.locked_for(Timestamp(9 + 15 * MINUTE)), None);
    }

    #[test]
    fn failures_spread_over_time_do_not_lock() {
        let spread = after((0..20).map(|n| n * 2 * MINUTE));

        assert_eq!(spread.locked_for(Timestamp(40 * MINUTE)), None);
    }

    #[test]
    fn any_quarter_of_an_hour_counts_wherever_it_begins() {
        // The first lies just outside of what the tenth to follow looks back on.
        let slow = [0].into_iter().chain((1..=9).map(|n| (6 + n) * MINUTE));
        let failures = after(slow.clone());
        assert_eq!(failures.locked_for(Timestamp(15 * MINUTE)), None);

        let locked = failures.and_another(Timestamp(16 * MINUTE));

        assert!(
            locked.locked_for(Timestamp(16 * MINUTE)).is_some(),
            "ten since the seventh minute"
        );
    }

    #[test]
    fn a_lock_once_over_leaves_ten_tries() {
        let locked = after(0..10);
        let later = locked.and_another(Timestamp(16 * MINUTE));

        assert_eq!(later.recent, [Timestamp(16 * MINUTE)]);
        assert_eq!(later.locked_until, None);
    }
}
