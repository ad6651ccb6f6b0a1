//! The wait before something that failed is tried again.

use std::time::Duration;

const FIRST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(5);

/// Doubles with each failure in a row, up to five seconds; nothing before the first.
pub(super) fn pause(failures: u32) -> Duration {
    match failures.checked_sub(1) {
        None => Duration::ZERO,
        Some(more) => FIRST.saturating_mul(2_u32.saturating_pow(more)).min(LONGEST),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_failure_in_a_row_doubles_it() {
        assert_eq!([0, 1, 2, 3].map(pause), [0, 100, 200, 400].map(Duration::from_millis));
        assert_eq!(pause(u32::MAX), LONGEST);
    }
}
