//! Accounts, the rows of their roles, their settings, sessions, single-use secrets, and names
//! elsewhere.

pub mod accounts;
pub mod addressees;
pub mod changes;
pub mod endings;
pub mod identities;
pub mod list;
pub mod mirrors;
mod moments;
pub mod one_time_tokens;
pub mod openid;
pub mod past_sessions;
pub mod profiles;
pub mod references;
pub mod role_rows;
pub mod session_sync;
pub mod sessions;
pub mod settings;
pub mod strangers;
