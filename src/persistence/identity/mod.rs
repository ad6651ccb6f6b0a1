//! Accounts, the rows of their roles, and their sessions.

pub mod accounts;
pub mod profiles;
pub mod sessions;
