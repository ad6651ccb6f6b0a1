//! What a node does again and again on the side.

use std::time::Duration;

use tokio::time::{Interval, MissedTickBehavior, interval};

/// A clock for rounds: the first at once, the others `every` so often. After one that took longer the next
/// waits in full, so that trouble is not hurried.
pub fn rounds(every: Duration) -> Interval {
    let mut ticks = interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}
