//! Memory of silent sockets: growth of the server's resident set over the sockets that caused it.
//!
//! A first hundred sockets come before the baseline, so that code and pools which any first use brings in are not
//! charged to the sockets. The kernel's own memory for a connection is not counted for any server.

use std::{io, time::Instant};

use super::{Sample, Settings};
use crate::{
    cpu::{approximate, resident_kib},
    servers::{Kind, Stand},
    swarm::Swarm,
};

const FIRST: usize = 100;

pub(super) fn measure(
    stand: &Stand,
    kind: Kind,
    settings: &Settings,
    sockets: usize,
) -> io::Result<Sample> {
    let server = stand.start(kind)?;
    let mut swarm = Swarm::new(server.address, stand.tokens(kind))?;
    let started = Instant::now();
    swarm.connect(FIRST, settings.connecting)?;
    swarm.rest(settings.settle)?;
    let before = resident_kib(server.pid())?;

    swarm.connect(sockets, settings.connecting)?;
    swarm.rest(settings.settle)?;
    let after = resident_kib(server.pid())?;

    let units = sockets as u64;
    Ok(Sample {
        value: approximate(after.saturating_sub(before)) / approximate(units),
        sockets: swarm.len(),
        units,
        seconds: started.elapsed().as_secs_f64(),
        ..Sample::default()
    })
}
