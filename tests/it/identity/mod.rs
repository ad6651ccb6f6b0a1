//! Who someone is: accounts, sessions, and signing in everywhere at once.

mod session_sync;
mod sso_tickets;
