//! Calls: who may enter a room, what passes between its peers, and what becomes of a seat (contract §6.4).

mod calls;
mod entry;
mod lobby;
mod recovery;
mod seats;
mod steering;
