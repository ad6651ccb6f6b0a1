//! The room of one consultation: who is inside, who waits, and when a seat or the room is given up.
//!
//! Everybody has at most one seat, by the identity of their pass. It is taken by `Room::join`, kept for a while when its socket is
//! lost, and moves when the same user joins by another socket. What is to be sent is left in order for
//! [`Room::take_effects`].

use std::sync::Arc;
use std::time::Duration;

use super::facts::Facts;
use super::notice::{Effect, Notice, Refused, Step};
use super::seat::{Place, Seat};
use super::status::{ConsultationStatus, Move};
use crate::domain::events::signaling::SeatRole;
use crate::domain::events::signaling::notices::{
    EndReason, LeaveReason, RecordingRequest, RoomEnded,
};
use crate::domain::events::values::MediaMode;
use crate::domain::id::{ConsultationId, SocketId, UserId};
use crate::domain::time::Timestamp;

/// What all rooms of a node go by.
#[derive(Debug, Clone)]
pub struct Rules {
    /// How long the seat of a lost socket is kept.
    pub grace: Duration,
    /// How long a room without doctor and patient stays open.
    pub idle: Duration,
    /// Peers at most where each sends its media to each.
    pub p2p_max_peers: usize,
}

/// As without settings.
impl Default for Rules {
    fn default() -> Self {
        let (grace, idle) = (Duration::from_secs(15), Duration::from_mins(5));
        Self { grace, idle, p2p_max_peers: 4 }
    }
}

/// A room and everybody in it.
#[derive(Debug, Clone)]
pub struct Room {
    pub(super) facts: Arc<Facts>,
    pub(super) rules: Arc<Rules>,
    status: ConsultationStatus,
    pub(super) mode: MediaMode,
    /// The consultation's version that says so.
    pub(super) moved_by: i64,
    /// Whether it is being recorded.
    pub(super) is_recorded: bool,
    /// The recording the patient is asked about.
    pub(super) asked: Option<RecordingRequest>,
    pub(super) seats: Vec<Seat>,
    /// The rank of the next one to come inside.
    next_rank: u64,
    /// Since when neither doctor nor patient is here.
    empty_since: Option<Timestamp>,
    pub(super) has_invited: bool,
    is_over: bool,
    pub(super) effects: Vec<Effect>,
}

impl Room {
    pub fn open(facts: Arc<Facts>, rules: Arc<Rules>, now: Timestamp) -> Self {
        Self {
            status: facts.status,
            mode: facts.mode,
            moved_by: facts.version,
            is_recorded: facts.is_recorded,
            asked: facts.asked.clone(),
            facts,
            rules,
            seats: Vec::new(),
            next_rank: 0,
            empty_since: Some(now),
            has_invited: false,
            is_over: false,
            effects: Vec::new(),
        }
    }

    pub fn id(&self) -> &ConsultationId {
        &self.facts.id
    }

    /// As the media server knows it.
    pub fn name(&self) -> &str {
        &self.facts.room_name
    }

    pub fn mode(&self) -> MediaMode {
        self.mode
    }

    /// Whether it has closed for good.
    pub fn is_over(&self) -> bool {
        self.is_over
    }

    pub fn is_live(&self) -> bool {
        self.status == ConsultationStatus::Live && !self.is_over
    }

    pub fn seats(&self) -> &[Seat] {
        &self.seats
    }

    /// How many are inside.
    pub fn peers(&self) -> usize {
        self.inside().count()
    }

    /// Doctor and patient inside a live consultation.
    pub fn on_call(&self) -> Vec<UserId> {
        let party = self.inside().filter(|seat| self.is_live() && seat.is_party());
        party.filter_map(|seat| seat.user.account()).collect()
    }

    /// What is to be sent and written since the last time, in order.
    pub fn take_effects(&mut self) -> Vec<Effect> {
        std::mem::take(&mut self.effects)
    }

    /// Gives the seat of a socket up.
    pub fn leave(&mut self, socket: &SocketId, now: Timestamp) -> Result<(), Refused> {
        let at = self.seats.iter().position(|seat| seat.socket == *socket);
        self.remove(at.ok_or(Refused::NotHere)?, LeaveReason::Left, now);
        self.settle(now);
        Ok(())
    }

    /// The socket is gone; its seat is kept for a while.
    pub fn lose(&mut self, socket: &SocketId, now: Timestamp) {
        if let Some(seat) = self.seats.iter_mut().find(|seat| seat.socket == *socket) {
            seat.lost_at.get_or_insert(now);
        }
        self.settle(now);
    }

    /// Whoever sits there may no longer.
    pub fn expel(&mut self, socket: &SocketId, now: Timestamp) {
        if let Some(at) = self.seats.iter().position(|seat| seat.socket == *socket) {
            self.remove(at, LeaveReason::Disconnected, now);
        }
        self.settle(now);
    }

    /// The consultation was moved on by somebody outside.
    pub fn note_status(&mut self, status: ConsultationStatus) {
        if !self.status.is_over() && status == ConsultationStatus::Live {
            self.status = status;
        }
    }

    /// Closes the room for good.
    pub fn end(&mut self, reason: EndReason, now: Timestamp) {
        let room_id = self.id().to_string();
        let to = self.seats.iter().filter(|seat| seat.is_connected());
        let to = to.map(|seat| seat.socket.clone()).collect();
        self.tell(to, Notice::RoomEnded(RoomEnded { room_id, reason, timestamp: now }));
        self.seats.clear();
        self.is_over = true;
    }

    /// Gives up what was kept long enough.
    pub fn tick(&mut self, now: Timestamp) {
        let grace = self.rules.grace;
        let is_given_up =
            |seat: &Seat| seat.lost_at.is_some_and(|lost_at| lost_at.plus(grace) <= now);
        while let Some(at) = self.seats.iter().position(is_given_up) {
            self.remove(at, LeaveReason::Disconnected, now);
        }
        self.settle(now);
        let idle = self.rules.idle;
        if !self.is_over && self.empty_since.is_some_and(|since| since.plus(idle) <= now) {
            if self.is_live() {
                self.effects.push(Effect::Write(Step::Reached(Move::Over(EndReason::Idle))));
            }
            // Who comes to the room that opens next was not let in there.
            for seat in self.inside().cloned().collect::<Vec<_>>() {
                self.note_left(&seat);
                self.note_kept_out(&seat, now);
            }
            self.end(EndReason::Idle, now);
        }
    }

    /// When [`Self::tick`] will have something to do.
    pub fn next_due(&self) -> Option<Timestamp> {
        if self.is_over {
            return None;
        }
        let lost = self.seats.iter().filter_map(|seat| seat.lost_at);
        let lost = lost.map(|at| at.plus(self.rules.grace));
        lost.chain(self.empty_since.map(|since| since.plus(self.rules.idle))).min()
    }

    /// Goes on after a failure: seats whose sockets are gone are lost, everybody else is told how the
    /// room stands.
    pub fn resume(&mut self, is_alive: impl Fn(&SocketId) -> bool, now: Timestamp) {
        for seat in &mut self.seats {
            if !is_alive(&seat.socket) {
                seat.lost_at.get_or_insert(now);
            }
        }
        self.tell_state(|_| true, now);
        self.tell_lobby();
        self.settle(now);
    }

    /// Draws the conclusions from who is here.
    pub(super) fn settle(&mut self, now: Timestamp) {
        if self.seats.iter().any(Seat::is_party) {
            self.empty_since = None;
        } else {
            self.empty_since.get_or_insert(now);
        }
        let counts = |seat: &Seat| seat.is_connected() && !seat.pass.is_guest();
        let is_here = |role| self.inside().any(|seat| seat.role == role && counts(seat));
        let are_both_here = is_here(SeatRole::Doctor) && is_here(SeatRole::Patient);
        if self.status == ConsultationStatus::Created && self.empty_since.is_none() {
            self.reach(Move::Waiting);
        }
        if self.status == ConsultationStatus::Waiting && are_both_here {
            self.reach(Move::Live);
        }
    }

    fn reach(&mut self, to: Move) {
        self.status = to.status();
        self.effects.push(Effect::Write(Step::Reached(to)));
    }

    /// Takes a seat away; those inside hear of it if it was inside.
    pub(super) fn remove(&mut self, at: usize, reason: LeaveReason, now: Timestamp) {
        let seat = self.seats.remove(at);
        if seat.is_inside() {
            self.note_left(&seat);
            self.note_kept_out(&seat, now);
            self.tell_left(&seat, reason, now);
        } else {
            self.tell_lobby();
        }
    }

    pub(super) fn next_place(&mut self, now: Timestamp) -> Place {
        let rank = self.next_rank;
        self.next_rank += 1;
        Place::Inside { rank, joined_at: now }
    }
}
