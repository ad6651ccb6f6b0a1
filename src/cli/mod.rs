//! What the command line does by itself: look at the surroundings of a hub without being one.
//!
//! Commands that need a node are in [`crate::app`].

pub mod audit;
pub mod doctor;
pub mod health;
