//! Consultations: how far one has come, who may do what in its room, what is kept of it, and the room
//! in which it is held.
//!
//! A [`room::Room`] is the rules of a call without a network: it is told what sockets ask and what
//! time it is, and answers with what to send to whom. [`lobby`] is its waiting room, [`steering`]
//! what peers do once inside, [`carrying`] how their media travel. Who may enter at all is found out before a room is asked.

pub mod carrying;
pub mod draft;
mod entry;
pub mod facts;
pub mod grant;
pub mod ice;
pub mod invite;
pub mod issue;
mod lobby;
pub mod notice;
pub mod quality;
pub mod recording;
pub mod reference;
pub mod room;
pub mod seat;
pub mod status;
pub mod steering;
mod telling;

#[cfg(test)]
mod room_tests;
