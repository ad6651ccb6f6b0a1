//! The memory of rooms where nobody says anything: growth of the server's resident set from before its sockets
//! joined them.
//!
//! Few sockets sit in many rooms, so that what the rooms take is large beside what connecting left behind.

use std::{io, ops::Range, time::Duration};

use super::{Settings, calls::Calls, house::House, seating::Seating};
use crate::{
    cpu::{Usage, approximate, resident_kib},
    servers::{Kind, Running, Stand},
    swarm::Swarm,
};

/// Rooms that are joined before memory counts, so that code and pools which any first use brings in are not
/// charged to the others.
const FIRST_ROOMS: usize = 100;
/// How long a look at a server takes that may have come to rest.
const LOOK: Duration = Duration::from_millis(500);
/// CPU time within a look below which it has.
const AT_REST: Duration = Duration::from_millis(15);

/// Sockets that joined rooms and are silent.
pub(super) struct Silence {
    server: Running,
    swarm: Swarm,
    calls: Calls,
}

impl Silence {
    /// Connects the clients of a seating to a fresh server.
    pub(super) fn before(
        stand: &Stand,
        house: &House,
        seating: &Seating,
        settings: &Settings,
    ) -> io::Result<Self> {
        let server = stand.start(Kind::Latido)?;
        let mut swarm = Swarm::on("signaling", server.address, &house.tokens(seating))?;
        swarm.connect(seating.clients(), settings.connecting)?;
        Ok(Self { server, swarm, calls: Calls::of(seating) })
    }

    /// Has seats taken and waits until the server has nothing more to do.
    pub(super) fn join(&mut self, seats: Range<usize>, settings: &Settings) -> io::Result<()> {
        self.calls.join(&mut self.swarm, seats, settings.connecting)?;
        loop {
            let before = Usage::of(self.server.pid())?;
            self.swarm.rest(LOOK)?;
            if Usage::of(self.server.pid())?.since(&before).total < AT_REST {
                return Ok(());
            }
        }
    }

    /// The server, its sockets and their calls, once there is something to say.
    pub(super) fn end(self) -> (Running, Swarm, Calls) {
        (self.server, self.swarm, self.calls)
    }
}

/// KiB for each room.
pub(super) fn measure(
    stand: &Stand,
    house: &House,
    seating: &Seating,
    settings: &Settings,
) -> io::Result<f64> {
    let mut silence = Silence::before(stand, house, seating, settings)?;
    let first = FIRST_ROOMS.min(seating.rooms() / 2);
    let seats = seating.seats_of_first(first);
    silence.join(0..seats, settings)?;
    let before = resident_kib(silence.server.pid())?;
    silence.join(seats..seating.seats().len(), settings)?;
    let after = resident_kib(silence.server.pid())?;
    let rooms = (seating.rooms() - first) as u64;
    Ok(approximate(after.saturating_sub(before)) / approximate(rooms))
}
