//! One timer wheel for all connections: pings, their deadlines, the deadline to be let in, and the
//! one to finish what was begun.
//!
//! A connection is one weak entry in one slot of the wheel for each thing it waits for, so an idle
//! socket costs no timer of its own and a flood of strangers no more than a flood of entries.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::{MissedTickBehavior, interval};

use crate::actors::outbound::Outbound;
use crate::domain::closure::Closure;

/// A connection that must show signs of life.
pub trait Beating: Send + Sync {
    fn outbound(&self) -> &Outbound;
    /// What it has begun to say.
    fn unfinished(&self) -> &Unfinished;
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
    /// How long a message, or a packet with its attachments, may take from its first byte on.
    pub message: Duration,
}

/// Whether a connection is in the middle of a message, and since when.
#[derive(Debug, Default)]
pub struct Unfinished {
    /// The tick it began at; 0 while nothing is unfinished.
    since: AtomicU32,
    /// Whether an entry of the wheel looks after it. There is never a second one, however often
    /// the peer begins anew.
    is_watched: AtomicBool,
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
    message: u32,
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
    /// Time to have finished a message.
    Message,
}

impl Unfinished {
    /// Whatever began is whole now.
    pub fn finish(&self) {
        if self.since.load(Ordering::Relaxed) != 0 {
            self.since.store(0, Ordering::SeqCst);
        }
    }

    /// Notes that something began. True when it has to be watched from now on.
    fn begin(&self, now: u32) -> bool {
        if self.since.load(Ordering::Relaxed) != 0 {
            return false;
        }
        self.since.store(now, Ordering::SeqCst);
        !self.is_watched.swap(true, Ordering::SeqCst)
    }

    /// Ticks left of those that are allowed. None when there is nothing to watch any more.
    fn left(&self, now: u32, allowed: u32) -> Option<u32> {
        loop {
            let since = self.since.load(Ordering::SeqCst);
            if since != 0 {
                return Some(allowed.saturating_sub(now.wrapping_sub(since)));
            }
            self.is_watched.store(false, Ordering::SeqCst);
            // Something may have begun between the two looks, and found itself watched.
            let is_idle = self.since.load(Ordering::SeqCst) == 0;
            if is_idle || self.is_watched.swap(true, Ordering::SeqCst) {
                return None;
            }
        }
    }
}

impl Heartbeat {
    /// Starts the wheel in the background.
    pub fn start(settings: Settings) -> Arc<Self> {
        let admission = settings.admission.unwrap_or_default();
        let longest = settings.interval.max(settings.timeout).max(admission).max(settings.message);
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
            message: ticks(settings.message),
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

    /// Notes that a message began and is not whole. The first beginning counts until all is whole.
    pub fn begun<B: Beating + 'static>(&self, beating: &Arc<B>) {
        if beating.unfinished().begin(self.now()) {
            let beating: Weak<dyn Beating> = Arc::<B>::downgrade(beating);
            self.schedule(self.message, Entry { beating, phase: Phase::Message });
        }
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
                Phase::Message => match connection.unfinished().left(now, self.message) {
                    None => {}
                    Some(0) => connection.end(Closure::MessageTimeout),
                    Some(left) => self.schedule(left, Entry { beating, phase }),
                },
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
        unfinished: Unfinished,
        pings: AtomicU32,
    }

    impl Beating for Peer {
        fn outbound(&self) -> &Outbound {
            &self.outbound
        }
        fn unfinished(&self) -> &Unfinished {
            &self.unfinished
        }
        fn ping(&self) {
            self.pings.fetch_add(1, Ordering::Relaxed);
        }
        fn end(self: Arc<Self>, closure: Closure) {
            self.outbound.close(closure);
        }
    }

    fn peer() -> Arc<Peer> {
        Arc::new(Peer {
            outbound: Outbound::polling(),
            unfinished: Unfinished::default(),
            pings: AtomicU32::new(0),
        })
    }

    fn wheel(admission: Option<Duration>) -> Arc<Heartbeat> {
        Heartbeat::start(Settings {
            interval: Duration::from_millis(300),
            timeout: Duration::from_millis(200),
            admission,
            message: Duration::from_millis(100),
        })
    }

    fn entries(heartbeat: &Heartbeat) -> usize {
        heartbeat.slots.iter().map(|slot| slot.lock().len()).sum()
    }

    /// Lets the wheel turn; `each` is called before every tick.
    async fn pass(span: Duration, mut each: impl FnMut()) {
        for _ in 0..span.as_millis() / 5 {
            each();
            tokio::time::advance(Duration::from_millis(5)).await;
        }
    }

    #[tokio::test(start_paused = true)]
    async fn who_answers_stays_and_who_does_not_is_closed() {
        let heartbeat = wheel(None);
        let (alive, dead) = (peer(), peer());
        heartbeat.watch(&alive);
        heartbeat.watch(&dead);

        pass(Duration::from_secs(1), || heartbeat.heard(&alive.outbound)).await;

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

        pass(Duration::from_millis(125), || ()).await;

        assert_eq!(guest.outbound.closing(), None);
        assert_eq!(stranger.outbound.closing(), Some(Closure::ConnectTimeout));
    }

    #[tokio::test(start_paused = true)]
    async fn a_message_that_is_not_whole_in_time_closes_its_connection() {
        let heartbeat = wheel(None);
        let (quick, slow) = (peer(), peer());
        heartbeat.begun(&slow);

        // One message after the other, each in time, for longer than one may take.
        pass(Duration::from_millis(250), || {
            quick.unfinished.finish();
            heartbeat.begun(&quick);
            heartbeat.begun(&slow);
        })
        .await;

        assert_eq!(quick.outbound.closing(), None);
        assert_eq!(slow.outbound.closing(), Some(Closure::MessageTimeout));
    }

    #[tokio::test(start_paused = true)]
    async fn no_caller_has_more_entries_than_it_has_deadlines() {
        let heartbeat = wheel(Some(Duration::from_millis(100)));
        let noisy = peer();
        heartbeat.watch(&noisy);

        for _ in 0..1000 {
            heartbeat.heard(&noisy.outbound);
            heartbeat.begun(&noisy);
            noisy.unfinished.finish();
        }

        assert_eq!(entries(&heartbeat), 3, "to ping, to be let in, to finish");
        noisy.outbound.admit();
        pass(Duration::from_millis(150), || ()).await;
        assert_eq!(entries(&heartbeat), 1, "to ping");
    }
}
