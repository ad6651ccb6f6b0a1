//! Accounts, their devices and their secrets, over HTTP and on sockets.

mod devices;
mod mail;
mod passwords;
mod refresh_failures;
mod refresh_families;
mod verification;
