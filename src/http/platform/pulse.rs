//! Whether something a node depends on lives, told within milliseconds even while it hangs.
//!
//! A question starts a ping, or joins the one that runs, and waits a moment for it. When the
//! moment passes, the last finished ping answers: a busy pool is not mistaken for a dead database,
//! and a dead one is reported as soon as its ping runs into [`LONGEST`].

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::timeout;

use crate::domain::time::Timestamp;
use crate::outgoing::Client;
use crate::persistence::Store;

/// How long a question waits; `/health` promises an answer within 50 ms.
const PATIENCE: Duration = Duration::from_millis(35);
/// How long a ping may take before what is asked counts as down.
const LONGEST: Duration = Duration::from_secs(1);
/// How long the answer of a service stands: probes are anyone's, and it is somebody else's.
const SERVICE_EVERY: Duration = Duration::from_secs(5);

type Ping = Box<dyn Fn() -> Pin<Box<dyn Future<Output = bool> + Send>> + Send + Sync>;

/// The pulse of one thing. Cheap to clone.
#[derive(Clone)]
pub struct Pulse(Arc<Inner>);

struct Inner {
    ping: Ping,
    every: Duration,
    /// Milliseconds of the last ping's start.
    asked: AtomicI64,
    is_asking: AtomicBool,
    outcome: watch::Sender<bool>,
}

impl Pulse {
    /// Of a database that was opened, and so answered, just now.
    pub fn of_database(store: Store) -> Self {
        Self::new(Duration::ZERO, true, move || {
            let store = store.clone();
            async move { store.ping().await.is_ok() }
        })
    }

    /// Of a service that answers a `GET` of its address with success.
    pub fn of_service(client: Client, url: String) -> Self {
        Self::new(SERVICE_EVERY, false, move || {
            let asking = client.get(&url).send();
            async move { asking.await.is_ok_and(|answer| answer.status().is_success()) }
        })
    }

    fn new<F>(every: Duration, known: bool, ping: impl Fn() -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = bool> + Send + 'static,
    {
        let (outcome, _) = watch::channel(known);
        Self(Arc::new(Inner {
            ping: Box::new(move || Box::pin(ping())),
            every,
            asked: AtomicI64::new(0),
            is_asking: AtomicBool::new(false),
            outcome,
        }))
    }

    /// Whether it answers, as far as can be told in time.
    pub async fn is_up(&self) -> bool {
        let mut outcome = self.0.outcome.subscribe();
        if self.ask() {
            // In time or not, the last outcome is the answer; its sender lives as long as `self`.
            drop(timeout(PATIENCE, outcome.changed()).await);
        }
        *outcome.borrow()
    }

    /// Starts a ping unless one runs or the last is recent. Whether there is one to wait for.
    fn ask(&self) -> bool {
        let (now, asked) = (Timestamp::now(), Timestamp(self.0.asked.load(Ordering::Acquire)));
        if self.0.is_asking.swap(true, Ordering::AcqRel) {
            return true;
        }
        if now.since(asked) < self.0.every {
            self.0.is_asking.store(false, Ordering::Release);
            return false;
        }
        self.0.asked.store(now.0, Ordering::Release);
        let inner = Arc::clone(&self.0);
        tokio::spawn(async move {
            let answered = timeout(LONGEST, (inner.ping)()).await;
            inner.is_asking.store(false, Ordering::Release);
            inner.outcome.send_replace(answered.unwrap_or(false));
        });
        true
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
        let pulse = Pulse::of_database(store.clone());

        assert!(pulse.is_up().await);
        store.close().await;

        assert!(!pulse.is_up().await);
    }

    #[tokio::test]
    async fn a_busy_database_is_up_until_its_ping_runs_out_of_time() {
        let settings = Settings { url: "sqlite::memory:".into(), pool_min: 1, pool_max: 1 };
        let store = Store::open(&settings).await.unwrap();
        let pulse = Pulse::of_database(store.clone());
        let Either::Sqlite(readers) = store.engine() else { panic!("not SQLite") };
        let _the_only_connection = readers.acquire().await.unwrap();
        let mut outcome = pulse.0.outcome.subscribe();

        assert!(pulse.is_up().await);
        outcome.changed().await.unwrap();

        assert!(!pulse.is_up().await);
    }
}
