//! The figures administrators watch live, every two seconds while someone looks.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use ractor::{Actor, ActorRef};

use super::hub::Hub;
use super::{Outcome, backlog};
use crate::domain::events::ServerEvent as _;
use crate::domain::events::admin::AdminStats;
use crate::domain::events::values::MediaMode;
use crate::domain::time::Timestamp;
use crate::error::Result;
use crate::persistence::consultations::{list, recordings};
use crate::persistence::outbox;

/// How often the figures go out (contract §6.3).
const PERIOD: Duration = Duration::from_secs(2);

/// The actor that publishes `admin:stats`. Restarted at once; it remembers nothing.
pub(super) struct Dashboard;

pub(super) enum Message {
    Tick,
    /// Panics, so that tests can watch the recovery.
    Fail,
}

impl Actor for Dashboard {
    type Msg = Message;
    type State = Hub;
    type Arguments = Hub;

    async fn pre_start(&self, me: ActorRef<Message>, hub: Hub) -> Outcome<Hub> {
        me.send_interval(PERIOD, || Message::Tick);
        Ok(hub)
    }

    async fn handle(&self, _: ActorRef<Message>, message: Message, hub: &mut Hub) -> Outcome {
        match message {
            Message::Tick => hub.note_rates(Instant::now()),
            Message::Fail => panic!("failure injected into the dashboard"),
        }
        if hub.inner().registry.watchers() > 0 {
            let hub = hub.clone();
            // Reads the database, so not in here.
            tokio::spawn(async move { hub.publish_stats().await });
        }
        Ok(())
    }
}

impl Hub {
    /// Rooms with at least one peer, who sits there or is at the media server. Asks nobody, so probes may
    /// call it.
    pub fn active_rooms(&self) -> usize {
        self.rooms().totals().rooms()
    }

    fn note_rates(&self, now: Instant) {
        let inner = self.inner();
        inner.rates.0.note(inner.channels.published(), now);
        inner.rates.1.note(inner.received.total(), now);
    }

    /// The figures as of now; rates are those of the latest whole period.
    pub async fn stats(&self) -> AdminStats {
        let inner = self.inner();
        let pending = outbox::stats(self.store(), Timestamp::now()).await.unwrap_or_default();
        let census = self.census();
        AdminStats {
            total: wide(census.total),
            by_role: named(census.by_role),
            by_namespace: named(self.by_namespace()),
            active_rooms: wide(self.active_rooms()),
            peers: wide(self.rooms().totals().peers()),
            consultations_live: sum(list::live(self.store()).await),
            recordings: sum(recordings::running(self.store()).await),
            events_per_sec: inner.rates.0.per_second(),
            messages_in_per_sec: inner.rates.1.per_second(),
            p95_fanout_ms: inner.channels.p95().as_secs_f64() * 1000.0,
            queue_dropped: backlog::dropped(),
            outbox_pending: u64::try_from(pending.pending).unwrap_or_default(),
            nodes: 1,
            uptime: inner.started.elapsed().as_secs(),
            timestamp: Timestamp::now(),
        }
    }

    async fn publish_stats(&self) {
        self.publish(self.stats().await.event()).await;
    }
}

fn named(counts: BTreeMap<&'static str, usize>) -> BTreeMap<String, u64> {
    counts.into_iter().map(|(name, count)| (name.to_owned(), wide(count))).collect()
}

/// What is counted by mode; nothing where the database does not answer.
fn sum(counted: Result<Vec<(MediaMode, i64)>>) -> u64 {
    let counts = counted.unwrap_or_default().into_iter().map(|(_, count)| count);
    counts.sum::<i64>().try_into().unwrap_or_default()
}

fn wide(count: usize) -> u64 {
    count.try_into().expect("no machine counts beyond 64 bits")
}
