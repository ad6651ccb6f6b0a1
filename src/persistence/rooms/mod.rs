//! Consultations while they are held: what a room has to know of one, and what is kept of it.

pub mod facts;
pub mod messages;
pub mod progress;
