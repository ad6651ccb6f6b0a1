//! What operators see: logs, metrics, traces.
//!
//! A leaf: every layer may name a metric or a level from here, and nothing here looks upward.

pub mod json_lines;
pub mod logs;
pub mod metrics;
pub mod names;
pub mod otlp;
pub mod tracer;
pub mod traces;

pub use metrics::Metrics;
pub use tracer::Tracer;
