//! The Prometheus recorder: one per process, whoever asks first.

use std::io;
use std::sync::OnceLock;
use std::time::Instant;

use metrics::{describe_counter, describe_gauge, describe_histogram, gauge};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

use super::names::{self, Kind};

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The recorder of this process. Two hubs in one process share it.
static RECORDER: OnceLock<Option<Metrics>> = OnceLock::new();

/// What `/metrics` answers from.
#[derive(Clone)]
pub struct Metrics {
    recorder: PrometheusHandle,
    since: Instant,
}

impl Metrics {
    /// Installs the recorder, or answers the one that is installed.
    pub fn start() -> io::Result<Self> {
        RECORDER
            .get_or_init(|| install().ok())
            .clone()
            .ok_or_else(|| io::Error::other("another metrics recorder is installed"))
    }

    /// Every metric that has a sample, as Prometheus text 0.0.4.
    pub fn render(&self) -> String {
        gauge!(names::UPTIME_SECONDS, "version" => VERSION).set(self.since.elapsed().as_secs_f64());
        self.recorder.render()
    }

    /// Folds waiting histogram samples into their buckets. They take memory until somebody renders
    /// or calls this, so a hub does it every few seconds.
    pub fn fold(&self) {
        self.recorder.run_upkeep();
    }
}

fn install() -> Result<Metrics, metrics_exporter_prometheus::BuildError> {
    let mut builder = PrometheusBuilder::new();
    for metric in names::ALL {
        if let Kind::Histogram(buckets) = metric.kind {
            builder =
                builder.set_buckets_for_metric(Matcher::Full(metric.name.to_owned()), buckets)?;
        }
    }
    let recorder = builder.install_recorder()?;
    for metric in names::ALL {
        match metric.kind {
            Kind::Counter => describe_counter!(metric.name, metric.help),
            Kind::Gauge => describe_gauge!(metric.name, metric.help),
            Kind::Histogram(_) => describe_histogram!(metric.name, metric.help),
        }
    }
    gauge!(names::BUILD_INFO, "version" => VERSION).set(1.0);
    Ok(Metrics { recorder, since: Instant::now() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_hubs_in_one_process_share_the_recorder() {
        let (first, second) = (Metrics::start().unwrap(), Metrics::start().unwrap());

        metrics::histogram!(names::ROOM_LATENCY_MS, "mode" => "p2p").record(120.0);

        for hub in [first, second] {
            let text = hub.render();
            assert!(text.contains("# TYPE latido_room_latency_ms histogram"), "{text}");
            assert!(
                text.contains("latido_room_latency_ms_bucket{mode=\"p2p\",le=\"150\"}"),
                "{text}"
            );
            assert!(text.contains("latido_build_info{version="), "{text}");
            assert!(text.contains("latido_uptime_seconds{version="), "{text}");
        }
    }

    #[test]
    fn names_follow_the_rule_for_their_kind() {
        for metric in names::ALL {
            assert!(metric.name.starts_with("latido_"), "{}", metric.name);
            let is_counter = metric.kind == Kind::Counter;
            assert_eq!(metric.name.ends_with("_total"), is_counter, "{}", metric.name);
        }
    }
}
