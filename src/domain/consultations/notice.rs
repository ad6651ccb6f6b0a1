//! What a room has to say, and to whom; and why it refuses.

use std::time::Duration;

use super::status::Move;
use crate::domain::events::consultation::Caller;
use crate::domain::events::lobby::{Admitted, Denied, Lobby};
use crate::domain::events::signaling::SeatRole;
use crate::domain::events::signaling::notices::{
    HandOver, HandRaised, Kicked, MuteRequest, Muted, PeerJoined, PeerLeft, RecordingChanged,
    RecordingRequest, RoomEnded, RoomState, Said, ScreenShared,
};
use crate::domain::id::{SocketId, UserId};
use crate::domain::time::Timestamp;

/// What follows from a turn of the room, in order.
#[derive(Debug, Clone)]
pub enum Effect {
    /// These sockets are sent something.
    Tell { to: Vec<SocketId>, notice: Notice },
    /// So is whoever came to the media server without a socket: everybody there but these identities.
    Announce { notice: Notice, except: Vec<String> },
    /// The consultation's row is to follow.
    Write(Step),
}

/// An event of the room.
#[derive(Debug, Clone)]
pub enum Notice {
    PeerJoined(PeerJoined),
    PeerLeft(PeerLeft),
    Muted(Muted),
    MuteRequest(MuteRequest),
    ScreenShared(ScreenShared),
    HandRaised(HandRaised),
    Said(Said),
    RoomState(RoomState),
    RoomEnded(RoomEnded),
    Kicked(Kicked),
    Lobby(Lobby),
    Admitted(Box<Admitted>),
    Denied(Denied),
    HandOver(HandOver),
    Recording(RecordingChanged),
    RecordingRequest(RecordingRequest),
}

/// What is to be written of a consultation.
#[derive(Debug, Clone)]
pub enum Step {
    /// It came that far by itself.
    Reached(Move),
    /// One party is there first; the other is to be told.
    Invite { callee: UserId, from: Caller },
    /// Somebody was admitted after so long in the lobby.
    Waited(Duration),
    /// Somebody takes part in a call that no media server tells of.
    Entered { identity: String, user: Option<UserId>, role: SeatRole },
    /// Somebody no longer does.
    Left { identity: String },
    /// Somebody waits to be let in, or has given up a place the doctor gave: what opened the media server
    /// to them before does no longer.
    KeptOut { identity: String, since: Timestamp },
}

/// Why a room does not do what it was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    #[error("you are not in this room")]
    NotHere,
    #[error("you wait in the lobby")]
    InLobby,
    #[error("there is no such peer in the room")]
    NoSuchPeer,
    #[error("{0}")]
    Forbidden(&'static str),
    #[error("{0}")]
    Invalid(&'static str),
    #[error("the room is full")]
    Full,
    #[error("the consultation is over")]
    Over,
}
