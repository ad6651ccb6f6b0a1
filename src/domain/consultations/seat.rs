//! One user's place in a room, or in front of it.

use std::sync::Arc;

use super::grant::Pass;
use crate::domain::events::lobby::{DeviceChecks, Guest};
use crate::domain::events::signaling::notices::EndReason;
use crate::domain::events::signaling::requests::JoinMedia;
use crate::domain::events::signaling::{Peer, SeatRole};
use crate::domain::id::{PeerId, SocketId, UserId};
use crate::domain::identity::{Principal, Role};
use crate::domain::time::Timestamp;

/// A user who was let in, or waits for it.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "the contract's flags of a peer")]
pub struct Seat {
    pub peer: PeerId,
    pub user: UserId,
    pub role: SeatRole,
    /// How its holder is known outside the hub, on whichever device.
    pub pass: Arc<Pass>,
    pub(super) device: Option<Box<str>>,
    pub display_name: String,
    pub audio: bool,
    pub video: bool,
    pub screen: bool,
    pub hand_raised: bool,
    /// The socket that holds the seat, or held it last.
    pub socket: SocketId,
    /// When that socket was lost; the seat is kept for a while.
    pub lost_at: Option<Timestamp>,
    pub place: Place,
}

/// Where a seat is.
#[derive(Debug, Clone, Copy)]
pub enum Place {
    /// In front of the door: hears nothing of the call.
    Lobby { since: Timestamp, checks: Option<DeviceChecks> },
    /// Inside. Of two peers the one of the higher rank came later.
    Inside { rank: u64, joined_at: Timestamp },
}

/// Someone with the right to be here asks for a seat.
#[derive(Debug, Clone)]
pub struct Arrival {
    pub user: UserId,
    pub pass: Pass,
    /// The session or the token it came by: who comes by the same one comes back.
    pub device: Option<Box<str>>,
    pub socket: SocketId,
    /// What the peer asks to be called, or is called otherwise.
    pub display_name: String,
    pub media: JoinMedia,
    /// A name that no peer has had, in case one is needed.
    pub fresh: PeerId,
}

impl Seat {
    pub(super) fn new(arrival: Arrival, place: Place) -> Self {
        Self {
            peer: arrival.fresh,
            user: arrival.user,
            role: arrival.pass.role,
            pass: Arc::new(arrival.pass),
            device: arrival.device,
            display_name: arrival.display_name,
            audio: arrival.media.audio,
            video: arrival.media.video,
            screen: false,
            hand_raised: false,
            socket: arrival.socket,
            lost_at: None,
            place,
        }
    }

    pub fn is_inside(&self) -> bool {
        matches!(self.place, Place::Inside { .. })
    }

    pub fn is_connected(&self) -> bool {
        self.lost_at.is_none()
    }

    /// Whether it was taken from that device.
    pub(super) fn is_of(&self, device: Option<&str>) -> bool {
        device.is_some() && self.device.as_deref() == device
    }

    /// Whether its holder moves the call, records it, puts others out or mutes them: the doctor, and
    /// administrators who look on, but no guest who does.
    pub fn steers(&self) -> bool {
        match self.role {
            SeatRole::Doctor => !self.pass.is_guest(),
            SeatRole::Observer => self.user >= UserId(0),
            SeatRole::Patient => false,
        }
    }

    /// What is told to have ended a call that its holder ends.
    pub fn end_reason(&self) -> EndReason {
        if self.role == SeatRole::Doctor { EndReason::Ended } else { EndReason::Admin }
    }

    /// Whether its holder agrees to a recording, or not.
    pub fn consents(&self) -> bool {
        self.role == SeatRole::Patient && !self.pass.is_guest()
    }

    /// The doctor or the patient.
    pub fn is_party(&self) -> bool {
        self.role != SeatRole::Observer
    }

    /// Whom the others see: an account by its number, anybody else by what the consultation calls them.
    pub fn user_id(&self) -> String {
        self.user.account().map_or_else(|| self.pass.user.clone(), |user| user.to_string())
    }

    /// The later of two peers is the polite one. None in the lobby.
    pub(super) fn rank(&self) -> Option<u64> {
        match self.place {
            Place::Inside { rank, .. } => Some(rank),
            Place::Lobby { .. } => None,
        }
    }

    /// As a peer of that rank sees it. None in the lobby.
    pub(super) fn seen_by(&self, rank: u64) -> Option<Peer> {
        let Place::Inside { rank: own, joined_at } = self.place else { return None };
        Some(Peer {
            peer_id: self.peer.to_string(),
            user_id: self.user_id(),
            role: self.role,
            display_name: self.display_name.clone(),
            audio: self.audio,
            video: self.video,
            screen: self.screen,
            hand_raised: self.hand_raised,
            polite: own > rank,
            joined_at,
        })
    }

    /// As the doctor sees it in the lobby. None inside.
    pub(super) fn guest(&self) -> Option<Guest> {
        let Place::Lobby { since, checks } = self.place else { return None };
        Some(Guest {
            peer_id: self.peer.to_string(),
            user_id: self.user_id(),
            display_name: self.display_name.clone(),
            role: self.role,
            since,
            checks,
        })
    }
}

/// The role of an account that sits so.
pub fn needed(role: SeatRole) -> Role {
    match role {
        SeatRole::Doctor => Role::Doctor,
        SeatRole::Patient => Role::Patient,
        SeatRole::Observer => Role::Admin,
    }
}

/// Whether a caller may still be what a seat says.
pub fn may_sit(caller: &Principal, role: SeatRole) -> bool {
    if let Some(admission) = &caller.admission {
        return admission.pass.role == role;
    }
    caller.has(needed(role))
}
