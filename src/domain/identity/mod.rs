//! Who someone is: roles under their many names, what a caller has proven, how an account likes
//! things, and the rules of registering, signing in and being sent away.

pub mod device;
pub mod family;
pub mod holding;
pub mod lockout;
pub mod openid;
pub mod outsider;
pub mod portal;
pub mod principal;
pub mod registration;
pub mod revocation;
pub mod role;
pub mod session_sync;
pub mod settings;

pub use device::Device;
pub use family::Family;
pub use holding::Holding;
pub use lockout::Failures;
pub use outsider::Outsider;
pub use portal::Portal;
pub use principal::Principal;
pub use revocation::Revocation;
pub use role::Role;
pub use settings::{Settings, SettingsPatch};
