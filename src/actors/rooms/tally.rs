//! What a room adds to the figures of its node.

use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering};

use metrics::gauge;

use crate::actors::hub::Hub;
use crate::actors::registry::Registry;
use crate::domain::consultations::room::Room;
use crate::domain::events::values::MediaMode;
use crate::domain::id::{ConsultationId, UserId};
use crate::telemetry::names;

/// A room in figures.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Tally {
    /// Absent before there is a room.
    mode: Option<MediaMode>,
    peers: usize,
    on_call: Vec<UserId>,
}

/// All rooms of a node in figures, and what the media server carries beside them.
#[derive(Debug, Default)]
pub(in crate::actors) struct Totals {
    /// Rooms with at least one peer.
    rooms: AtomicUsize,
    peers: AtomicUsize,
    /// Calls at the media server of which nobody sits in a room of this node.
    carried_rooms: AtomicUsize,
    /// Those at the media server who sit in no room of this node.
    carried_peers: AtomicUsize,
}

impl Tally {
    pub(super) fn of(room: &Room) -> Self {
        Self { mode: Some(room.mode()), peers: room.peers(), on_call: room.on_call() }
    }
}

impl Totals {
    pub(in crate::actors) fn rooms(&self) -> usize {
        self.rooms.load(Ordering::Relaxed) + self.carried_rooms.load(Ordering::Relaxed)
    }

    pub(in crate::actors) fn peers(&self) -> usize {
        self.peers.load(Ordering::Relaxed) + self.carried_peers.load(Ordering::Relaxed)
    }

    /// Counts those at the media server whom the rooms of this node do not.
    fn note_carried(&self, rooms: usize, peers: usize) {
        let change = |total: &AtomicUsize, name: &'static str, is: usize| {
            let was = total.swap(is, Ordering::Relaxed);
            let gauge = gauge!(name, "mode" => MediaMode::Sfu.name());
            gauge.increment(figure(is) - figure(was));
        };
        change(&self.carried_rooms, names::ROOMS_ACTIVE, rooms);
        change(&self.carried_peers, names::PEERS_ACTIVE, peers);
    }

    /// Counts what changed in a room, and who began or ended a call by it.
    pub(super) fn change(&self, registry: &Registry, before: &Tally, after: &Tally) {
        let count = |name: &'static str, tally: &Tally, counted: usize, sign: f64| {
            if let Some(mode) = tally.mode {
                gauge!(name, "mode" => mode.name()).increment(sign * figure(counted));
            }
        };
        let change = |total: &AtomicUsize, name: &'static str, was: usize, is: usize| {
            // Wraps around to the difference.
            total.fetch_add(is.wrapping_sub(was), Ordering::Relaxed);
            count(name, before, was, -1.0);
            count(name, after, is, 1.0);
        };
        let is_active = |tally: &Tally| usize::from(tally.peers > 0);
        change(&self.rooms, names::ROOMS_ACTIVE, is_active(before), is_active(after));
        change(&self.peers, names::PEERS_ACTIVE, before.peers, after.peers);
        for user in after.on_call.iter().filter(|user| !before.on_call.contains(user)) {
            registry.count_call(*user, true);
        }
        for user in before.on_call.iter().filter(|user| !after.on_call.contains(user)) {
            registry.count_call(*user, false);
        }
    }
}

impl Hub {
    /// Counts who is at the media server, by the call and their identity there, but for those who sit in a
    /// room of this node and are counted by it.
    pub fn note_carried(&self, present: &[(ConsultationId, String)]) {
        let (table, mut rooms, mut peers) = (self.rooms(), HashSet::new(), 0);
        for (id, identity) in present {
            if table.peers(id) == 0 {
                rooms.insert(id);
            }
            peers += usize::from(!table.is_inside(id, identity));
        }
        table.totals().note_carried(rooms.len(), peers);
    }
}

fn figure(count: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}
