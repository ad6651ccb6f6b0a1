//! Starts nodes and databases, and speaks to them as clients do.

pub(crate) mod database;
