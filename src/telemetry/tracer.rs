//! Steps of traces: begun where work begins, handed to a collector when they end.
//!
//! A step is what OpenTelemetry calls a span; here that word belongs to the log, whose lines name
//! the same identifiers. Without a collector a step is two identifiers and a clock, nothing more.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use opentelemetry::KeyValue;
use opentelemetry::trace::SpanKind;

use super::otlp::Exporter;
use super::traces::TraceContext;

/// Begins steps and hands finished ones on. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Tracer {
    ratio: f64,
    exporter: Option<Arc<Exporter>>,
}

/// A piece of work under way.
#[derive(Debug, Clone, Copy)]
pub struct Step {
    pub context: TraceContext,
    pub(super) started_at: SystemTime,
    started: Instant,
}

/// What a step turned out to be. It leaves the process: what must stay out of a log stays out of
/// it too.
#[derive(Debug)]
pub struct Report {
    pub name: Cow<'static, str>,
    pub kind: SpanKind,
    pub attributes: Vec<KeyValue>,
    pub is_failure: bool,
}

impl Tracer {
    /// Records the share `ratio` of the traces begun here, and those that others decided to record.
    pub fn new(ratio: f64, exporter: Option<Exporter>) -> Self {
        Self { ratio, exporter: exporter.map(Arc::new) }
    }

    /// Begins a step below the `caller`'s, or one of a new trace.
    pub fn begin(&self, caller: Option<TraceContext>) -> Step {
        let context = caller.map_or_else(|| TraceContext::begin(self.ratio), TraceContext::child);
        Step { context, started_at: SystemTime::now(), started: Instant::now() }
    }

    /// Ends a step. What it was is asked only when somebody wants to know.
    pub fn end(&self, step: &Step, report: impl FnOnce() -> Report) {
        if let Some(exporter) = &self.exporter
            && step.context.is_sampled
        {
            exporter.take(step, report());
        }
    }

    /// Sends what still waits for the collector, at most `within`; what ends later is not sent.
    pub async fn close(&self, within: Duration) {
        if let Some(exporter) = self.exporter.clone() {
            // It logs its own failures; a panic in there must not keep the process from ending.
            drop(tokio::task::spawn_blocking(move || exporter.close(within)).await);
        }
    }
}

impl Step {
    /// How long it has been under way.
    pub fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }
}
