//! Logs, metrics and traces.

use super::key::{Key, section};
use super::values::{HttpUrl, Ratio};
use crate::telemetry::logs::{Format, Level};

section! {
    /// What operators see.
    pub struct Observability {
        /// The least severe level that is logged: `DEBUG`, `INFO`, `WARNING` or `ERROR`.
        pub log_level: Level = Key::new("LOG_LEVEL").or_in("INFO", "DEBUG"),
        /// `json` for machines, `pretty` for people.
        pub log_format: Format = Key::new("LOG_FORMAT").or("json"),
        /// Shows `/metrics` to everybody.
        pub metrics_public: bool = Key::new("METRICS_PUBLIC").or("false"),
        /// The OTLP/HTTP collector that spans are sent to.
        pub otlp_endpoint: Option<HttpUrl> = Key::new("OTEL_EXPORTER_OTLP_ENDPOINT"),
        /// The share of traces that is sampled when the caller has not decided.
        pub sample_ratio: Ratio = Key::new("OTEL_SAMPLE_RATIO").or("0.1"),
    }
}
