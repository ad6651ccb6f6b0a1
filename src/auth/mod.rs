//! Who is calling: tokens, passwords, sessions, and the one question every edge asks.
//!
//! [`Authenticator::admit`] turns credentials into a [`Principal`](crate::domain::identity::Principal).
//! A session known to be live costs no database; rows are reached through [`SessionLookup`], which
//! the layers above implement, so nothing here knows SQL. Who else may vouch for a caller: a Supabase
//! project by [`Supabase`], an auth service beside the hub by [`Voucher`].

mod authenticator;
mod comparison;
pub mod failures;
pub mod jwks;
mod keys;
mod opaque;
pub mod password;
pub mod rooms;
mod seal;
mod sessions;
mod signed;
mod supabase;
pub mod token;
mod vouched;

pub use authenticator::{Authenticator, Credentials, Settings, bearer_token};
pub use keys::{KeyPair, NotAKey, PublicKey};
pub use opaque::{Named, RefreshKey, cookie_value, digest, is_same_secret, new_id, new_secret};
pub use password::Passwords;
pub use rooms::{Audience, RoomTokens};
pub use seal::Seal;
pub use sessions::{Account, Lookup, Record, SessionLookup, Sessions};
pub use supabase::Supabase;
pub use token::{Claims, IdToken, Tokens};
pub use vouched::{Vouched, Voucher};

/// The session cookie; its value is `sid.secret`.
pub const COOKIE: &str = "latido_session";
