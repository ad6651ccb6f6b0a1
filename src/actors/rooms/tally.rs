//! What a room adds to the figures of its node.

use std::sync::atomic::{AtomicUsize, Ordering};

use metrics::gauge;

use crate::actors::registry::Registry;
use crate::domain::consultations::room::Room;
use crate::domain::events::values::MediaMode;
use crate::domain::id::UserId;
use crate::telemetry::names;

/// A room in figures.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Tally {
    /// Absent before there is a room.
    mode: Option<MediaMode>,
    peers: usize,
    is_live: bool,
    on_call: Vec<UserId>,
}

/// All rooms of a node in figures.
#[derive(Debug, Default)]
pub(in crate::actors) struct Totals {
    /// Rooms with at least one peer.
    rooms: AtomicUsize,
    peers: AtomicUsize,
    live: AtomicUsize,
}

impl Tally {
    pub(super) fn of(room: &Room) -> Self {
        let (peers, is_live, on_call) = (room.peers(), room.is_live(), room.on_call());
        Self { mode: Some(room.mode()), peers, is_live, on_call }
    }
}

impl Totals {
    pub(in crate::actors) fn rooms(&self) -> usize {
        self.rooms.load(Ordering::Relaxed)
    }

    pub(in crate::actors) fn peers(&self) -> usize {
        self.peers.load(Ordering::Relaxed)
    }

    pub(in crate::actors) fn live(&self) -> usize {
        self.live.load(Ordering::Relaxed)
    }

    /// Counts what changed in a room, and who began or ended a call by it.
    pub(super) fn change(&self, registry: &Registry, before: &Tally, after: &Tally) {
        let count = |name: &'static str, tally: &Tally, figure: usize, sign: f64| {
            if let Some(mode) = tally.mode {
                let figure = f64::from(u32::try_from(figure).unwrap_or(u32::MAX));
                gauge!(name, "mode" => mode.name()).increment(sign * figure);
            }
        };
        let change = |total: &AtomicUsize, name: &'static str, was: usize, is: usize| {
            // Wraps around to the difference.
            total.fetch_add(is.wrapping_sub(was), Ordering::Relaxed);
            count(name, before, was, -1.0);
            count(name, after, is, 1.0);
        };
        let is_active = |tally: &Tally| usize::from(tally.peers > 0);
        let is_live = |tally: &Tally| usize::from(tally.is_live);
        change(&self.rooms, names::ROOMS_ACTIVE, is_active(before), is_active(after));
        change(&self.peers, names::PEERS_ACTIVE, before.peers, after.peers);
        change(&self.live, names::CONSULTATIONS_LIVE, is_live(before), is_live(after));
        for user in after.on_call.iter().filter(|user| !before.on_call.contains(user)) {
            registry.count_call(*user, true);
        }
        for user in before.on_call.iter().filter(|user| !after.on_call.contains(user)) {
            registry.count_call(*user, false);
        }
    }
}
