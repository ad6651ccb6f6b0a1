//! Accounts, what proves who they are, and who else may vouch for them.

mod delegation;
mod exchange;
mod introspection;
mod key_sets;
mod keys;
