//! How many events clients sent, altogether and by name.

use std::sync::atomic::{AtomicU64, Ordering};

use dashmap::DashMap;
use metrics::{Counter, counter};

use super::socket::Namespace;
use crate::telemetry::names;

/// What the clients of this node sent since it started.
#[derive(Debug, Default)]
pub(super) struct Received {
    total: AtomicU64,
    /// Every message counts, so a counter is looked up by its labels only once.
    by_name: DashMap<(Namespace, &'static str), Counter>,
}

impl Received {
    /// Counts an event of the registry, or one it does not know.
    pub(super) fn count(&self, namespace: Namespace, event: Option<&'static str>) {
        self.total.fetch_add(1, Ordering::Relaxed);
        let event = event.unwrap_or("unknown");
        if let Some(counter) = self.by_name.get(&(namespace, event)) {
            return counter.increment(1);
        }
        let counter =
            counter!(names::WS_MESSAGES_IN, "namespace" => namespace.name(), "event" => event);
        self.by_name.entry((namespace, event)).or_insert(counter).increment(1);
    }

    pub(super) fn total(&self) -> u64 {
        self.total.load(Ordering::Relaxed)
    }
}
