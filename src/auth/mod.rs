//! Who is calling: tokens, passwords, sessions, and the one question every edge asks.
//!
//! [`Authenticator::admit`] turns credentials into a [`Principal`](crate::domain::identity::Principal).
//! A session known to be live costs no database; rows are reached through [`SessionLookup`], which
//! the layers above implement, so nothing here knows SQL.

mod authenticator;
pub mod failures;
mod opaque;
pub mod password;
mod sessions;
mod strangers;
pub mod token;

pub use authenticator::{Authenticator, Credentials, Settings, bearer_token};
pub use opaque::{RefreshKey, cookie_value, digest, new_id, new_secret};
pub use password::Passwords;
pub use sessions::{Account, Lookup, Record, SessionLookup, Sessions};
pub use strangers::Strangers;
pub use token::{Claims, Tokens};

/// The session cookie; its value is `sid.secret`.
pub const COOKIE: &str = "latido_session";
