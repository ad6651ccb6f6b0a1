//! Who someone is: roles under their many names, and what a caller has proven.

pub mod principal;
pub mod role;

pub use principal::Principal;
pub use role::Role;
