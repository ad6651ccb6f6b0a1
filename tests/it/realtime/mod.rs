//! Sockets: who is let in, what they may ask, what reaches them and what ends them.

mod commands;
mod deadlines;
mod delivery;
mod endings;
mod handshake;
mod limits;
mod plain;
mod polling;
mod presence;
mod relations;
mod renewal;
mod replay;
mod rooms;
