//! What operators see of a node: traces at a collector.

mod traces;
