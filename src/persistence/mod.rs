//! Rows in, rows out: one SQL text for SQLite and PostgreSQL.
//!
//! A function takes `&Store` to read and `&mut Tx` to write, so what changes together commits
//! together. Nothing here decides; rules live in `domain`. See [`store`] for the two engines.

#[macro_use]
mod on;

pub mod audit;
pub mod audit_seals;
pub mod clinical;
pub mod condition;
pub mod consultations;
pub mod deed;
pub mod files;
pub mod held;
pub mod idempotency;
pub mod identity;
pub mod notifications;
pub mod outbox;
pub mod partitions;
pub mod presence;
pub mod provider_events;
mod search;
pub mod store;
mod timing;

pub use on::Source;
pub use store::{Settings, Store, Tx};
