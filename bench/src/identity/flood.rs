//! Socket `ping` beside a flood of sign-ins: the p99 of the round trip in silence and in the flood.
//!
//! Pings are paced, so they measure how soon the realtime threads get a core and not how many fit.

use std::{
    io,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use super::{Figure, Settings};
use crate::{
    cpu::approximate,
    load::load,
    servers::{Kind, Running, Stand, sign_in_request},
    stats,
    swarm::{Listener, PATIENCE, Swarm},
};

const SOCKETS: usize = 50;
/// Between two pings, of whichever socket: a thousand a second.
const PACE: Duration = Duration::from_millis(1);
const ACK: &[u8] = b"43/events,";
/// The flood fills the server's queue of hashes before pings count.
const BUILD_UP: Duration = Duration::from_millis(500);

/// One ping at a time on each socket.
struct Pings {
    sent: Vec<Option<Instant>>,
    latencies: Vec<u32>,
}

pub(super) fn measure(stand: &Stand, settings: &Settings) -> io::Result<Figure> {
    let server = stand.start(Kind::Latido)?;
    let mut swarm = Swarm::new(server.address, stand.tokens(Kind::Latido))?;
    swarm.connect(SOCKETS, SOCKETS)?;
    let mut pings = Pings { sent: vec![None; SOCKETS], latencies: Vec::new() };

    pings.run(&mut swarm, BUILD_UP)?;
    let floor = pings.p99(&mut swarm, settings.time)?;
    let (value, per_second) = in_flood(&server, settings, || {
        pings.run(&mut swarm, BUILD_UP)?;
        pings.p99(&mut swarm, settings.time)
    })?;
    Ok(Figure { floor, value, per_second })
}

/// What `observe` gives while sign-ins flood the server, and sign-ins a second meanwhile.
fn in_flood(
    server: &Running,
    settings: &Settings,
    observe: impl FnOnce() -> io::Result<f64>,
) -> io::Result<(f64, f64)> {
    let is_flooding = AtomicBool::new(true);
    let started = Instant::now();
    thread::scope(|scope| {
        let goes_on = || is_flooding.load(Ordering::Relaxed);
        let flood =
            scope.spawn(move || load(server.address, settings.flood, &sign_in_request, &goes_on));
        let observed = observe();
        is_flooding.store(false, Ordering::Relaxed);
        let done = flood.join().map_err(|_| io::Error::other("the flood panicked"))??;
        Ok((observed?, approximate(done) / started.elapsed().as_secs_f64()))
    })
}

impl Pings {
    /// Pings for `time` and gives the 99th percentile of the round trips, in milliseconds.
    fn p99(&mut self, swarm: &mut Swarm, time: Duration) -> io::Result<f64> {
        self.run(swarm, time)?;
        let p99 = stats::percentile(&mut self.latencies, 99);
        p99.map(|us| f64::from(us) / 1000.0).ok_or_else(|| io::Error::other("no ping came back"))
    }

    /// Pings for `time`, one socket after the other, and waits for the last ack.
    fn run(&mut self, swarm: &mut Swarm, time: Duration) -> io::Result<()> {
        self.latencies.clear();
        let started = Instant::now();
        let mut due = started;
        let mut turn = 0;
        loop {
            let now = Instant::now();
            let is_open = started.elapsed() < time;
            if !is_open && self.sent.iter().all(Option::is_none) {
                return Ok(());
            }
            if started.elapsed() > time + PATIENCE {
                return Err(io::Error::other("a ping was never answered"));
            }
            if is_open && due <= now {
                due = now + PACE;
                turn = (turn + 1) % SOCKETS;
                if self.sent[turn].is_none() {
                    self.sent[turn] = Some(Instant::now());
                    swarm.send(turn, b"42/events,1[\"ping\"]")?;
                }
            }
            swarm.turn(due.saturating_duration_since(Instant::now()), self)?;
        }
    }
}

impl Listener for Pings {
    fn message(&mut self, client: usize, text: &[u8]) {
        if text.starts_with(ACK)
            && let Some(sent) = self.sent[client].take()
        {
            self.latencies.push(u32::try_from(sent.elapsed().as_micros()).unwrap_or(u32::MAX));
        }
    }
}
