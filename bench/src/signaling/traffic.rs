//! Numbered messages from socket to socket, each timed from its sending to its arrival and expected once, where
//! it was sent to, and after those its sender sent there before.

use std::{
    collections::HashMap,
    io,
    time::{Duration, Instant},
};

use crate::{
    cpu::Usage,
    scenarios::Sample,
    swarm::{Listener, PATIENCE, Swarm},
};

/// How long a turn waits at most.
const GLANCE: Duration = Duration::from_millis(50);
/// How the product says that a message without a callback was refused.
const REFUSAL: &[u8] = b"42/signaling,[\"error\"";

/// A message as it goes on the wire.
pub(super) struct Letter {
    pub(super) from: usize,
    pub(super) to: usize,
    pub(super) text: Vec<u8>,
}

/// What is sent, and how it is known again where it arrives.
pub(super) trait Mail {
    fn write(&self, number: u32) -> Letter;

    /// The number of what arrived; none for anything else.
    fn number(&self, text: &[u8]) -> Option<u32>;
}

/// When the next message goes out.
#[derive(Clone, Copy)]
pub(super) enum Pace {
    /// When the clock says so.
    Every(Duration),
    /// As soon as fewer than so many are on their way.
    Outstanding(usize),
}

struct Flight {
    from: usize,
    to: usize,
    sent: Instant,
    has_arrived: bool,
}

pub(super) struct Traffic<M> {
    mail: M,
    /// By number.
    flights: Vec<Flight>,
    arrived: usize,
    /// The last number that came to a client from another.
    last: HashMap<(usize, usize), u32>,
    latencies: Vec<u32>,
    last_arrival: Instant,
    message_bytes: usize,
    duplicated: u64,
    disordered: u64,
    refused: Option<String>,
}

impl<M: Mail> Traffic<M> {
    pub(super) fn of(mail: M) -> Self {
        Self {
            mail,
            flights: Vec::new(),
            arrived: 0,
            last: HashMap::new(),
            latencies: Vec::new(),
            last_arrival: Instant::now(),
            message_bytes: 0,
            duplicated: 0,
            disordered: 0,
            refused: None,
        }
    }

    /// Runs for `time` and tells what it cost the server.
    pub(super) fn measure(
        &mut self,
        swarm: &mut Swarm,
        pid: u32,
        pace: Pace,
        time: Duration,
    ) -> io::Result<Sample> {
        self.latencies.clear();
        (self.duplicated, self.disordered) = (0, 0);
        let lost_before = self.missing();
        let (before, started) = (Usage::of(pid)?, Instant::now());
        self.run(swarm, pace, time)?;
        let spent = Usage::of(pid)?.since(&before);
        let messages = self.latencies.len() as u64;
        let sample =
            Sample::of_cpu(spent, messages, started.elapsed()).with_latency(&mut self.latencies);
        Ok(Sample {
            sockets: swarm.len(),
            message_bytes: self.message_bytes,
            lost: (self.missing() - lost_before) as u64,
            duplicated: self.duplicated,
            disordered: self.disordered,
            ..sample
        })
    }

    /// Sends for `time` and waits until all has arrived, or nothing more does.
    pub(super) fn run(&mut self, swarm: &mut Swarm, pace: Pace, time: Duration) -> io::Result<()> {
        let started = Instant::now();
        let given_up = self.missing();
        let mut due = started;
        self.last_arrival = started;
        loop {
            let is_open = started.elapsed() < time;
            let on_the_way = self.missing() - given_up;
            let is_stuck = on_the_way > 0 && self.last_arrival.elapsed() > PATIENCE;
            if is_stuck || (!is_open && on_the_way == 0) {
                return Ok(());
            }
            let mut wait = GLANCE;
            match pace {
                _ if !is_open => {}
                Pace::Every(step) => {
                    while due <= Instant::now() {
                        self.send(swarm)?;
                        due += step;
                    }
                    wait = due.saturating_duration_since(Instant::now());
                }
                Pace::Outstanding(most) => {
                    for _ in on_the_way..most {
                        self.send(swarm)?;
                    }
                }
            }
            swarm.turn(wait, self)?;
            if let Some(refused) = &self.refused {
                return Err(io::Error::other(format!("a message was refused: {refused}")));
            }
        }
    }

    fn missing(&self) -> usize {
        self.flights.len() - self.arrived
    }

    fn send(&mut self, swarm: &mut Swarm) -> io::Result<()> {
        let number = u32::try_from(self.flights.len()).map_err(io::Error::other)?;
        let Letter { from, to, text } = self.mail.write(number);
        self.flights.push(Flight { from, to, sent: Instant::now(), has_arrived: false });
        swarm.send(from, &text)
    }
}

impl<M: Mail> Listener for Traffic<M> {
    fn message(&mut self, client: usize, text: &[u8]) {
        if text.starts_with(REFUSAL) {
            self.refused = Some(String::from_utf8_lossy(text).into_owned());
            return;
        }
        // News of the room may come beside what is counted.
        let Some(number) = self.mail.number(text) else { return };
        let flight = self.flights.get_mut(number as usize).filter(|flight| flight.to == client);
        let Some(flight) = flight.filter(|flight| !flight.has_arrived) else {
            self.duplicated += 1;
            return;
        };
        flight.has_arrived = true;
        self.arrived += 1;
        self.last_arrival = Instant::now();
        let latency = self.last_arrival.duration_since(flight.sent).as_micros();
        self.latencies.push(u32::try_from(latency).unwrap_or(u32::MAX));
        self.message_bytes = text.len();
        let last = self.last.insert((flight.from, client), number);
        self.disordered += u64::from(last.is_some_and(|last| last > number));
    }
}
