//! Accounts, the rows of their roles, their settings, sessions and single-use secrets.

pub mod accounts;
pub mod addressees;
pub mod changes;
pub mod list;
pub mod one_time_tokens;
pub mod profiles;
pub mod references;
pub mod role_rows;
pub mod sessions;
pub mod settings;
