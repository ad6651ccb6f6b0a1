//! Calls: offers and candidates relayed between the peers of many rooms, and the memory of rooms where nobody
//! says anything.
//!
//! A relayed message stands beside the acked round trip of the raw loop, both twice: by a clock, and as fast as
//! they arrive. [`house`] makes whom the rooms need, [`seating`] says who sits where, [`calls`] joins and relays,
//! [`traffic`] sends and times, [`memory`] waits and weighs.

mod calls;
mod command;
mod house;
mod memory;
mod report;
mod round_trips;
mod seating;
mod traffic;

use std::{io, path::Path, time::Duration};

use serde::Serialize;

pub(crate) use command::Command;

use crate::{
    scenarios::Sample,
    servers::{Kind, Stand},
    swarm::Swarm,
};
use house::House;
use memory::Silence;
use report::Report;
use round_trips::RoundTrips;
use seating::Seating;
use traffic::{Mail, Pace, Traffic};

/// Before the clock starts.
const WARM_UP: Duration = Duration::from_millis(500);

/// How much is sent, in how many rooms.
#[derive(Clone, Debug, Serialize)]
struct Settings {
    rounds: usize,
    rooms_of_two: usize,
    rooms_of_four: usize,
    /// Messages a second where a clock sends them.
    rate: u32,
    /// Messages on their way at once where their arrival sends the next.
    outstanding: usize,
    /// Each measurement of messages.
    time: Duration,
    /// Rooms of two where nobody says anything.
    idle_rooms: usize,
    /// Sign-ins and joins on the way at once.
    connecting: usize,
}

/// What one round found out.
#[derive(Clone, Debug, Serialize)]
struct Round {
    /// Acked round trips of the raw loop.
    floor: Exchange,
    /// Relayed messages of the product.
    relayed: Exchange,
    /// Resident memory of the product for each room where nobody says anything.
    room_kib: f64,
}

/// The same messages, sent in two ways. Costs are µs a message.
#[derive(Clone, Debug, Serialize)]
struct Exchange {
    paced: Sample,
    saturated: Sample,
}

/// Measures, floor first and last by turns.
fn run(stand: &Stand, settings: &Settings) -> io::Result<Vec<Round>> {
    let seating = Seating::of(settings.rooms_of_two, settings.rooms_of_four);
    let idle = Seating::shared(seating.rooms(), settings.idle_rooms);
    eprintln!("  opening {} consultations", seating.rooms() + idle.rooms());
    let house = House::open(stand, seating.rooms() + idle.rooms())?;
    // Every consultation begins, so that no round is the first, of which that is written down.
    for seating in [&seating, &idle] {
        let all = 0..seating.seats().len();
        Silence::before(stand, &house, seating, settings)?.join(all, settings)?;
    }
    let mut rounds = Vec::new();
    for number in 1..=settings.rounds {
        let is_floor_first = number % 2 == 1;
        let early = is_floor_first.then(|| round_trips(stand, &seating, settings)).transpose()?;
        let relayed = relays(stand, &house, &seating, settings)?;
        let floor = early.map_or_else(|| round_trips(stand, &seating, settings), Ok)?;
        let room_kib = memory::measure(stand, &house, &idle, settings)?;
        eprintln!(
            "  {number}/{}: {:.1} µs paced (floor {:.1}), {:.1} µs saturated (floor {:.1}), p99 {:.2} ms, \
             {room_kib:.1} KiB a room",
            settings.rounds,
            relayed.paced.value,
            floor.paced.value,
            relayed.saturated.value,
            floor.saturated.value,
            relayed.paced.p99_ms.unwrap_or_default(),
        );
        rounds.push(Round { floor, relayed, room_kib });
    }
    Ok(rounds)
}

/// As many sockets at the raw loop, which answers them.
fn round_trips(stand: &Stand, seating: &Seating, settings: &Settings) -> io::Result<Exchange> {
    let kind = Kind::RawJoined;
    let server = stand.start(kind)?;
    let mut swarm = Swarm::new(server.address, stand.tokens(kind))?;
    swarm.connect(seating.clients(), settings.connecting)?;
    exchange(&mut swarm, server.pid(), RoundTrips::of(seating.clients()), settings)
}

/// Sockets that join their rooms and relay.
fn relays(
    stand: &Stand,
    house: &House,
    seating: &Seating,
    settings: &Settings,
) -> io::Result<Exchange> {
    let mut silence = Silence::before(stand, house, seating, settings)?;
    silence.join(0..seating.seats().len(), settings)?;
    let (server, mut swarm, calls) = silence.end();
    exchange(&mut swarm, server.pid(), calls, settings)
}

fn exchange(
    swarm: &mut Swarm,
    pid: u32,
    mail: impl Mail,
    settings: &Settings,
) -> io::Result<Exchange> {
    let mut traffic = Traffic::of(mail);
    let mut measure = |pace| {
        traffic.run(swarm, pace, WARM_UP)?;
        traffic.measure(swarm, pid, pace, settings.time)
    };
    let step = Duration::from_secs(1) / settings.rate;
    Ok(Exchange {
        paced: measure(Pace::Every(step))?,
        saturated: measure(Pace::Outstanding(settings.outstanding))?,
    })
}

/// Writes the results of a run into `folder` and returns the tables.
fn save(report: &Report, folder: &Path) -> io::Result<String> {
    crate::report::write_pair(folder, &report.stem(), report, &report.markdown())
}
