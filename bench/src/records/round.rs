//! One round on one database: a fresh server, the sockets, and every subject beside its floor,
//! first while the sockets are silent and then while they receive events.
//!
//! Cost is taken in the silence, where nothing but the requests is paid for; latency is told of both.

use std::{
    io,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use serde::Serialize;

use super::{Settings, Site, Subject, paced::Load, requests::Requests};
use crate::{
    broadcast::{Broadcast, Next},
    cpu::{Usage, approximate},
    servers::Kind,
    stats,
    swarm::Swarm,
};

/// Sign-ins on the way at once.
const CONNECTING: usize = 64;
/// Events in flight at most; beyond it their rate falls, which the result shows.
const WINDOW: u32 = 48;
const GLANCE: Duration = Duration::from_millis(20);
/// A subject's requests before its first measurement, so that caches and statements are there.
const WARM_UP: Duration = Duration::from_secs(1);

/// A subject and its floor.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Figure {
    pub(crate) silent_floor: Phase,
    pub(crate) silent: Phase,
    pub(crate) busy_floor: Phase,
    pub(crate) busy: Phase,
}

/// One load for a time.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Phase {
    /// From the scheduled time to the answer.
    pub(crate) p50_ms: f64,
    pub(crate) p95_ms: f64,
    pub(crate) p99_ms: f64,
    pub(crate) per_second: f64,
    /// CPU time of the server over the requests, events included, microseconds.
    pub(crate) cpu_us: f64,
    /// The same of PostgreSQL's processes.
    pub(crate) database_cpu_us: Option<f64>,
    /// Cores the server kept busy.
    pub(crate) cores: f64,
    pub(crate) events: Option<Events>,
}

/// What the sockets received meanwhile.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Events {
    /// That every socket received.
    pub(crate) per_second: f64,
    /// From a publish until its last socket has it.
    pub(crate) p95_ms: f64,
    pub(crate) lost: u64,
    pub(crate) duplicated: u64,
    pub(crate) disordered: u64,
}

/// Everything that takes part.
struct Scene {
    server: u32,
    database: Option<u32>,
    swarm: Swarm,
    broadcast: Broadcast,
}

/// Measures every subject. `database` is PostgreSQL's first process.
pub(super) fn measure(
    site: &Site,
    database: Option<u32>,
    settings: &Settings,
) -> io::Result<Vec<(Subject, Figure)>> {
    let server = site.stand.start(Kind::Latido)?;
    let address = server.address;
    let mut swarm = Swarm::new(address, site.stand.tokens(Kind::Latido))?;
    swarm.connect(settings.sockets, CONNECTING)?;
    let broadcast = Broadcast::start(&mut swarm, Kind::Latido, WINDOW)?;
    let mut scene = Scene { server: server.pid(), database, swarm, broadcast };

    let floor = Requests::floor();
    let mut figures = Vec::new();
    for subject in Subject::ALL {
        let prepare = || Requests::of(subject, address, &site.administrator);
        let requests = scene.meanwhile(0, prepare)?;
        let rate = subject.rate(settings);
        scene.phase(&requests.load(address, rate, WARM_UP), 0)?;
        let floor = floor.load(address, rate, settings.time);
        let own = requests.load(address, rate, settings.time);
        let figure = Figure {
            silent_floor: scene.phase(&floor, 0)?,
            silent: scene.phase(&own, 0)?,
            busy_floor: scene.phase(&floor, settings.events)?,
            busy: scene.phase(&own, settings.events)?,
        };
        figure.tell(subject);
        figures.push((subject, figure));
    }
    Ok(figures)
}

impl Scene {
    /// Does `work` in a thread of its own, and here answers heartbeats and has every socket receive
    /// `events` a second.
    fn meanwhile<T: Send>(
        &mut self,
        events: u32,
        work: impl FnOnce() -> io::Result<T> + Send,
    ) -> io::Result<T> {
        let (first, started) = (self.broadcast.ledger.published(), Instant::now());
        let is_working = AtomicBool::new(true);
        thread::scope(|scope| {
            let worker = scope.spawn(|| {
                let outcome = work();
                is_working.store(false, Ordering::Relaxed);
                outcome
            });
            let clock = |published: u32| match Duration::from_secs(1).checked_div(events) {
                _ if !is_working.load(Ordering::Relaxed) => Next::Never,
                Some(step) => Next::At(started + step * (published - first)),
                None => Next::At(Instant::now() + GLANCE),
            };
            self.broadcast.run(&mut self.swarm, clock)?;
            worker.join().map_err(|_| io::Error::other("the load panicked"))?
        })
    }

    /// Drives `load` while every socket receives `events` a second.
    fn phase(&mut self, load: &Load, events: u32) -> io::Result<Phase> {
        self.broadcast.latencies.clear();
        let first = self.broadcast.ledger.published();
        let usage = |pid: Option<u32>| pid.map(Usage::of_family).transpose();
        let before = (Usage::of(self.server)?, usage(self.database)?);
        let started = Instant::now();
        let mut latencies = self.meanwhile(events, || load.drive())?;
        let spent = Usage::of(self.server)?.since(&before.0);
        let database = usage(self.database)?.zip(before.1).map(|(after, then)| after.since(&then));

        let seconds = started.elapsed().as_secs_f64();
        let answered = approximate(latencies.len() as u64).max(1.0);
        let events = (events > 0).then(|| self.events(first, seconds)).transpose()?;
        Ok(Phase {
            p50_ms: percentile_ms(&mut latencies, 50)?,
            p95_ms: percentile_ms(&mut latencies, 95)?,
            p99_ms: percentile_ms(&mut latencies, 99)?,
            per_second: answered / seconds,
            cpu_us: spent.total.as_secs_f64() * 1e6 / answered,
            database_cpu_us: database.map(|spent| spent.total.as_secs_f64() * 1e6 / answered),
            cores: spent.total.as_secs_f64() / seconds,
            events,
        })
    }

    fn events(&mut self, first: u32, seconds: f64) -> io::Result<Events> {
        let ledger = &self.broadcast.ledger;
        Ok(Events {
            per_second: f64::from(ledger.published() - first) / seconds,
            lost: ledger.missing(),
            duplicated: ledger.duplicated(),
            disordered: ledger.disordered(),
            p95_ms: percentile_ms(&mut self.broadcast.latencies, 95)?,
        })
    }
}

fn percentile_ms(microseconds: &mut [u32], percent: usize) -> io::Result<f64> {
    let value = stats::percentile(microseconds, percent);
    value.map(|us| f64::from(us) / 1000.0).ok_or_else(|| io::Error::other("nothing was measured"))
}

impl Figure {
    fn tell(&self, subject: Subject) {
        let Self { silent, busy, busy_floor, .. } = self;
        eprintln!(
            "  {}: p95 {:.2} ms silent, {:.2} ms busy (floor {:.2}), {:.0} µs CPU, {:.0} events/s",
            subject.name(),
            silent.p95_ms,
            busy.p95_ms,
            busy_floor.p95_ms,
            silent.cpu_us,
            busy.events.map_or(0.0, |events| events.per_second),
        );
    }
}
