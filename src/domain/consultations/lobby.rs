//! The waiting room in front of a call (contract §6.13).
//!
//! Who waits hears nothing of the call and cannot reach anyone in it: seats in the lobby are in no list
//! of peers. Only the doctor opens the door, and being admitted ends with the seat.

use std::time::Duration;

use super::notice::{Notice, Refused, Step};
use super::room::Room;
use super::seat::{Place, Seat};
use crate::domain::events::lobby::{Admitted, Denied, DeviceChecks, Lobby};
use crate::domain::events::signaling::SeatRole;
use crate::domain::events::signaling::notices::LeaveReason;
use crate::domain::id::{PeerId, SocketId};
use crate::domain::time::Timestamp;

impl Room {
    /// Lets somebody in who waits. That is after they were kept out, however fast the doctor is: what they
    /// are handed now is not what they had before.
    pub(super) fn admit(&mut self, peer: &PeerId, now: Timestamp) -> Result<(), Refused> {
        let at = self.waiting(peer)?;
        self.must_have_room_for(self.seats[at].role)?;
        let Place::Lobby { since, .. } = self.seats[at].place else { return Ok(()) };
        self.write(Step::Waited(now.since(since)));
        let now = now.max(since.plus(Duration::from_millis(1)));
        self.seats[at].place = self.next_place(now);
        self.note_entered(at);
        let seat = &self.seats[at];
        let to = seat.is_connected().then(|| seat.socket.clone());
        let admitted = self.joined(seat).map(|joined| Box::new(Admitted(joined)));
        if let Some(admitted) = admitted {
            self.tell(to.into_iter().collect(), Notice::Admitted(admitted));
            self.ask_newcomer(at);
        }
        self.tell_joined(at, now);
        self.tell_lobby();
        Ok(())
    }

    /// Turns somebody away who waits.
    pub(super) fn deny(&mut self, peer: &PeerId, reason: Option<String>) -> Result<(), Refused> {
        let at = self.waiting(peer)?;
        let seat = self.seats.remove(at);
        let denied = Denied { room_id: self.id().to_string(), reason };
        let to = seat.is_connected().then_some(seat.socket);
        self.tell(to.into_iter().collect(), Notice::Denied(denied));
        self.tell_lobby();
        Ok(())
    }

    /// Sends somebody out again. In the lobby they are another peer, so what is still on its way to
    /// the one they were reaches nobody; that they are out they learn like everyone else.
    pub(super) fn return_to_lobby(
        &mut self,
        peer: &PeerId,
        fresh: PeerId,
        now: Timestamp,
    ) -> Result<(), Refused> {
        let at = self.seats.iter().position(|seat| seat.peer == *peer && seat.is_inside());
        let at = at.ok_or(Refused::NoSuchPeer)?;
        if self.seats[at].role == SeatRole::Doctor {
            return Err(Refused::Invalid("the doctor does not wait"));
        }
        let before = self.seats[at].clone();
        self.note_left(&before);
        self.note_kept_out(&before, now);
        self.tell_left(&before, LeaveReason::Kicked, now);
        if before.is_connected() {
            let out = self.left(&before, LeaveReason::Kicked, now);
            self.tell(vec![before.socket], out);
        }
        let seat = &mut self.seats[at];
        seat.peer = fresh;
        seat.place = Place::Lobby { since: now, checks: None };
        (seat.screen, seat.hand_raised) = (false, false);
        self.tell_lobby();
        Ok(())
    }

    /// Notes what the device of somebody who waits can do.
    pub(super) fn note_checks(
        &mut self,
        socket: &SocketId,
        checked: DeviceChecks,
    ) -> Result<(), Refused> {
        let seat = self.seats.iter_mut().find(|seat| seat.socket == *socket);
        let seat = seat.filter(|seat| seat.is_connected()).ok_or(Refused::NotHere)?;
        let Place::Lobby { checks, .. } = &mut seat.place else {
            return Err(Refused::Invalid("checks are for the lobby"));
        };
        *checks = Some(checked);
        self.tell_lobby();
        Ok(())
    }

    /// The doctor sees who waits.
    pub(super) fn tell_lobby(&mut self) {
        if !self.facts.has_lobby {
            return;
        }
        let waiting = self.seats.iter().filter_map(Seat::guest).collect();
        let lobby = Lobby { room_id: self.id().to_string(), waiting };
        self.tell(self.sockets(|seat| seat.role == SeatRole::Doctor), Notice::Lobby(lobby));
    }

    fn waiting(&self, peer: &PeerId) -> Result<usize, Refused> {
        let at = self.seats.iter().position(|seat| seat.peer == *peer && !seat.is_inside());
        at.ok_or(Refused::NoSuchPeer)
    }
}
