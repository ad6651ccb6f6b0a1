//! HTTP load at a fixed rate: requests go out when the clock says so, whether or not answers come.
//!
//! Latency is counted from the scheduled time, so a server that stalls pays for every request that
//! should have been sent meanwhile. The load has a thread and a readiness loop of its own.

use std::{
    io,
    net::SocketAddr,
    time::{Duration, Instant},
};

use crate::{epoll::Poll, http::Lines, swarm::PATIENCE};

/// Keep-alive connections; a request that finds them all busy waits, and its latency grows.
const LINES: usize = 64;

/// Requests sent by turns, at a rate, for a time.
#[derive(Clone, Copy)]
pub(super) struct Load<'a> {
    pub(super) address: SocketAddr,
    pub(super) requests: &'a [Vec<u8>],
    /// The status every answer must have.
    pub(super) expected: u16,
    /// Requests a second.
    pub(super) rate: u32,
    pub(super) time: Duration,
}

impl Load<'_> {
    /// Sends all and waits for the last answer. Gives the latencies in microseconds.
    pub(super) fn drive(&self) -> io::Result<Vec<u32>> {
        let mut poll = Poll::new(LINES)?;
        let mut lines = Lines::new(self.address, LINES, 0);
        let step = Duration::from_secs(1) / self.rate;
        let started = Instant::now();
        let mut scheduled = [started; LINES];
        let mut latencies = Vec::new();
        let mut due = started;
        let mut turns = self.requests.iter().cycle();
        let mut sent: usize = 0;
        let mut last_answer = started;
        loop {
            let is_open = due.duration_since(started) < self.time;
            if !is_open && latencies.len() == sent {
                return Ok(latencies);
            }
            let now = Instant::now();
            if is_open && due <= now && lines.has_idle() {
                let request = turns.next().ok_or_else(|| io::Error::other("nothing to ask"))?;
                scheduled[lines.send(&poll, request)?] = due;
                sent += 1;
                due += step;
                continue;
            }
            let is_waiting_for_clock = is_open && lines.has_idle();
            let wait = if is_waiting_for_clock { due.duration_since(now) } else { PATIENCE };
            for index in 0..poll.wait(Some(wait))? {
                let token = poll.ready(index).token;
                let Some(answer) = lines.answered(token)? else { continue };
                if answer.status != self.expected {
                    let body = String::from_utf8_lossy(answer.body);
                    return Err(io::Error::other(format!("answered {}: {body}", answer.status)));
                }
                last_answer = Instant::now();
                let latency = last_answer.duration_since(scheduled[answer.line]).as_micros();
                latencies.push(u32::try_from(latency).unwrap_or(u32::MAX));
            }
            if sent > latencies.len() && last_answer.elapsed() > PATIENCE {
                return Err(io::Error::other("a request was never answered"));
            }
        }
    }
}
