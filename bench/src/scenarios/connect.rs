//! Signing in: the server's CPU time from the first connection to the last greeting, over the connections.
//!
//! One connect is a TCP accept, the WebSocket upgrade, the Engine.IO open packet, the namespace's answer to a token,
//! and `connected`. The raw loop does the same exchange and checks nothing. Closing is not part of it, so every
//! measurement is one round against a fresh server; repeating is what pairs are for.

use std::{
    io,
    time::{Duration, Instant},
};

use super::{Sample, Settings};
use crate::{
    cpu::Usage,
    servers::{Kind, Stand},
    swarm::Swarm,
};

const WARM_UP: usize = 200;

pub(super) fn measure(
    stand: &Stand,
    kind: Kind,
    settings: &Settings,
    sockets: usize,
) -> io::Result<Sample> {
    let server = stand.start(kind)?;
    let mut swarm = Swarm::new(server.address, stand.tokens(kind))?;
    swarm.connect(WARM_UP, settings.connecting)?;
    swarm.take_handshakes();
    swarm.rest(Duration::from_millis(500))?;

    let started = Instant::now();
    let before = Usage::of(server.pid())?;
    swarm.connect(sockets, settings.connecting)?;
    let spent = Usage::of(server.pid())?.since(&before);

    let mut sample = Sample::of_cpu(spent, sockets as u64, started.elapsed())
        .with_latency(&mut swarm.take_handshakes());
    sample.sockets = swarm.len();
    Ok(sample)
}
