//! What the OpenID Connect provider remembers: codes, grants, and logouts clients are still owed.

pub mod codes;
pub mod grants;
pub mod logouts;
