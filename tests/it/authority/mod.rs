//! Who may do what to whose rows, which rows a list gives, and which of their fields (contract §4).
//!
//! One [`scene`] of callers and rows for all of it. What is expected was written from the contract's
//! matrix, by caller, in the order of [`scene::CALLERS`].

mod administration;
mod care;
mod catalogue;
mod fields;
mod files;
mod lists;
mod scene;
