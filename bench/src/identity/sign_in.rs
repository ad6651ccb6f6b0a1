//! Signing in: the server's CPU time for one sign-in, beside one bare argon2id hash in this process.
//!
//! Hashing dominates by intent, so the ratio tells what a sign-in costs besides: HTTP, the account, the
//! session's row with its commit to the disk, two signatures.

use std::{
    io,
    time::{Duration, Instant},
};

use argon2::{Algorithm, Argon2, Params, Version};
use rustix::time::{ClockId, clock_gettime};

use super::{Figure, Settings};
use crate::{
    cpu::{Usage, approximate},
    load::load,
    servers::{Kind, Stand, sign_in_request},
};

/// Hashes the floor is taken over.
const HASHES: u32 = 20;

pub(super) fn measure(stand: &Stand, settings: &Settings) -> io::Result<Figure> {
    let floor = bare_hash()?;
    let server = stand.start(Kind::Latido)?;
    let before = Usage::of(server.pid())?;
    let started = Instant::now();
    let goes_on = || started.elapsed() < settings.time;
    let done = load(server.address, settings.connections, &sign_in_request, &goes_on)?;
    let elapsed = started.elapsed();
    let spent = Usage::of(server.pid())?.since(&before);
    Ok(Figure {
        floor: floor.as_secs_f64() * 1000.0,
        value: spent.total.as_secs_f64() * 1000.0 / approximate(done.max(1)),
        per_second: approximate(done) / elapsed.as_secs_f64(),
    })
}

/// CPU time of one hash with the product's parameters: 19 MiB, two passes, one lane.
fn bare_hash() -> io::Result<Duration> {
    let params = Params::new(19 * 1024, 2, 1, None).map_err(io::Error::other)?;
    let hasher = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let mut hash = [0; 32];
    let before = thread_time()?;
    for _ in 0..HASHES {
        hasher
            .hash_password_into(b"a long bench passphrase", b"sixteen bytes of", &mut hash)
            .map_err(io::Error::other)?;
    }
    Ok(thread_time()?.saturating_sub(before) / HASHES)
}

/// What this thread has spent on a core.
fn thread_time() -> io::Result<Duration> {
    Duration::try_from(clock_gettime(ClockId::ThreadCPUTime)).map_err(io::Error::other)
}
