//! When failed sign-ins lock an account (contract §3.5).

use std::time::Duration;

use crate::domain::time::Timestamp;

/// Failures within [`WINDOW`] that lock.
const LIMIT: i64 = 10;
const WINDOW: Duration = Duration::from_mins(15);
const LOCKED_FOR: Duration = Duration::from_mins(15);

/// The failed sign-ins of an account.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Failures {
    pub count: i64,
    /// The first of them.
    pub since: Option<Timestamp>,
    pub locked_until: Option<Timestamp>,
}

impl Failures {
    /// How long the account is still locked, in whole seconds.
    pub fn locked_for(self, now: Timestamp) -> Option<u64> {
        let left = self.locked_until?.since(now);
        (!left.is_zero()).then(|| left.as_secs().max(1))
    }

    /// Whether they still count towards a lock, or hold one.
    pub fn matter(self, now: Timestamp) -> bool {
        let count = self.since.is_some_and(|since| now.since(since) < WINDOW);
        count || self.locked_for(now).is_some()
    }

    /// One more failure. The one that locks starts the count anew.
    #[must_use]
    pub fn and_another(self, now: Timestamp) -> Self {
        let fresh = self.since.is_none_or(|since| now.since(since) >= WINDOW);
        let (count, since) =
            if fresh { (1, now) } else { (self.count + 1, self.since.unwrap_or(now)) };
        if count >= LIMIT {
            return Self { count: 0, since: None, locked_until: Some(now.plus(LOCKED_FOR)) };
        }
        Self { count, since: Some(since), locked_until: None }
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
    fn a_lock_once_over_leaves_ten_tries() {
        let locked = after(0..10);
        let later = locked.and_another(Timestamp(16 * MINUTE));

        assert_eq!(later.count, 1);
        assert_eq!(later.locked_until, None);
    }
}
