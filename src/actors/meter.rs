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

/// Turns a rising count into a rate.
#[derive(Debug)]
pub(super) struct Rate {
    last: Mutex<(u64, Instant)>,
}

impl Rate {
    pub(super) fn new(now: Instant) -> Self {
        Self { last: Mutex::new((0, now)) }
    }

    /// Per second since the last call.
    pub(super) fn per_second(&self, count: u64, now: Instant) -> f64 {
        let mut last = self.last.lock();
        let (before, then) = std::mem::replace(&mut *last, (count, now));
        let seconds = now.duration_since(then).as_secs_f64();
        if seconds <= 0.0 {
            return 0.0;
        }
        #[expect(clippy::cast_precision_loss, reason = "a rate needs no exact integer")]
        let risen = count.saturating_sub(before) as f64;
        risen / seconds
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
    fn a_rate_is_counted_from_the_last_look() {
        let start = Instant::now();
        let rate = Rate::new(start);

        assert!((rate.per_second(20, start + Duration::from_secs(2)) - 10.0).abs() < 1e-9);
        assert!((rate.per_second(25, start + Duration::from_secs(3)) - 5.0).abs() < 1e-9);
    }
}
