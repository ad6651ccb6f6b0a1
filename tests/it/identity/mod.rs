//! Accounts, their devices and their secrets, over HTTP and on sockets.

mod canary;
mod devices;
mod limits;
mod mail;
mod passwords;
mod refresh_failures;
mod refresh_families;
mod sign_in;
mod verification;
