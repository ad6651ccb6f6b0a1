//! Numbered messages published to every socket, counted in one by one and timed.
//!
//! Who runs it says when the next publish goes out: at once while a window has room, or by a clock.

use std::{
    io,
    time::{Duration, Instant},
};

use crate::{
    http::{self, Lines},
    ledger::{Ledger, NUMBER_DIGITS, Verdict},
    servers::{Kind, Stand},
    swarm::{Listener, OUTSIDE, PATIENCE, Swarm},
};

/// Length of a message on the wire, after calibration.
const MESSAGE_BYTES: usize = 160;
/// How long a turn waits at most.
const GLANCE: Duration = Duration::from_millis(50);

/// When the next publish goes out.
#[derive(Clone, Copy)]
pub(crate) enum Next {
    /// As soon as the window has room.
    AtOnce,
    /// Then, or later if the window has no room.
    At(Instant),
    Never,
}

/// A publish request whose message number is written over in place.
struct Publication {
    request: Vec<u8>,
    digits: usize,
}

pub(crate) struct Broadcast {
    lines: Lines,
    publication: Publication,
    pub(crate) ledger: Ledger,
    window: u32,
    /// Microseconds from sending a publish until its last socket has it.
    pub(crate) latencies: Vec<u32>,
    /// Length of the last message that had a number.
    pub(crate) seen_bytes: usize,
    last_completion: Instant,
}

impl Next {
    pub(crate) fn at_once_if(goes_on: bool) -> Self {
        if goes_on { Self::AtOnce } else { Self::Never }
    }
}

impl Broadcast {
    /// Publishes once: that shows how long the server makes a message, and the rest are padded to one
    /// length.
    pub(crate) fn start(swarm: &mut Swarm, kind: Kind, window: u32) -> io::Result<Self> {
        let lines = usize::try_from(window).map_err(io::Error::other)?;
        let mut broadcast = Self {
            lines: Lines::new(swarm.address(), lines, OUTSIDE),
            publication: Publication::new(kind, 0)?,
            ledger: Ledger::new(swarm.len()),
            window,
            latencies: Vec::new(),
            seen_bytes: 0,
            last_completion: Instant::now(),
        };
        broadcast.run(swarm, |published| Next::at_once_if(published < 1))?;
        if broadcast.seen_bytes == 0 {
            return Err(io::Error::other("the first message never reached every socket"));
        }
        let padding = MESSAGE_BYTES.saturating_sub(broadcast.seen_bytes);
        broadcast.publication = Publication::new(kind, padding)?;
        Ok(broadcast)
    }

    /// Publishes as `next` says, told how many were published so far, and returns when all of it has
    /// arrived, or nothing more does; the ledger then knows what is missing.
    pub(crate) fn run(
        &mut self,
        swarm: &mut Swarm,
        mut next: impl FnMut(u32) -> Next,
    ) -> io::Result<()> {
        self.last_completion = Instant::now();
        loop {
            let mut wait = GLANCE;
            let is_open = loop {
                match next(self.ledger.published()) {
                    Next::Never => break false,
                    Next::At(due) if due > Instant::now() => {
                        wait = wait.min(due.saturating_duration_since(Instant::now()));
                        break true;
                    }
                    _ if !self.ledger.has_room(self.window) || !self.lines.has_idle() => {
                        break true;
                    }
                    _ => {
                        let number = self.ledger.publish();
                        self.lines.send(swarm.poll(), self.publication.numbered(number))?;
                    }
                }
            };
            let is_settled = self.ledger.in_flight() == 0;
            if is_settled && !is_open {
                return Ok(());
            }
            swarm.turn(wait, self)?;
            if !is_settled && self.last_completion.elapsed() > PATIENCE {
                return Ok(());
            }
        }
    }

    pub(crate) fn rest(&mut self, swarm: &mut Swarm, time: Duration) -> io::Result<()> {
        let until = Instant::now() + time;
        while let Some(left) = until.checked_duration_since(Instant::now()) {
            swarm.turn(left, self)?;
        }
        Ok(())
    }
}

impl Listener for Broadcast {
    fn message(&mut self, client: usize, text: &[u8]) {
        if let Verdict::Complete(latency) = self.ledger.receive(client, text) {
            self.latencies.push(u32::try_from(latency.as_micros()).unwrap_or(u32::MAX));
            self.last_completion = Instant::now();
            self.seen_bytes = text.len();
        }
    }

    fn outside(&mut self, token: u64) -> io::Result<()> {
        match self.lines.answered(token)? {
            Some(answer) if !(200..300).contains(&answer.status) => {
                let body = String::from_utf8_lossy(answer.body);
                Err(io::Error::other(format!("a publish was refused: {} {body}", answer.status)))
            }
            _ => Ok(()),
        }
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
