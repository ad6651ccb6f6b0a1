//! A way to reach people, and how it fails.

use std::time::Duration;

/// How often a failed message is tried again (contract §5.18).
const RETRIES: i32 = 5;
/// How many times longer each pause is than the one before.
const GROWTH: f64 = 4.0;

/// One way to reach people.
pub trait Channel: Send + Sync {
    /// The label its messages are counted under.
    const NAME: &'static str;
    type Message: Message;

    /// Hands one message to whoever carries it on.
    fn send(&self, message: &Self::Message) -> impl Future<Output = Result<(), Failed>> + Send;
}

/// What can be sent over a channel.
pub trait Message: Send + Sync {
    /// What it is about, of a closed set, for the log.
    fn kind(&self) -> &'static str;
}

/// Why a message was not taken. It says nothing of the message or its receiver: servers repeat
/// addresses in what they answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Failed {
    /// Of a closed set.
    pub reason: &'static str,
    /// Trying again would end the same way.
    pub is_final: bool,
}

/// How long to wait after the failure of number `failures`, counted from 1; none when it was the
/// last try. `jitter` between 0 and 1 spreads senders that failed together.
pub(super) fn pause(first: Duration, failures: i32, jitter: f64) -> Option<Duration> {
    (failures <= RETRIES)
        .then(|| first.mul_f64(GROWTH.powi(failures - 1)).mul_f64(0.8 + 0.4 * jitter))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_retries_with_pauses_four_times_as_long_each() {
        let first = Duration::from_secs(5);
        let pauses: Vec<_> = (1..=6).map(|n| pause(first, n, 0.5)).collect();

        let seconds = |n| Some(Duration::from_secs(n));
        assert_eq!(
            pauses,
            [5, 20, 80, 320, 1280].map(seconds).into_iter().chain([None]).collect::<Vec<_>>()
        );
        assert_eq!(pause(first, 1, 0.0), Some(Duration::from_secs(4)));
        assert_eq!(pause(first, 1, 1.0), Some(Duration::from_secs(6)));
    }
}
