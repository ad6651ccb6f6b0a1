//! What care is made of.

pub mod catalogue;
