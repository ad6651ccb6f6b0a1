//! Logs, traces and metrics.
pub mod names;
