//! Accounts, the rows of their roles, their sessions, single-use secrets, and names elsewhere.

pub mod accounts;
pub mod identities;
pub mod mirrors;
pub mod one_time_tokens;
pub mod profiles;
pub mod sessions;
