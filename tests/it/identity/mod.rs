//! Accounts: their holders, those who administer them, and what becomes of their live sockets.

mod accounts;
mod administration;
mod authority;
mod live_authority;
mod settings;
mod storm;
