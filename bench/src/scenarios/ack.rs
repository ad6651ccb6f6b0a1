//! Acked round trips: every socket keeps one `ping` outstanding and sends the next when its ack is there.
//!
//! The cost is the server's CPU time over the round trips, latency is from sending to the ack. An ack that comes
//! twice, or under another number, is counted as a duplicate.

use std::{
    io,
    time::{Duration, Instant},
};

use super::{Sample, Settings};
use crate::{
    cpu::Usage,
    servers::{Kind, Stand},
    swarm::{Listener, PATIENCE, Swarm},
};

const GLANCE: Duration = Duration::from_millis(50);
const WARM_UP: Duration = Duration::from_millis(300);
const ACK: &[u8] = b"43/events,";

struct Call {
    id: u64,
    sent: Instant,
    is_open: bool,
}

struct Calls {
    by_socket: Vec<Call>,
    /// Sockets whose ack has come since the last turn.
    answered: Vec<usize>,
    latencies: Vec<u32>,
    strange: u64,
}

pub(super) fn measure(
    stand: &Stand,
    kind: Kind,
    settings: &Settings,
    sockets: usize,
) -> io::Result<Sample> {
    let server = stand.start(kind)?;
    let mut swarm = Swarm::new(server.address, stand.tokens(kind))?;
    swarm.connect(sockets, settings.connecting)?;
    let call = |_| Call { id: 0, sent: Instant::now(), is_open: false };
    let mut calls = Calls {
        by_socket: (0..sockets).map(call).collect(),
        answered: Vec::new(),
        latencies: Vec::new(),
        strange: 0,
    };

    let warming = Instant::now();
    calls.run(&mut swarm, || warming.elapsed() < WARM_UP)?;
    calls.latencies.clear();

    let before = Usage::of(server.pid())?;
    let started = Instant::now();
    let mut glance = (started, true);
    calls.run(&mut swarm, || {
        if glance.1 && glance.0.elapsed() > GLANCE {
            let has_spent =
                Usage::of(server.pid()).is_ok_and(|now| now.since(&before).total >= settings.cpu);
            glance = (Instant::now(), !has_spent && started.elapsed() < settings.longest);
        }
        glance.1
    })?;
    let spent = Usage::of(server.pid())?.since(&before);

    let round_trips = calls.latencies.len() as u64;
    let mut sample =
        Sample::of_cpu(spent, round_trips, started.elapsed()).with_latency(&mut calls.latencies);
    sample.sockets = sockets;
    sample.duplicated = calls.strange;
    Ok(sample)
}

impl Calls {
    /// Keeps every socket calling while `goes_on`, then waits for the last acks.
    fn run(&mut self, swarm: &mut Swarm, mut goes_on: impl FnMut() -> bool) -> io::Result<()> {
        let mut free: Vec<usize> = (0..self.by_socket.len()).collect();
        let mut last_answer = Instant::now();
        let mut outstanding = 0;
        loop {
            let is_open = goes_on();
            if is_open {
                for client in free.drain(..) {
                    self.send(swarm, client)?;
                    outstanding += 1;
                }
            } else if outstanding == 0 {
                return Ok(());
            }
            swarm.turn(GLANCE, self)?;
            outstanding -= self.answered.len();
            if !self.answered.is_empty() {
                last_answer = Instant::now();
            } else if last_answer.elapsed() > PATIENCE {
                return Err(io::Error::other(format!("{outstanding} acks never came")));
            }
            free.append(&mut self.answered);
        }
    }

    fn send(&mut self, swarm: &mut Swarm, client: usize) -> io::Result<()> {
        let call = &mut self.by_socket[client];
        call.id += 1;
        call.is_open = true;
        call.sent = Instant::now();
        swarm.send(client, format!("42/events,{}[\"ping\"]", call.id).as_bytes())
    }
}

impl Listener for Calls {
    fn message(&mut self, client: usize, text: &[u8]) {
        // Events such as `pong` may come beside the ack.
        let Some(ack) = text.strip_prefix(ACK) else { return };
        let call = &mut self.by_socket[client];
        let id = ack
            .iter()
            .take_while(|byte| byte.is_ascii_digit())
            .fold(0, |id, digit| id * 10 + u64::from(digit - b'0'));
        if id != call.id || !call.is_open {
            self.strange += 1;
            return;
        }
        call.is_open = false;
        let elapsed = call.sent.elapsed().as_micros();
        self.latencies.push(u32::try_from(elapsed).unwrap_or(u32::MAX));
        self.answered.push(client);
    }
}
