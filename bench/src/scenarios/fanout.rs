//! Fanout: a window of publishes kept in flight, and every socket's messages checked one by one.
//!
//! The cost is the server's CPU time from the first publish to the last delivery, publishes included, over the
//! number of deliveries. Latency is from sending a publish to the moment its last socket has it.

use std::{
    io,
    time::{Duration, Instant},
};

use super::{Sample, Settings};
use crate::{
    cpu::Usage,
    http::{self, Publisher},
    ledger::{Ledger, NUMBER_DIGITS, Verdict},
    servers::{Kind, Stand},
    swarm::{Listener, OUTSIDE, PATIENCE, Swarm},
};

/// Length of a message on the wire, after calibration.
const MESSAGE_BYTES: usize = 160;
/// Messages before the clock starts.
const WARM_UP: u32 = 64;
/// How often the clocks are looked at.
const GLANCE: Duration = Duration::from_millis(50);

/// A publish request whose message number is written over in place.
struct Publication {
    request: Vec<u8>,
    digits: usize,
}

struct Fanout {
    publisher: Publisher,
    publication: Publication,
    ledger: Ledger,
    window: u32,
    latencies: Vec<u32>,
    /// Length of the last message that had a number.
    seen_bytes: usize,
    last_completion: Instant,
}

pub(super) fn measure(
    stand: &Stand,
    kind: Kind,
    settings: &Settings,
    sockets: usize,
    window: u32,
) -> io::Result<Sample> {
    let server = stand.start(kind)?;
    let mut swarm = Swarm::new(server.address, stand.tokens(kind))?;
    swarm.connect(sockets, settings.connecting)?;
    let lines = usize::try_from(window).map_err(io::Error::other)?;
    let mut fanout = Fanout {
        publisher: Publisher::connect(server.address, lines, swarm.poll(), OUTSIDE)?,
        publication: Publication::new(kind, 0)?,
        ledger: Ledger::new(sockets),
        window,
        latencies: Vec::new(),
        seen_bytes: 0,
        last_completion: Instant::now(),
    };

    // One message with no padding shows what the server adds; then all are padded to one length.
    fanout.run(&mut swarm, |published| published < 1)?;
    if fanout.seen_bytes == 0 {
        return Err(io::Error::other("the first message never reached every socket"));
    }
    fanout.publication = Publication::new(kind, MESSAGE_BYTES.saturating_sub(fanout.seen_bytes))?;
    fanout.run(&mut swarm, |published| published < 1 + WARM_UP)?;

    fanout.latencies.clear();
    let before = Usage::of(server.pid())?;
    let delivered_before = fanout.ledger.delivered();
    let started = Instant::now();
    let mut glance = (started, true);
    fanout.run(&mut swarm, |_| {
        if glance.1 && glance.0.elapsed() > GLANCE {
            let has_spent =
                Usage::of(server.pid()).is_ok_and(|now| now.since(&before).total >= settings.cpu);
            glance = (Instant::now(), !has_spent && started.elapsed() < settings.longest);
        }
        glance.1
    })?;
    let spent = Usage::of(server.pid())?.since(&before);
    let elapsed = started.elapsed();
    let delivered = fanout.ledger.delivered() - delivered_before;
    // A second copy would come right behind.
    fanout.rest(&mut swarm, Duration::from_millis(200))?;

    let mut sample = Sample::of_cpu(spent, delivered, elapsed).with_latency(&mut fanout.latencies);
    sample.sockets = swarm.len();
    sample.message_bytes = fanout.seen_bytes;
    sample.lost = fanout.ledger.missing();
    sample.duplicated = fanout.ledger.duplicated();
    sample.disordered = fanout.ledger.disordered();
    Ok(sample)
}

impl Fanout {
    /// Publishes while `goes_on` (told how many were published so far) and until all of it has arrived,
    /// or nothing more does; the ledger then knows what is missing.
    fn run(&mut self, swarm: &mut Swarm, mut goes_on: impl FnMut(u32) -> bool) -> io::Result<()> {
        self.last_completion = Instant::now();
        loop {
            let is_open = goes_on(self.ledger.published());
            while is_open
                && self.ledger.has_room(self.window)
                && self.publisher.has_idle_line()
                && goes_on(self.ledger.published())
            {
                let number = self.ledger.publish();
                self.publisher.publish(self.publication.numbered(number))?;
            }
            let is_settled = self.ledger.in_flight() == 0;
            if is_settled && !is_open {
                return Ok(());
            }
            swarm.turn(GLANCE, self)?;
            if self.last_completion.elapsed() > PATIENCE {
                return Ok(());
            }
        }
    }

    fn rest(&mut self, swarm: &mut Swarm, time: Duration) -> io::Result<()> {
        let until = Instant::now() + time;
        while let Some(left) = until.checked_duration_since(Instant::now()) {
            swarm.turn(left, self)?;
        }
        Ok(())
    }
}

impl Listener for Fanout {
    fn message(&mut self, client: usize, text: &[u8]) {
        if let Verdict::Complete(latency) = self.ledger.receive(client, text) {
            self.latencies.push(u32::try_from(latency.as_micros()).unwrap_or(u32::MAX));
            self.last_completion = Instant::now();
            self.seen_bytes = text.len();
        }
    }

    fn outside(&mut self, token: u64) -> io::Result<()> {
        self.publisher.answered(token)
    }
}

impl Publication {
    fn new(kind: Kind, padding: usize) -> io::Result<Self> {
        let (path, headers) = Stand::publish_route(kind);
        let zeros = "0".repeat(NUMBER_DIGITS);
        let padding = ".".repeat(padding);
        let timestamp = "2025-01-01T00:00:00.000Z";
        let body = format!(
            r#"{{"event":"system:message","payload":{{"type":"info","message":"n={zeros}{padding}","timestamp":"{timestamp}"}},"durable":false}}"#
        );
        let request = http::json_request(path, &headers, &body);
        let mark = request
            .windows(2)
            .rposition(|two| two == b"n=")
            .ok_or_else(|| io::Error::other("a publication without its number"))?;
        Ok(Self { request, digits: mark + 2 })
    }

    fn numbered(&mut self, number: u32) -> &[u8] {
        let mut rest = number;
        for digit in self.request[self.digits..self.digits + NUMBER_DIGITS].iter_mut().rev() {
            *digit = b"0123456789"[(rest % 10) as usize];
            rest /= 10;
        }
        &self.request
    }
}
