//! One timer wheel for all connections: pings, their deadlines, and the deadline to be let in.
//!
//! A connection is one weak entry in one slot of the wheel, whatever it waits for, so an idle
//! socket costs no timer of its own and a flood of strangers no more than a flood of entries.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::{MissedTickBehavior, interval};

use crate::actors::outbound::Outbound;
use crate::domain::closure::Closure;

/// A connection that must show signs of life.
pub trait Beating: Send + Sync {
    fn outbound(&self) -> &Outbound;
    /// Asks the peer for a sign of life.
    fn ping(&self);
    /// Ends the connection.
    fn end(self: Arc<Self>, closure: Closure);
}

/// How often to ping and how long to wait.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    pub interval: Duration,
    pub timeout: Duration,
    /// How long a connection may stay without anyone being let in over it.
    pub admission: Option<Duration>,
}

/// The wheel. Dropping the last handle stops it.
#[derive(Debug)]
pub struct Heartbeat {
    slots: Box<[Mutex<Vec<Entry>>]>,
    /// Ticks since the start; wraps after years.
    clock: AtomicU32,
    interval: u32,
    timeout: u32,
    admission: Option<u32>,
}

struct Entry {
    beating: Weak<dyn Beating>,
    phase: Phase,
}

impl std::fmt::Debug for Entry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.phase.fmt(f)
    }
}

#[derive(Debug, Clone, Copy)]
enum Phase {
    /// Time to ping.
    Ping,
    /// Time to have heard the answer to the ping sent at this tick.
    Check { pinged: u32 },
    /// Time to have been let in.
    Admission,
}

impl Heartbeat {
    /// Starts the wheel in the background.
    pub fn start(settings: Settings) -> Arc<Self> {
        let longest =
            settings.interval.max(settings.timeout).max(settings.admission.unwrap_or_default());
        let tick = (settings.interval.min(settings.timeout) / 40)
            .clamp(Duration::from_millis(5), Duration::from_millis(250));
        let ticks = |span: Duration| {
            u32::try_from(span.as_millis().div_ceil(tick.as_millis())).unwrap_or(u32::MAX)
        };
        let slots = (0..=ticks(longest)).map(|_| Mutex::default()).collect();
        let heartbeat = Arc::new(Self {
            slots,
            clock: AtomicU32::new(1),
            interval: ticks(settings.interval),
            timeout: ticks(settings.timeout),
            admission: settings.admission.map(ticks),
        });
        tokio::spawn(turn(Arc::downgrade(&heartbeat), tick));
        heartbeat
    }

    /// Takes a new connection under watch.
    pub fn watch<B: Beating + 'static>(&self, beating: &Arc<B>) {
        let weak: Weak<dyn Beating> = Arc::<B>::downgrade(beating);
        if let Some(admission) = self.admission {
            let beating = Weak::clone(&weak);
            self.schedule(admission, Entry { beating, phase: Phase::Admission });
        }
        self.schedule(self.interval, Entry { beating: weak, phase: Phase::Ping });
    }

    /// Notes a sign of life.
    pub fn heard(&self, outbound: &Outbound) {
        outbound.hear(self.now());
    }

    fn now(&self) -> u32 {
        self.clock.load(Ordering::Relaxed)
    }

    fn schedule(&self, after: u32, entry: Entry) {
        let after = (after.max(1) as usize).min(self.slots.len() - 1);
        let slot = (self.now() as usize + after) % self.slots.len();
        self.slots[slot].lock().push(entry);
    }

    fn tick(&self) {
        let now = self.clock.fetch_add(1, Ordering::Relaxed) + 1;
        let due = std::mem::take(&mut *self.slots[now as usize % self.slots.len()].lock());
        for Entry { beating, phase } in due {
            let Some(connection) = beating.upgrade() else { continue };
            if let Some(closure) = connection.outbound().closing() {
                // A connection nobody drives, such as a silent polling one, ends here.
                connection.end(closure);
                continue;
            }
            match phase {
                Phase::Admission if connection.outbound().is_admitted() => {}
                Phase::Admission => connection.end(Closure::ConnectTimeout),
                Phase::Ping => {
                    connection.ping();
                    self.schedule(
                        self.timeout,
                        Entry { beating, phase: Phase::Check { pinged: now } },
                    );
                }
                Phase::Check { pinged } if has_come(connection.outbound().heard(), pinged) => {
                    let after = self.interval.saturating_sub(self.timeout);
                    self.schedule(after, Entry { beating, phase: Phase::Ping });
                }
                Phase::Check { .. } => connection.end(Closure::PingTimeout),
            }
        }
    }
}

async fn turn(heartbeat: Weak<Heartbeat>, tick: Duration) {
    let mut ticks = interval(tick);
    // Late ticks are made up for, or a busy second would stretch every deadline.
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    ticks.tick().await;
    loop {
        ticks.tick().await;
        let Some(heartbeat) = heartbeat.upgrade() else { return };
        heartbeat.tick();
    }
}

/// Whether `heard` is at or after `pinged` on a clock that wraps.
fn has_come(heard: u32, pinged: u32) -> bool {
    heard.wrapping_sub(pinged) < u32::MAX / 2
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Peer {
        outbound: Arc<Outbound>,
        pings: AtomicU32,
    }

    impl Beating for Peer {
        fn outbound(&self) -> &Outbound {
            &self.outbound
        }
        fn ping(&self) {
            self.pings.fetch_add(1, Ordering::Relaxed);
        }
        fn end(self: Arc<Self>, closure: Closure) {
            self.outbound.close(closure);
        }
    }

    fn peer() -> Arc<Peer> {
        Arc::new(Peer { outbound: Outbound::polling(), pings: AtomicU32::new(0) })
    }

    fn wheel(admission: Option<Duration>) -> Arc<Heartbeat> {
        Heartbeat::start(Settings {
            interval: Duration::from_millis(300),
            timeout: Duration::from_millis(200),
            admission,
        })
    }

    #[tokio::test(start_paused = true)]
    async fn who_answers_stays_and_who_does_not_is_closed() {
        let heartbeat = wheel(None);
        let (alive, dead) = (peer(), peer());
        heartbeat.watch(&alive);
        heartbeat.watch(&dead);

        for _ in 0..200 {
            tokio::time::advance(Duration::from_millis(5)).await;
            heartbeat.heard(&alive.outbound);
        }

        assert_eq!(alive.outbound.closing(), None);
        assert!(alive.pings.load(Ordering::Relaxed) >= 2);
        assert_eq!(dead.outbound.closing(), Some(Closure::PingTimeout));
        assert_eq!(dead.pings.load(Ordering::Relaxed), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_stranger_is_closed_at_the_deadline() {
        let heartbeat = wheel(Some(Duration::from_millis(100)));
        let (guest, stranger) = (peer(), peer());
        heartbeat.watch(&guest);
        heartbeat.watch(&stranger);
        guest.outbound.admit();

        for _ in 0..25 {
            tokio::time::advance(Duration::from_millis(5)).await;
        }

        assert_eq!(guest.outbound.closing(), None);
        assert_eq!(stranger.outbound.closing(), Some(Closure::ConnectTimeout));
    }
}
