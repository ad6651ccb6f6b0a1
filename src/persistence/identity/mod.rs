//! Accounts, the rows of their roles, their sessions and single-use secrets.

pub mod accounts;
pub mod one_time_tokens;
pub mod profiles;
pub mod session_sync;
pub mod sessions;
