//! Recent durations and rates, for the live dashboard; Prometheus keeps its own.

use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// Durations kept.
const WINDOW: usize = 512;

/// The latest durations of something.
#[derive(Debug, Default)]
pub(super) struct Meter {
    recent: Mutex<Recent>,
}

#[derive(Debug, Default)]
struct Recent {
    durations: Vec<Duration>,
    next: usize,
}

impl Meter {
    pub(super) fn record(&self, took: Duration) {
        let mut recent = self.recent.lock();
        let slot = recent.next;
        match recent.durations.get_mut(slot) {
            Some(old) => *old = took,
            None => recent.durations.push(took),
        }
        recent.next = (slot + 1) % WINDOW;
    }

    /// The recorded durations, in no order.
    pub(super) fn recent(&self) -> Vec<Duration> {
        self.recent.lock().durations.clone()
    }
}

/// The duration that 95 % do not exceed; zero of none.
pub(super) fn p95(mut durations: Vec<Duration>) -> Duration {
    durations.sort_unstable();
    let rank = (durations.len() * 95).div_ceil(100);
    rank.checked_sub(1).and_then(|index| durations.get(index)).copied().unwrap_or_default()
}

/// Turns a rising count into a rate: that of the latest period, however often and by whomever read.
#[derive(Debug)]
pub(super) struct Rate {
    latest: Mutex<Period>,
}

#[derive(Debug)]
struct Period {
    count: u64,
    ended: Instant,
    per_second: f64,
}

impl Rate {
    pub(super) fn new(now: Instant) -> Self {
        Self { latest: Mutex::new(Period { count: 0, ended: now, per_second: 0.0 }) }
    }

    /// Ends a period at this count.
    pub(super) fn note(&self, count: u64, now: Instant) {
        let mut latest = self.latest.lock();
        let seconds = now.duration_since(latest.ended).as_secs_f64();
        if seconds <= 0.0 {
            return;
        }
        #[expect(clippy::cast_precision_loss, reason = "a rate needs no exact integer")]
        let risen = count.saturating_sub(latest.count) as f64;
        *latest = Period { count, ended: now, per_second: risen / seconds };
    }

    pub(super) fn per_second(&self) -> f64 {
        self.latest.lock().per_second
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_95th_percentile_is_one_of_the_values() {
        let durations = (1..=100).map(Duration::from_millis).collect();

        assert_eq!(p95(durations), Duration::from_millis(95));
        assert_eq!(p95(vec![Duration::from_millis(7)]), Duration::from_millis(7));
        assert_eq!(p95(Vec::new()), Duration::ZERO);
    }

    #[test]
    fn a_meter_keeps_the_latest() {
        let meter = Meter::default();
        for _ in 0..WINDOW {
            meter.record(Duration::from_secs(1));
        }
        meter.record(Duration::from_secs(9));

        assert_eq!(meter.recent().len(), WINDOW);
        assert!(meter.recent().contains(&Duration::from_secs(9)));
    }

    #[test]
    fn a_rate_is_that_of_the_latest_period_for_everyone_who_looks() {
        let start = Instant::now();
        let rate = Rate::new(start);
        let is = |expected: f64| (rate.per_second() - expected).abs() < 1e-9;

        rate.note(20, start + Duration::from_secs(2));
        assert!(is(10.0) && is(10.0));
        rate.note(25, start + Duration::from_secs(3));
        assert!(is(5.0));
    }
}
