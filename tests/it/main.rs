//! The product from outside, over sockets, on the database that `LATIDO_TEST_DATABASE` names
//! (`sqlite`, the default, or `postgres` at `LATIDO_TEST_POSTGRES_URL`).
//!
//! Folders carry the names of the product's contexts; [`support`] starts nodes and speaks to them.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod architecture;
mod authority;
mod clinical;
mod consultations;
mod conventions;
mod files;
mod http;
mod identity;
mod persistence;
mod process;
mod realtime;
mod support;
mod telemetry;
