//! Whether the database lives, told within milliseconds even while it hangs.
//!
//! A question starts a ping, or joins the one that runs, and waits a moment for it. When the
//! moment passes, the last finished ping answers: a busy pool is not mistaken for a dead database,
//! and a dead one is reported as soon as its ping runs into [`LONGEST`].

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::timeout;

use crate::persistence::Store;

/// How long a question waits; `/health` promises an answer within 50 ms.
const PATIENCE: Duration = Duration::from_millis(35);
/// How long a ping may take before the database counts as down.
const LONGEST: Duration = Duration::from_secs(1);

/// The database's pulse. Cheap to clone.
#[derive(Clone)]
pub struct Pulse(Arc<Inner>);

struct Inner {
    store: Store,
    is_asking: AtomicBool,
    outcome: watch::Sender<bool>,
}

impl Pulse {
    /// Of a database that was opened, and so answered, just now.
    pub fn new(store: Store) -> Self {
        let (outcome, _) = watch::channel(true);
        Self(Arc::new(Inner { store, is_asking: AtomicBool::new(false), outcome }))
    }

    /// Whether the database answers, as far as can be told in time.
    pub async fn is_up(&self) -> bool {
        let mut outcome = self.0.outcome.subscribe();
        self.ask();
        // In time or not, the last outcome is the answer; its sender lives as long as `self`.
        drop(timeout(PATIENCE, outcome.changed()).await);
        *outcome.borrow()
    }

    /// Starts a ping unless one runs.
    fn ask(&self) {
        if self.0.is_asking.swap(true, Ordering::AcqRel) {
            return;
        }
        let inner = Arc::clone(&self.0);
        tokio::spawn(async move {
            let answered = timeout(LONGEST, inner.store.ping()).await;
            inner.is_asking.store(false, Ordering::Release);
            inner.outcome.send_replace(matches!(answered, Ok(Ok(()))));
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::persistence::Settings;
    use crate::persistence::store::Either;

    #[tokio::test]
    async fn a_closed_database_is_down_at_the_next_question() {
        let settings = Settings { url: "sqlite::memory:".into(), pool_min: 1, pool_max: 1 };
        let store = Store::open(&settings).await.unwrap();
        let pulse = Pulse::new(store.clone());

        assert!(pulse.is_up().await);
        store.close().await;

        assert!(!pulse.is_up().await);
    }

    #[tokio::test]
    async fn a_busy_database_is_up_until_its_ping_runs_out_of_time() {
        let settings = Settings { url: "sqlite::memory:".into(), pool_min: 1, pool_max: 1 };
        let store = Store::open(&settings).await.unwrap();
        let pulse = Pulse::new(store.clone());
        let Either::Sqlite(readers) = store.engine() else { panic!("not SQLite") };
        let _the_only_connection = readers.acquire().await.unwrap();
        let mut outcome = pulse.0.outcome.subscribe();

        assert!(pulse.is_up().await);
        outcome.changed().await.unwrap();

        assert!(!pulse.is_up().await);
    }
}
