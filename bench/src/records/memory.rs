//! The memory of lists and searches: how far the server's resident memory rises while it answers many of
//! them, on a table of few rows and on one of many.
//!
//! The first reads fill caches of a fixed size (statements, SQLite's pages), so the rise is told from before
//! them and from after them.

use std::{
    io,
    sync::atomic::{AtomicU64, Ordering},
};

use serde::Serialize;

use super::{Settings, Site, Subject, requests::Requests};
use crate::{
    cpu::{forget_peak, peak_kib, resident_kib},
    load::load,
    servers::Kind,
};

/// Connections that ask, each with one request outstanding: as many as the pool has by default.
const CONNECTIONS: usize = 10;

/// Resident memory of the server, KiB.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Memory {
    pub(crate) patients: u64,
    pub(crate) started_kib: u64,
    /// After the first half of the reads.
    pub(crate) warm_kib: u64,
    /// The most during the second half.
    pub(crate) peak_kib: u64,
}

pub(super) fn measure(site: &Site, patients: u64, settings: &Settings) -> io::Result<Memory> {
    let server = site.stand.start(Kind::Latido)?;
    let pid = server.pid();
    let started_kib = resident_kib(pid)?;
    let mut requests = Requests::of(Subject::List, server.address, &site.administrator)?.all;
    requests.extend(Requests::of(Subject::Search, server.address, &site.administrator)?.all);
    // Lists and searches by turns: one step has no common divisor with their number.
    let request = |number: usize| requests[number * 7 % requests.len()].clone();
    let half = || {
        let asked = AtomicU64::new(0);
        let goes_on = || asked.fetch_add(1, Ordering::Relaxed) < settings.reads / 2;
        load(server.address, CONNECTIONS, &request, &goes_on)
    };
    half()?;
    let warm_kib = resident_kib(pid)?;
    forget_peak(pid)?;
    half()?;
    let memory = Memory { patients, started_kib, warm_kib, peak_kib: peak_kib(pid)? };
    eprintln!(
        "  {patients} patients: {started_kib} KiB, {warm_kib} warm, peak {}",
        memory.peak_kib
    );
    Ok(memory)
}
