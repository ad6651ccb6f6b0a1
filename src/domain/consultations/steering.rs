//! What peers do in a room, each within what its role allows (contract §4.1).

use super::notice::{Notice, Refused};
use super::room::Room;
use super::seat::Seat;
use crate::domain::events::lobby::DeviceChecks;
use crate::domain::events::signaling::notices::{
    HandRaised, Kicked, LeaveReason, MuteRequest, Muted, Said, ScreenShared,
};
use crate::domain::events::signaling::{MediaKind, SeatRole};
use crate::domain::events::values::MediaMode;
use crate::domain::id::{PeerId, SocketId};
use crate::domain::time::Timestamp;

/// Something a peer does.
#[derive(Debug, Clone)]
pub enum Deed {
    Leave,
    /// Of oneself, or asked of another.
    Mute {
        kind: MediaKind,
        muted: bool,
        target: Option<PeerId>,
    },
    ShareScreen(bool),
    RaiseHand(bool),
    Kick {
        peer: PeerId,
        reason: Option<String>,
    },
    /// Says that the consultation is about to end; the room closes when that is written.
    End,
    Admit(PeerId),
    Deny {
        peer: PeerId,
        reason: Option<String>,
    },
    /// The second is the name the peer has in the lobby.
    ReturnToLobby(PeerId, PeerId),
    Check(DeviceChecks),
}

/// A stored message on its way to everybody inside.
#[derive(Debug, Clone)]
pub struct Message {
    pub id: i64,
    pub text: String,
    pub client_msg_id: String,
    pub at: Timestamp,
}

const FOR_PARTIES: Refused = Refused::Forbidden("observers only watch");
const FOR_DOCTORS: Refused = Refused::Forbidden("this is for the doctor");
const FOR_STEERING: Refused = Refused::Forbidden("this is for the doctor and administrators");

impl Room {
    /// Does what a socket with a seat asks for.
    pub fn act(&mut self, by: &SocketId, deed: Deed, now: Timestamp) -> Result<(), Refused> {
        let done = self.perform(by, deed, now);
        self.settle(now);
        done
    }

    fn perform(&mut self, by: &SocketId, deed: Deed, now: Timestamp) -> Result<(), Refused> {
        match deed {
            Deed::Leave => return self.leave(by, now),
            Deed::Check(checks) => return self.note_checks(by, checks),
            _ => {}
        }
        let seat = self.seat_of(by)?;
        let (role, own, steers) = (seat.role, seat.peer.clone(), seat.steers());
        match deed {
            Deed::Leave | Deed::Check(_) => Ok(()),
            Deed::Mute { kind, muted, target } if target.as_ref().is_none_or(|it| *it == own) => {
                self.mute(by, kind, muted)
            }
            Deed::Mute { kind, muted, target } => {
                may_steer(steers)?;
                self.silence(
                    |seat| Some(&seat.peer) == target.as_ref(),
                    own.to_string(),
                    kind,
                    muted,
                )
            }
            Deed::ShareScreen(active) => self.share_screen(by, active),
            Deed::RaiseHand(raised) => self.raise_hand(by, raised),
            Deed::Kick { peer, reason } => {
                may_steer(steers)?;
                if peer == own {
                    return Err(Refused::Invalid("leave instead"));
                }
                self.kick(&peer, reason, now)
            }
            Deed::End => may_steer(steers),
            Deed::Admit(_) | Deed::Deny { .. } | Deed::ReturnToLobby(..) if !role.admits() => {
                Err(FOR_DOCTORS)
            }
            Deed::Admit(peer) => self.admit(&peer, now),
            Deed::Deny { peer, reason } => self.deny(&peer, reason),
            Deed::ReturnToLobby(peer, fresh) => self.return_to_lobby(&peer, fresh, now),
        }
    }

    /// Puts out whoever sits there but may no longer be what the seat says.
    pub fn dismiss(&mut self, socket: &SocketId, now: Timestamp) {
        if let Some(at) = self.seats.iter().position(|seat| seat.socket == *socket) {
            self.put_out(at, Some("your rights have changed".to_owned()), now);
        }
        self.settle(now);
    }

    /// The seat inside that a socket holds.
    pub fn seat_of(&self, socket: &SocketId) -> Result<&Seat, Refused> {
        let seat = self.seats.iter().find(|seat| seat.socket == *socket && seat.is_connected());
        let seat = seat.ok_or(Refused::NotHere)?;
        if seat.is_inside() { Ok(seat) } else { Err(Refused::InLobby) }
    }

    /// The seat inside of somebody who takes part in the call.
    pub fn party_of(&self, socket: &SocketId) -> Result<&Seat, Refused> {
        let seat = self.seat_of(socket)?;
        if seat.is_party() { Ok(seat) } else { Err(FOR_PARTIES) }
    }

    /// Another peer, wherever it sits.
    pub fn peer(&self, peer: &PeerId) -> Result<&Seat, Refused> {
        self.seats.iter().find(|seat| seat.peer == *peer).ok_or(Refused::NoSuchPeer)
    }

    /// The way of a signal: who sends it, and the socket that gets it.
    pub fn route(&self, from: &SocketId, to: &PeerId) -> Result<(&PeerId, &SocketId), Refused> {
        let sender = self.party_of(from)?;
        let receiver = self.inside().find(|seat| seat.peer == *to && seat.peer != sender.peer);
        let receiver = receiver.filter(|seat| seat.is_connected()).ok_or(Refused::NoSuchPeer)?;
        Ok((&sender.peer, &receiver.socket))
    }

    /// Tells everybody inside what somebody said, also if that one has left since.
    pub fn say(&mut self, by: &Seat, message: Message) {
        let said = Said {
            room_id: self.id().to_string(),
            id: message.id,
            from: by.peer.to_string(),
            user_id: by.user_id(),
            role: by.role,
            text: message.text,
            client_msg_id: message.client_msg_id,
            timestamp: message.at,
        };
        self.tell_call(Notice::Said(said));
    }

    /// Silences somebody by their identity, for whoever may do that from outside.
    pub fn silence_party(
        &mut self,
        identity: &str,
        by: String,
        kind: MediaKind,
        muted: bool,
    ) -> Result<(), Refused> {
        self.silence(|seat| seat.pass.identity == identity, by, kind, muted)
    }

    /// Puts somebody out by their identity, for whoever may do that from outside.
    pub fn send_away(
        &mut self,
        identity: &str,
        reason: Option<String>,
        now: Timestamp,
    ) -> Result<(), Refused> {
        let at = self.seats.iter().position(|seat| seat.pass.identity == identity);
        self.put_out(at.ok_or(Refused::NoSuchPeer)?, reason, now);
        self.settle(now);
        Ok(())
    }

    fn mute(&mut self, by: &SocketId, kind: MediaKind, muted: bool) -> Result<(), Refused> {
        let role = self.party_of(by)?.role;
        if kind == MediaKind::Screen && !muted && role != SeatRole::Doctor {
            return Err(FOR_DOCTORS);
        }
        let peer = self.seat_mut(by)?.peer.clone();
        self.note_muted(&peer, peer.to_string(), kind, muted);
        Ok(())
    }

    /// Nobody's microphone or camera is opened by another. Where the media server carries the call it
    /// silences them; else they are asked to do it themselves.
    fn silence(
        &mut self,
        who: impl Fn(&Seat) -> bool,
        by: String,
        kind: MediaKind,
        muted: bool,
    ) -> Result<(), Refused> {
        if !muted {
            return Err(Refused::Invalid("only peers themselves unmute"));
        }
        let found = self.inside().find(|seat| seat.is_connected() && who(seat));
        let (peer, socket) = found
            .map(|seat| (seat.peer.clone(), seat.socket.clone()))
            .ok_or(Refused::NoSuchPeer)?;
        match self.mode() {
            MediaMode::P2p => {
                let request = MuteRequest { room_id: self.id().to_string(), kind, by };
                self.tell(vec![socket], Notice::MuteRequest(request));
            }
            MediaMode::Sfu => self.note_muted(&peer, by, kind, muted),
        }
        Ok(())
    }

    fn note_muted(&mut self, peer: &PeerId, by: String, kind: MediaKind, muted: bool) {
        let Some(seat) = self.seats.iter_mut().find(|seat| seat.peer == *peer) else { return };
        let flag = match kind {
            MediaKind::Audio => &mut seat.audio,
            MediaKind::Video => &mut seat.video,
            MediaKind::Screen => &mut seat.screen,
        };
        *flag = !muted;
        let (room_id, peer_id) = (self.id().to_string(), peer.to_string());
        let muted = Muted { room_id, peer_id, kind, muted, by };
        self.tell(self.sockets(|_| true), Notice::Muted(muted));
    }

    fn share_screen(&mut self, by: &SocketId, active: bool) -> Result<(), Refused> {
        if self.seat_of(by)?.role != SeatRole::Doctor {
            return Err(FOR_DOCTORS);
        }
        let seat = self.seat_mut(by)?;
        seat.screen = active;
        let peer_id = seat.peer.to_string();
        let shared = ScreenShared { room_id: self.id().to_string(), peer_id, active };
        self.tell(self.sockets(|_| true), Notice::ScreenShared(shared));
        Ok(())
    }

    fn raise_hand(&mut self, by: &SocketId, raised: bool) -> Result<(), Refused> {
        self.party_of(by)?;
        let seat = self.seat_mut(by)?;
        seat.hand_raised = raised;
        let peer_id = seat.peer.to_string();
        let hand = HandRaised { room_id: self.id().to_string(), peer_id, raised };
        self.tell(self.sockets(|_| true), Notice::HandRaised(hand));
        Ok(())
    }

    /// Puts somebody out. The seat is not kept: who comes back begins anew.
    fn kick(
        &mut self,
        peer: &PeerId,
        reason: Option<String>,
        now: Timestamp,
    ) -> Result<(), Refused> {
        let at = self.seats.iter().position(|seat| seat.peer == *peer && seat.is_inside());
        self.put_out(at.ok_or(Refused::NoSuchPeer)?, reason, now);
        Ok(())
    }

    fn put_out(&mut self, at: usize, reason: Option<String>, now: Timestamp) {
        let seat = &self.seats[at];
        let to = seat.is_connected().then(|| seat.socket.clone());
        let kicked = Kicked { room_id: self.id().to_string(), reason };
        self.tell(to.into_iter().collect(), Notice::Kicked(kicked));
        self.remove(at, LeaveReason::Kicked, now);
    }

    fn seat_mut(&mut self, socket: &SocketId) -> Result<&mut Seat, Refused> {
        self.seats.iter_mut().find(|seat| seat.socket == *socket).ok_or(Refused::NotHere)
    }
}

fn may_steer(steers: bool) -> Result<(), Refused> {
    if steers { Ok(()) } else { Err(FOR_STEERING) }
}
