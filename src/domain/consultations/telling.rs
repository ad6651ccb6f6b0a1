//! Whom a room tells what, in the order in which it happens.

use super::notice::{Effect, Notice, Step};
use super::room::Room;
use super::seat::Seat;
use crate::domain::events::signaling::notices::{LeaveReason, PeerJoined, PeerLeft, RoomState};
use crate::domain::events::values::MediaMode;
use crate::domain::id::SocketId;
use crate::domain::time::Timestamp;

impl Room {
    pub(super) fn inside(&self) -> impl Iterator<Item = &Seat> {
        self.seats.iter().filter(|seat| seat.is_inside())
    }

    /// The sockets inside that are there and meet a condition.
    pub(super) fn sockets(&self, which: impl Fn(&Seat) -> bool) -> Vec<SocketId> {
        let seats = self.inside().filter(|seat| seat.is_connected() && which(seat));
        seats.map(|seat| seat.socket.clone()).collect()
    }

    pub(super) fn tell(&mut self, to: Vec<SocketId>, notice: Notice) {
        if !to.is_empty() {
            self.effects.push(Effect::Tell { to, notice });
        }
    }

    /// Tells everybody in the call. Where the media server carries it somebody may be there without a socket:
    /// the server tells all but those who hear it by one or wait in the lobby. It may not read what is said in
    /// a call that is encrypted from end to end.
    pub(super) fn tell_call(&mut self, notice: Notice) {
        let is_heard = self.mode() == MediaMode::Sfu && !self.facts.is_encrypted;
        let announcement = is_heard.then(|| {
            let spared = self.seats.iter().filter(|seat| seat.is_connected() || !seat.is_inside());
            let except = spared.map(|seat| seat.pass.identity.clone()).collect();
            Effect::Announce { notice: notice.clone(), except }
        });
        self.tell(self.sockets(|_| true), notice);
        self.effects.extend(announcement);
    }

    pub(super) fn write(&mut self, step: Step) {
        self.effects.push(Effect::Write(step));
    }

    /// Has it written down that somebody takes part. Where a media server carries the call, it tells of
    /// that itself.
    pub(super) fn note_entered(&mut self, at: usize) {
        if self.mode() == MediaMode::P2p {
            let seat = &self.seats[at];
            let (identity, user) = (seat.pass.identity.clone(), seat.user.account());
            self.write(Step::Entered { identity, user, role: seat.role });
        }
    }

    /// The same for somebody who no longer does.
    pub(super) fn note_left(&mut self, seat: &Seat) {
        if self.mode() == MediaMode::P2p {
            self.write(Step::Left { identity: seat.pass.identity.clone() });
        }
    }

    /// Has it written down that somebody is in front of the door, where there is one.
    pub(super) fn note_kept_out(&mut self, seat: &Seat, since: Timestamp) {
        if self.facts.makes_wait(seat.role) {
            self.write(Step::KeptOut { identity: seat.pass.identity.clone(), since });
        }
    }

    /// The others hear who came. They came earlier, so the newcomer is polite to each of them.
    pub(super) fn tell_joined(&mut self, at: usize, now: Timestamp) {
        let seat = &self.seats[at];
        let own = seat.peer.clone();
        let rank = seat.rank().and_then(|rank| rank.checked_sub(1)).unwrap_or_default();
        let Some(peer) = seat.seen_by(rank) else { return };
        let joined = PeerJoined { room_id: self.id().to_string(), peer, timestamp: now };
        self.tell(self.sockets(|seat| seat.peer != own), Notice::PeerJoined(joined));
    }

    /// The others inside hear who is there no longer, if that one was inside.
    pub(super) fn tell_left(&mut self, seat: &Seat, reason: LeaveReason, now: Timestamp) {
        if seat.is_inside() {
            let others = self.sockets(|other| other.pass.identity != seat.pass.identity);
            self.tell(others, self.left(seat, reason, now));
        }
    }

    /// The socket that had a seat hears that another one has it.
    pub(super) fn tell_moved(&mut self, before: &Seat, now: Timestamp) {
        let moved = self.left(before, LeaveReason::Moved, now);
        self.tell(vec![before.socket.clone()], moved);
    }

    pub(super) fn left(&self, seat: &Seat, reason: LeaveReason, now: Timestamp) -> Notice {
        Notice::PeerLeft(PeerLeft {
            room_id: self.id().to_string(),
            peer_id: seat.peer.to_string(),
            reason,
            timestamp: now,
        })
    }

    /// Everybody inside to whom it applies sees the room as it stands.
    pub(super) fn tell_state(&mut self, to: impl Fn(&Seat) -> bool, now: Timestamp) {
        let state = |seat: &Seat| {
            let rank = seat.rank()?;
            Some(RoomState {
                room_id: self.id().to_string(),
                mode: self.mode(),
                participants: self.inside().filter_map(|it| it.seen_by(rank)).collect(),
                recording: self.is_recorded,
                timestamp: now,
            })
        };
        let told = self.inside().filter(|seat| seat.is_connected() && to(seat));
        let told: Vec<_> =
            told.filter_map(|seat| Some((seat.socket.clone(), state(seat)?))).collect();
        for (socket, state) in told {
            self.tell(vec![socket], Notice::RoomState(state));
        }
    }
}
