//! The product from outside, over sockets, on the database that `LATIDO_TEST_DATABASE` names
//! (`sqlite`, the default, or `postgres` at `LATIDO_TEST_POSTGRES_URL`).
//!
//! Folders carry the names of the product's contexts; [`support`] starts nodes and speaks to them.

mod architecture;
mod clinical;
mod conventions;
mod persistence;
mod process;
mod realtime;
mod support;
