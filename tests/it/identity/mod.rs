//! Accounts, and what proves who they are.

mod keys;
