//! The rules of the OpenID Connect provider: who its clients are, what they may ask, and what a
//! code is bound to. Pure; the endpoints are in `http/identity/openid`.

pub mod authorization;
pub mod client;
pub mod logout;
pub mod parameters;
pub mod pkce;
pub mod scope;

pub use authorization::{Authorization, ErrorCode, Refusal, Step};
pub use client::{Client, Clients};
pub use logout::Logout;
pub use parameters::{Parameters, with_parameters};
pub use pkce::Challenge;
pub use scope::Scope;
