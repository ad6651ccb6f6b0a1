//! What operators see of a node: metrics, and traces at a collector.

mod calls;
mod metrics;
mod traces;
