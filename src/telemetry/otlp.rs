//! Finished steps on their way to a collector: OTLP/HTTP JSON, `POST {endpoint}/v1/traces`.
//!
//! Batches, encoding and repeated attempts are OpenTelemetry's, on threads of their own; whoever
//! ends a step puts it into a bounded queue and never waits. Identifiers and the decision to record
//! are ours (see [`super::traces`]), so nothing here samples or makes up an id. A collector that
//! fails or falls behind costs spans and one warning.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use opentelemetry::trace::{SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceState};
use opentelemetry::{InstrumentationScope, KeyValue};
use opentelemetry_otlp::{Protocol, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{
    BatchConfigBuilder, BatchSpanProcessor, SpanData, SpanEvents, SpanExporter, SpanLinks,
    SpanProcessor,
};
use reqwest::blocking::Client;
use reqwest::redirect::Policy;
use tracing::{info, warn};

use super::tracer::{Report, Step};
use crate::error::{Error, Result};

/// Spans that may wait for the collector.
const QUEUE: usize = 4096;
/// Spans in one request.
const BATCH: usize = 512;
/// How often what waits is sent.
const PERIOD: Duration = Duration::from_secs(1);
/// How long the collector may take for one request.
const PATIENCE: Duration = Duration::from_secs(5);

/// The way to a collector.
#[derive(Debug)]
pub struct Exporter {
    processor: BatchSpanProcessor,
    queue: Arc<Queue>,
    scope: InstrumentationScope,
}

impl Exporter {
    /// Starts its threads. Whether the collector can be reached shows when spans are sent.
    pub async fn start(endpoint: &str, node: &str) -> Result<Self> {
        // A blocking client may not be made in a runtime's worker.
        let client = tokio::task::spawn_blocking(client).await.map_err(Error::internal)?;
        let exporter = opentelemetry_otlp::SpanExporter::builder()
            .with_http()
            .with_http_client(client.map_err(Error::internal)?)
            .with_endpoint(format!("{endpoint}/v1/traces"))
            .with_protocol(Protocol::HttpJson)
            .with_timeout(PATIENCE)
            .build()
            .map_err(Error::internal)?;
        let queue = Arc::new(Queue::default());
        let watched = Watched { exporter, queue: Arc::clone(&queue) };
        let batches = BatchConfigBuilder::default()
            .with_max_queue_size(QUEUE)
            .with_max_export_batch_size(BATCH)
            .with_scheduled_delay(PERIOD)
            .build();
        let mut processor = BatchSpanProcessor::new(watched, batches);
        processor.set_resource(&resource(node));
        let scope = InstrumentationScope::builder("latido").build();
        Ok(Self { processor, queue, scope })
    }

    /// Queues a finished step, or drops it when too many wait.
    pub(super) fn take(&self, step: &Step, report: Report) {
        if self.queue.enter() {
            self.processor.on_end(self.span(step, report));
        }
    }

    /// Sends what waits, at most `within`, and ends the threads.
    pub(super) fn close(&self, within: Duration) {
        if let Err(error) = self.processor.shutdown_with_timeout(within.min(PATIENCE)) {
            warn!(%error, "the last spans were not exported");
        }
    }

    fn span(&self, step: &Step, report: Report) -> SpanData {
        let context = step.context;
        SpanData {
            span_context: SpanContext::new(
                context.trace.0.into(),
                context.span.0.into(),
                TraceFlags::SAMPLED,
                false,
                TraceState::NONE,
            ),
            parent_span_id: context.parent.map_or(SpanId::INVALID, |parent| parent.0.into()),
            // Whoever is served by a server step is somewhere else.
            parent_span_is_remote: report.kind == SpanKind::Server,
            span_kind: report.kind,
            name: report.name,
            start_time: step.started_at,
            end_time: step.started_at + step.elapsed(),
            attributes: report.attributes,
            dropped_attributes_count: 0,
            events: SpanEvents::default(),
            links: SpanLinks::default(),
            status: if report.is_failure { Status::error("") } else { Status::Unset },
            instrumentation_scope: self.scope.clone(),
        }
    }
}

/// Who sends the spans.
fn resource(node: &str) -> Resource {
    Resource::builder_empty()
        .with_service_name("latido")
        .with_attributes([
            KeyValue::new("service.version", env!("CARGO_PKG_VERSION")),
            KeyValue::new("service.instance.id", node.to_owned()),
        ])
        .build()
}

/// The collector is the operator's word: no proxy, no redirect leads elsewhere.
fn client() -> reqwest::Result<Client> {
    Client::builder()
        .tls_backend_preconfigured(tls())
        .no_proxy()
        .redirect(Policy::none())
        .timeout(PATIENCE)
        .build()
}

fn tls() -> rustls::ClientConfig {
    let roots: rustls::RootCertStore = webpki_roots::TLS_SERVER_ROOTS.iter().cloned().collect();
    rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("ring knows the default versions")
        .with_root_certificates(roots)
        .with_no_client_auth()
}

/// How many spans wait, and what was said about the collector already.
#[derive(Debug, Default)]
struct Queue {
    waiting: AtomicUsize,
    is_overflowing: AtomicBool,
    is_failing: AtomicBool,
}

impl Queue {
    /// Takes a place for one span. False when all are taken.
    fn enter(&self) -> bool {
        if self.waiting.fetch_add(1, Ordering::Relaxed) < QUEUE {
            return true;
        }
        self.waiting.fetch_sub(1, Ordering::Relaxed);
        if !self.is_overflowing.swap(true, Ordering::Relaxed) {
            warn!(waiting = QUEUE, "spans dropped: the collector is too slow");
        }
        false
    }

    /// Gives the places of a batch back; it was sent or is lost.
    fn leave(&self, spans: usize, sent: &OTelSdkResult) {
        if self.waiting.fetch_sub(spans, Ordering::Relaxed) == spans {
            self.is_overflowing.store(false, Ordering::Relaxed);
        }
        match (sent, self.is_failing.swap(sent.is_err(), Ordering::Relaxed)) {
            (Err(error), false) => warn!(%error, "spans not exported"),
            (Ok(()), true) => info!("spans exported again"),
            _ => {}
        }
    }
}

/// An exporter whose failures are told, once each time they begin.
#[derive(Debug)]
struct Watched<E> {
    exporter: E,
    queue: Arc<Queue>,
}

impl<E: SpanExporter> SpanExporter for Watched<E> {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let spans = batch.len();
        let sent = self.exporter.export(batch).await;
        self.queue.leave(spans, &sent);
        sent
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.exporter.set_resource(resource);
    }
}

#[cfg(test)]
mod tests {
    use opentelemetry_sdk::error::OTelSdkError;

    use super::*;
    use crate::telemetry::json_lines::JsonLines;
    use crate::telemetry::json_lines::tests::Page;
    use tracing_subscriber::layer::SubscriberExt;

    fn said(what: impl FnOnce(&Queue)) -> Vec<String> {
        let page = Page::default();
        let subscriber = tracing_subscriber::registry().with(JsonLines::new("n1", page.writer()));
        tracing::subscriber::with_default(subscriber, || what(&Queue::default()));
        page.messages()
    }

    #[test]
    fn a_collector_that_keeps_failing_is_reported_once_until_it_is_back() {
        let said = said(|queue| {
            for sent in [Ok(()), failed(), failed(), Ok(()), Ok(()), failed()] {
                assert!(queue.enter());
                queue.leave(1, &sent);
            }
        });

        assert_eq!(said, ["spans not exported", "spans exported again", "spans not exported"]);
    }

    #[test]
    fn a_full_queue_drops_and_says_so_once_until_it_is_empty() {
        let said = said(|queue| {
            for _ in 0..QUEUE {
                assert!(queue.enter());
            }
            assert!(!queue.enter());
            queue.leave(BATCH, &Ok(()));
            for _ in 0..BATCH {
                assert!(queue.enter());
            }
            assert!(!queue.enter());
            queue.leave(QUEUE, &Ok(()));
            assert!(queue.enter());
        });

        assert_eq!(said, ["spans dropped: the collector is too slow"]);
    }

    fn failed() -> OTelSdkResult {
        Err(OTelSdkError::InternalFailure("no".into()))
    }
}
