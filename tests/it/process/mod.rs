//! The binary as an operator meets it: exit codes, signals, ports, and being killed.

mod audit;
mod configuration;
mod lifecycle;
mod portals;
mod tls;
