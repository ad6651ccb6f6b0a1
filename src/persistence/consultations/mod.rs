//! Consultations in rows: the consultation, who was there, what was said, recorded and
//! measured, and guests.
//!
//! [`progress`] moves one on together with all that follows from it, for whoever brings it about.

#[expect(clippy::module_inception, reason = "the rows of the table of that name")]
pub mod consultations;
pub mod facts;
pub mod holders;
pub mod invites;
pub mod list;
pub mod messages;
pub mod news;
pub mod participants;
pub mod parties;
pub mod progress;
pub mod recordings;
pub mod removals;
pub mod samples;

pub use consultations::Consultation;
