//! Accounts, and what proves who they are.

mod introspection;
mod keys;
