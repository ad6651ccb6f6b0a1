//! Accounts, their devices and their secrets: their holders, those who administer them, who else may
//! vouch for them, the portals that have them sign in here, and what becomes of their live sockets.

mod accounts;
mod administration;
mod authority;
mod canary;
mod delegation;
mod devices;
mod directory;
mod exchange;
mod focus;
mod introspection;
mod key_sets;
mod keys;
mod limits;
mod live_authority;
mod mail;
mod openid;
mod openid_logout;
mod openid_token;
mod passwords;
mod refresh_failures;
mod refresh_families;
mod session_sync;
mod settings;
mod sign_in;
mod sso_tickets;
mod storm;
mod verification;
