//! Who someone is: roles under their many names, what a caller has proven, and the rules of
//! registering, signing in and being sent away.

pub mod device;
pub mod lockout;
pub mod portal;
pub mod principal;
pub mod registration;
pub mod revocation;
pub mod role;
pub mod session_sync;

pub use device::Device;
pub use lockout::Failures;
pub use portal::Portal;
pub use principal::Principal;
pub use revocation::Revocation;
pub use role::Role;
