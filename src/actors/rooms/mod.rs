//! The rooms of consultations on this node (contract §6.4, §6.13).
//!
//! One [`room`] actor is the authority over one consultation's seats; the [`table`] finds it and keeps
//! what it needs to start again. [`commands`] is what sockets of `/` and `/signaling` may ask. Nothing
//! in a room waits: rights are read before it is asked ([`entry`]), chat is stored before it is told
//! ([`chat`]), and what the row of a consultation has to learn goes to the [`journal`].

mod chat;
mod commands;
mod entrance;
mod entry;
mod journal;
mod media;
mod outside;
mod quality;
mod relaying;
mod room;
mod supervisor;
mod table;
mod tally;
mod telling;

pub use entrance::{Entrance, MediaAddress};
pub(super) use journal::{Arguments as JournalArguments, Writer};
pub use media::{Announcement, MediaRequest, MediaServer, Sitting};
pub use quality::count as count_quality;
pub(super) use relaying::SignalKind;
pub(super) use supervisor::Rooms;
pub(super) use table::RoomTable;
