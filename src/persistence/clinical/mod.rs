//! What care is made of, in rows.

pub mod catalogue;
