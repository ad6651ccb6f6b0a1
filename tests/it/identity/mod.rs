//! Accounts, their devices and their secrets, over HTTP and on sockets.

mod refresh_failures;
mod refresh_families;
