//! Coming in: a seat of one's own, the one that was kept, or a place in the lobby.

use std::sync::Arc;

use super::grant::Pass;
use super::notice::{Refused, Step};
use super::room::Room;
use super::seat::{Arrival, Place, Seat};
use crate::domain::events::consultation::Caller;
use crate::domain::events::signaling::notices::LeaveReason;
use crate::domain::events::signaling::requests::{InLobby, JoinAnswer, Joined, LobbyStatus};
use crate::domain::events::signaling::{Peer, SeatRole};
use crate::domain::events::values::MediaMode;
use crate::domain::id::{SocketId, UserId};
use crate::domain::time::Timestamp;

impl Room {
    /// Gives somebody who may be here a seat, or a place in the lobby.
    pub fn join(&mut self, arrival: Arrival, now: Timestamp) -> Result<JoinAnswer, Refused> {
        if self.is_over() {
            return Err(Refused::Over);
        }
        let identity = arrival.pass.identity.clone();
        let known = self.seats.iter().position(|seat| seat.pass.identity == identity);
        let seated = match known {
            Some(at) if self.seats[at].role != arrival.pass.role => {
                self.remove(at, LeaveReason::Left, now);
                self.take_seat(arrival, now)
            }
            Some(at) if self.seats[at].socket == arrival.socket => Ok(()),
            // A token of the lobby opens the lobby, whoever of that name was let in.
            Some(at) if arrival.pass.is_waiting && !self.is_own_kept(at, &arrival) => {
                if self.seats[at].is_connected() {
                    self.tell_moved(&self.seats[at].clone(), now);
                }
                self.remove(at, LeaveReason::Moved, now);
                self.take_seat(arrival, now)
            }
            Some(at)
                if !self.seats[at].is_connected()
                    || self.seats[at].is_of(arrival.device.as_deref()) =>
            {
                self.come_back(at, arrival, now);
                Ok(())
            }
            Some(at) => {
                self.change_device(at, arrival, now);
                Ok(())
            }
            None => self.take_seat(arrival, now),
        };
        self.settle(now);
        seated?;
        let seat = self.seats.iter().find(|seat| seat.pass.identity == identity);
        seat.map(|seat| self.answer(seat)).ok_or(Refused::NotHere)
    }

    /// Whoever sits there proved themselves anew: the seat is theirs by that from now on.
    pub fn renew(&mut self, socket: &SocketId, pass: Pass, device: Option<Box<str>>) {
        if let Some(seat) = self.seats.iter_mut().find(|seat| seat.socket == *socket) {
            (seat.pass, seat.device) = (Arc::new(pass), device);
        }
    }

    /// Whether the seat is kept for who comes: nobody sits there, and it was theirs by the same token or
    /// session. In the lobby there is nothing to take from each other.
    fn is_own_kept(&self, at: usize, arrival: &Arrival) -> bool {
        let seat = &self.seats[at];
        !seat.is_connected() && (!seat.is_inside() || seat.is_of(arrival.device.as_deref()))
    }

    fn take_seat(&mut self, arrival: Arrival, now: Timestamp) -> Result<(), Refused> {
        let (user, role, name) = (arrival.user, arrival.pass.role, arrival.display_name.clone());
        if self.facts.makes_wait(role) {
            let seat = Seat::new(arrival, Place::Lobby { since: now, checks: None });
            self.note_kept_out(&seat, now);
            self.seats.push(seat);
            self.tell_lobby();
        } else {
            self.must_have_room_for(role)?;
            let place = self.next_place(now);
            self.seats.push(Seat::new(arrival, place));
            self.note_entered(self.seats.len() - 1);
            self.tell_joined(self.seats.len() - 1, now);
            self.ask_newcomer(self.seats.len() - 1);
            if role == SeatRole::Doctor {
                self.tell_lobby();
            }
        }
        self.invite_other(user, role, name);
        Ok(())
    }

    /// The seat was kept; the same user has it again. A network that vanished may not have been missed
    /// yet: then it is the socket before that is told to let go.
    fn come_back(&mut self, at: usize, arrival: Arrival, now: Timestamp) {
        if self.seats[at].is_connected() {
            self.tell_moved(&self.seats[at].clone(), now);
        }
        let seat = &mut self.seats[at];
        seat.device = arrival.device;
        seat.socket = arrival.socket;
        seat.user = arrival.user;
        seat.pass = Arc::new(arrival.pass);
        seat.lost_at = None;
        seat.display_name = arrival.display_name;
        (seat.audio, seat.video) = (arrival.media.audio, arrival.media.video);
        if !seat.is_inside() {
            return self.tell_lobby();
        }
        let (role, socket) = (seat.role, seat.socket.clone());
        self.tell_state(|seat| seat.socket != socket, now);
        self.ask_newcomer(at);
        if role == SeatRole::Doctor {
            self.tell_lobby();
        }
    }

    /// The same user sits down at another device, as another peer.
    fn change_device(&mut self, at: usize, arrival: Arrival, now: Timestamp) {
        let before = self.seats[at].clone();
        let is_inside = before.is_inside();
        let place = if is_inside { self.next_place(now) } else { before.place };
        self.seats[at] = Seat::new(arrival, place);
        self.tell_left(&before, LeaveReason::Moved, now);
        self.tell_moved(&before, now);
        if is_inside {
            self.tell_joined(at, now);
            self.ask_newcomer(at);
        }
        if !is_inside || self.seats[at].role == SeatRole::Doctor {
            self.tell_lobby();
        }
    }

    /// Has the other party called, once, by whoever of the two comes first.
    fn invite_other(&mut self, user: UserId, role: SeatRole, name: String) {
        let other = match role {
            SeatRole::Doctor => SeatRole::Patient,
            SeatRole::Patient => SeatRole::Doctor,
            SeatRole::Observer => return,
        };
        let is_there = self.seats.iter().any(|seat| seat.role == other);
        if is_there || self.is_live() || std::mem::replace(&mut self.has_invited, true) {
            return;
        }
        if let Some(callee) = self.facts.party(other).map(|party| party.user) {
            let user_id = user.shown();
            let from = Caller { user_id, name, role: role.name().to_owned() };
            self.write(Step::Invite { callee, from });
        }
    }

    /// The seats of doctor and patient stay free for them, whoever observes.
    pub(super) fn must_have_room_for(&self, role: SeatRole) -> Result<(), Refused> {
        let limit = match self.mode() {
            MediaMode::P2p => self.facts.max_participants.min(self.rules.p2p_max_peers),
            MediaMode::Sfu => self.facts.max_participants,
        };
        let is_kept = |party| party != role && !self.inside().any(|seat| seat.role == party);
        let kept = [SeatRole::Doctor, SeatRole::Patient].into_iter().filter(|it| is_kept(*it));
        let is_observer = role == SeatRole::Observer;
        let taken = self.peers() + if is_observer { kept.count() } else { 0 };
        if taken >= limit { Err(Refused::Full) } else { Ok(()) }
    }

    fn answer(&self, seat: &Seat) -> JoinAnswer {
        let (room_id, room_name) = (self.id().to_string(), self.facts.room_name.clone());
        let (peer_id, role) = (seat.peer.to_string(), seat.role);
        match self.joined(seat) {
            Some(joined) => JoinAnswer::Joined(Box::new(joined)),
            None => JoinAnswer::Waiting(InLobby {
                room_id,
                room_name,
                peer_id,
                role,
                status: LobbyStatus::Waiting,
            }),
        }
    }

    /// What somebody inside needs to take part, but for the relays and the way into the media server. None in
    /// the lobby.
    pub(super) fn joined(&self, seat: &Seat) -> Option<Joined> {
        let rank = seat.rank()?;
        let others = self.inside().filter(|other| other.peer != seat.peer);
        let participants: Vec<Peer> = others.filter_map(|other| other.seen_by(rank)).collect();
        Some(Joined {
            room_id: self.id().to_string(),
            room_name: self.facts.room_name.clone(),
            peer_id: seat.peer.to_string(),
            role: seat.role,
            mode: self.mode(),
            polite: participants.iter().any(|peer| !peer.polite),
            participants,
            ice_servers: Vec::new(),
            sfu: None,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use crate::domain::consultations::room_tests::{DOCTOR, PATIENT, Scene};
    use crate::domain::consultations::steering::Deed;
    use crate::domain::events::signaling::requests::JoinAnswer;

    /// A call that the patient was let into from a device.
    fn scene(device: &str, is_waiting: bool) -> Scene {
        let mut scene = Scene::new(true);
        scene.seat(DOCTOR, "d");
        let answer = scene.join_by(PATIENT, "p", Some(device), is_waiting).unwrap();
        let JoinAnswer::Waiting(waiting) = answer else { panic!("{answer:?}") };
        scene.act("d", Deed::Admit(waiting.peer_id.as_str().into())).unwrap();
        scene.lose("p");
        scene
    }

    #[test]
    fn a_token_of_the_lobby_takes_no_seat_that_is_kept_for_another_device() {
        let mut scene = scene("session", false);

        let answer = scene.join_by(PATIENT, "other", Some("token"), true).unwrap();

        assert!(matches!(answer, JoinAnswer::Waiting(_)), "{answer:?}");
        assert_eq!(scene.room.peers(), 1);
    }

    #[test]
    fn who_was_let_in_by_a_token_comes_back_by_it() {
        let mut scene = scene("token", true);

        let answer = scene.join_by(PATIENT, "again", Some("token"), true).unwrap();

        assert!(matches!(answer, JoinAnswer::Joined(_)), "{answer:?}");
        assert_eq!(scene.room.peers(), 2);
    }

    #[test]
    fn who_renewed_comes_back_by_the_new_token() {
        let mut scene = Scene::new(true);
        scene.seat(DOCTOR, "d");
        let peer = scene.seat(PATIENT, "p");
        scene.act("d", Deed::Admit(peer)).unwrap();
        let pass = scene.room.seats()[1].pass.as_ref().clone();
        scene.room.renew(&"p".into(), pass, Some("fresh".into()));
        scene.lose("p");

        let answer = scene.join_by(PATIENT, "again", Some("fresh"), true).unwrap();

        assert!(matches!(answer, JoinAnswer::Joined(_)), "{answer:?}");
    }

    #[test]
    fn who_was_let_into_a_room_that_closed_waits_at_the_next() {
        let mut scene = Scene::new(true);
        scene.seat(DOCTOR, "d");
        let observer = scene.seat(3, "o");
        scene.act("d", Deed::Admit(observer)).unwrap();
        scene.act("d", Deed::Leave).unwrap();
        scene.steps();

        scene.pass(Duration::from_mins(6));

        assert!(scene.room.is_over());
        assert_eq!(scene.steps(), ["left observer-3", "kept out observer-3"]);
    }
}
