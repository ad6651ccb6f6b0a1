//! Consultations: how far one has come, and the room in which it is held.
//!
//! A [`room::Room`] is the rules of a call without a network: it is told what sockets ask and what
//! time it is, and answers with what to send to whom. [`lobby`] is its waiting room, [`steering`]
//! what peers do once inside. Who may enter at all is found out before a room is asked.

mod entry;
pub mod facts;
pub mod ice;
mod lobby;
pub mod notice;
pub mod reference;
pub mod room;
pub mod seat;
pub mod status;
pub mod steering;
mod telling;

#[cfg(test)]
mod room_tests;
