//! What leaves the hub for people who may not be connected: mail.
//!
//! A request hands a message over and goes on. [`Deliveries`] sends it in the background, tries
//! again with growing pauses, and is drained at shutdown; what a channel is stands in [`channel`],
//! how mail travels in [`mail`], and what it says in [`letters`]. Messages wait in memory: one that
//! a killed process took along is asked for again by whoever misses it.

pub mod channel;
mod deliveries;
pub mod letters;
pub mod mail;

pub use deliveries::{Deliveries, Settings};
pub use mail::Mail;
