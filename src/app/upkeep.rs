//! What a node does on the side: forgets what is past its time, and shows how it stands.

use std::sync::Arc;
use std::time::{Duration, Instant};

use metrics::gauge;
use tracing::warn;

use super::lapsing::Lapsing;
use super::{coming_of_age, expiry, expiry_notices};
use crate::actors::hub::Hub;
use crate::domain::events::values::MediaMode;
use crate::domain::id::NodeId;
use crate::domain::identity::Failures;
use crate::domain::time::Timestamp;
use crate::error::Result;
use crate::http::limits::Limits;
use crate::http::rounds::rounds;
use crate::persistence::consultations::{list, participants, recordings, samples};
use crate::persistence::identity::openid::codes;
use crate::persistence::identity::{one_time_tokens, past_sessions, strangers};
use crate::persistence::{Store, idempotency, outbox, partitions, provider_events};
use crate::storage::Files;
use crate::telemetry::metrics::Metrics;
use crate::telemetry::names;

/// How often gauges are set.
const GAUGES_EVERY: Duration = Duration::from_secs(5);
/// How often old rows are removed.
const PURGE_EVERY: Duration = Duration::from_mins(1);
/// How often it is looked for what a new day brings.
const DAYS_LOOKED_AT_EVERY: Duration = Duration::from_hours(1);
/// How long answers are kept for repeated requests (contract §2.7).
const IDEMPOTENCY_KEPT: Duration = Duration::from_hours(24);
/// How long a single-use secret that expired is kept.
const ONE_TIME_TOKENS_KEPT: Duration = Duration::from_hours(24);
/// How long a session that ended is kept (contract §7).
const SESSIONS_KEPT: Duration = Duration::from_hours(30 * 24);
/// How long what participants of calls measured is kept (contract §7).
const SAMPLES_KEPT: Duration = Duration::from_hours(30 * 24);
/// How long what services told is known to have been told; none tells anything again after a day.
const PROVIDER_EVENTS_KEPT: Duration = Duration::from_hours(24);
/// How long after its last byte an unfinished upload is kept.
const UPLOADS_KEPT: Duration = Duration::from_hours(24);
/// Sessions forgotten in one transaction, which keeps the others waiting.
const SESSIONS_AT_ONCE: i64 = 1000;

/// What the upkeep looks after.
pub(super) struct Upkeep {
    pub store: Store,
    pub hub: Hub,
    pub node: NodeId,
    pub limits: Arc<Limits>,
    pub files: Files,
    pub metrics: Metrics,
    pub lapsing: Lapsing,
    /// How long dispatched events can be replayed.
    pub event_retention: Duration,
}

impl Upkeep {
    /// Runs until its task is aborted.
    pub(super) async fn run(mut self) {
        let mut rounds = rounds(GAUGES_EVERY);
        let mut purged = Instant::now();
        let mut looked_at_day = None::<Instant>;
        loop {
            rounds.tick().await;
            self.show().await;
            if let Err(error) = self.lapsing.run(Timestamp::now()).await {
                warn!(%error, "what is past its time did not lapse");
            }
            self.limits.sweep();
            self.metrics.fold();
            if looked_at_day.is_none_or(|at| at.elapsed() >= DAYS_LOOKED_AT_EVERY) {
                looked_at_day = Some(Instant::now());
                self.look_at_day(Timestamp::now()).await;
            }
            if purged.elapsed() >= PURGE_EVERY {
                purged = Instant::now();
                if let Err(error) = self.purge(Timestamp::now()).await {
                    warn!(%error, "old rows not removed");
                }
                if let Err(error) = expiry::write_down(&self.store, Timestamp::now()).await {
                    warn!(%error, "what has expired not written down");
                }
            }
        }
    }

    /// Does what is due on a day, once on one or again.
    async fn look_at_day(&self, now: Timestamp) {
        if let Err(error) = expiry_notices::send(&self.store, &self.node, now).await {
            warn!(%error, "nobody told of what is about to expire");
        }
        if let Err(error) = coming_of_age::rescore(&self.store, now).await {
            warn!(%error, "scores of new adults not reckoned");
        }
        if let Err(error) = self.files.sweep(now.minus(UPLOADS_KEPT)).await {
            warn!(%error, "unfinished uploads not removed");
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "a gauge needs no exact integer")]
    async fn show(&self) {
        if let Ok(stats) = outbox::stats(&self.store, Timestamp::now()).await {
            gauge!(names::OUTBOX_PENDING).set(stats.pending as f64);
        }
        if let Ok(running) = recordings::running(&self.store).await {
            set_by_mode(names::RECORDINGS_ACTIVE, &running);
        }
        if let Ok(live) = list::live(&self.store).await {
            set_by_mode(names::CONSULTATIONS_LIVE, &live);
        }
        if let Ok(carried) = participants::carried(&self.store).await {
            self.hub.note_carried(&carried);
        }
    }

    async fn purge(&self, now: Timestamp) -> Result<()> {
        let mut tx = self.store.begin().await?;
        outbox::purge(&mut tx, now.minus(self.event_retention)).await?;
        idempotency::purge(&mut tx, now.minus(IDEMPOTENCY_KEPT)).await?;
        one_time_tokens::purge(&mut tx, now.minus(ONE_TIME_TOKENS_KEPT)).await?;
        strangers::purge(&mut tx, now.minus(Failures::MATTER_FOR)).await?;
        past_sessions::purge(&mut tx, now.minus(SESSIONS_KEPT), SESSIONS_AT_ONCE).await?;
        codes::purge(&mut tx, now.minus(ONE_TIME_TOKENS_KEPT)).await?;
        samples::purge(&mut tx, now.minus(SAMPLES_KEPT)).await?;
        provider_events::purge(&mut tx, now.minus(PROVIDER_EVENTS_KEPT)).await?;
        tx.commit().await?;
        partitions::drop_measured(&self.store, now.minus(SAMPLES_KEPT)).await?;
        partitions::prepare(&self.store, now).await?;
        partitions::drop_dispatched(&self.store, now.minus(self.event_retention)).await
    }
}

/// Shows what is counted by mode; a mode of which there is nothing is zero.
#[expect(clippy::cast_precision_loss, reason = "a gauge needs no exact integer")]
fn set_by_mode(name: &'static str, counted: &[(MediaMode, i64)]) {
    for mode in [MediaMode::P2p, MediaMode::Sfu] {
        let of_mode = counted.iter().find(|(of, _)| *of == mode);
        let count = of_mode.map_or(0, |(_, count)| *count);
        gauge!(name, "mode" => mode.name()).set(count as f64);
    }
}
