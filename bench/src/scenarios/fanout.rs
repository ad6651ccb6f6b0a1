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
    broadcast::{Broadcast, Next},
    cpu::Usage,
    servers::{Kind, Stand},
    swarm::Swarm,
};

/// Messages before the clock starts.
const WARM_UP: u32 = 64;
/// How often the clocks are looked at.
const GLANCE: Duration = Duration::from_millis(50);

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
    let mut broadcast = Broadcast::start(&mut swarm, kind, window)?;
    broadcast.run(&mut swarm, |published| Next::at_once_if(published <= WARM_UP))?;

    broadcast.latencies.clear();
    let before = Usage::of(server.pid())?;
    let delivered_before = broadcast.ledger.delivered();
    let started = Instant::now();
    let mut glance = (started, true);
    broadcast.run(&mut swarm, |_| {
        if glance.1 && glance.0.elapsed() > GLANCE {
            let has_spent =
                Usage::of(server.pid()).is_ok_and(|now| now.since(&before).total >= settings.cpu);
            glance = (Instant::now(), !has_spent && started.elapsed() < settings.longest);
        }
        Next::at_once_if(glance.1)
    })?;
    let spent = Usage::of(server.pid())?.since(&before);
    let elapsed = started.elapsed();
    let delivered = broadcast.ledger.delivered() - delivered_before;
    // A second copy would come right behind.
    broadcast.rest(&mut swarm, Duration::from_millis(200))?;

    let mut sample =
        Sample::of_cpu(spent, delivered, elapsed).with_latency(&mut broadcast.latencies);
    sample.sockets = swarm.len();
    sample.message_bytes = broadcast.seen_bytes;
    sample.lost = broadcast.ledger.missing();
    sample.duplicated = broadcast.ledger.duplicated();
    sample.disordered = broadcast.ledger.disordered();
    Ok(sample)
}
