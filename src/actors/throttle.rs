//! A token bucket for what one connection or one user sends (contract §6.10).

use std::time::{Duration, Instant};

/// How much is allowed.
#[derive(Debug, Clone, Copy)]
pub struct Allowance {
    pub per_second: f64,
    pub burst: f64,
}

impl Allowance {
    pub const UNLIMITED: Self = Self { per_second: f64::INFINITY, burst: f64::INFINITY };
    /// Candidates of one connection, which come in showers when a call begins.
    pub const CANDIDATES: Self = Self { per_second: 200.0, burst: 400.0 };
}

/// How long someone may exceed the allowance before the connection is closed.
const PATIENCE: Duration = Duration::from_secs(5);
/// An excess that paused this long starts anew.
const FORGIVEN_AFTER: Duration = Duration::from_secs(1);

/// Tokens left, and since when there were none.
#[derive(Debug)]
pub struct Throttle {
    tokens: f64,
    at: Instant,
    excess: Option<(Instant, Instant)>,
}

/// What to do with one more event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Pass,
    /// Refuse this one.
    Excess,
    /// Excess went on too long: close.
    Abuse,
}

impl Throttle {
    pub fn new(allowance: Allowance, now: Instant) -> Self {
        Self { tokens: allowance.burst, at: now, excess: None }
    }

    pub fn take(&mut self, allowance: Allowance, now: Instant) -> Verdict {
        let gained = now.duration_since(self.at).as_secs_f64() * allowance.per_second;
        self.tokens = (self.tokens + gained).min(allowance.burst);
        self.at = now;
        if self.tokens >= 1.0 {
            self.tokens -= 1.0;
            return Verdict::Pass;
        }
        let since = match self.excess {
            Some((since, last)) if now.duration_since(last) < FORGIVEN_AFTER => since,
            _ => now,
        };
        self.excess = Some((since, now));
        if now.duration_since(since) >= PATIENCE { Verdict::Abuse } else { Verdict::Excess }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALLOWANCE: Allowance = Allowance { per_second: 50.0, burst: 100.0 };

    #[test]
    fn a_burst_passes_and_the_rest_waits_for_new_tokens() {
        let start = Instant::now();
        let mut throttle = Throttle::new(ALLOWANCE, start);

        let passed = (0..150).filter(|_| throttle.take(ALLOWANCE, start) == Verdict::Pass).count();
        let later = start + Duration::from_millis(100);
        let refilled =
            (0..150).filter(|_| throttle.take(ALLOWANCE, later) == Verdict::Pass).count();

        assert_eq!((passed, refilled), (100, 5));
    }

    #[test]
    fn five_seconds_of_excess_are_abuse_and_a_pause_is_forgiven() {
        let start = Instant::now();
        let flood = |throttle: &mut Throttle, from: u64, to: u64| {
            (from..to)
                .flat_map(|tenth| std::iter::repeat_n(tenth, 20))
                .map(|tenth| throttle.take(ALLOWANCE, start + Duration::from_millis(tenth * 100)))
                .collect::<Vec<_>>()
        };
        let mut steady = Throttle::new(ALLOWANCE, start);
        let mut pausing = Throttle::new(ALLOWANCE, start);

        assert!(flood(&mut steady, 0, 70).contains(&Verdict::Abuse));
        assert!(!flood(&mut pausing, 0, 40).contains(&Verdict::Abuse));
        assert!(!flood(&mut pausing, 60, 100).contains(&Verdict::Abuse));
    }
}
