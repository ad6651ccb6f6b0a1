//! Alternation: the floor and one other server, again and again, so that a machine's slow minutes hit both.
//!
//! Single measurements differ by a fifth; the ratio inside a pair differs far less. Which of the two goes first
//! changes from pair to pair.

use std::io;

use serde::Serialize;

use crate::{
    scenarios::{Sample, Scenario, Settings},
    servers::{Kind, Stand},
};

/// What ratios are taken to.
pub(crate) const FLOOR: Kind = Kind::RawJoined;

/// The two measurements of one pair.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Pair {
    pub(crate) server: Kind,
    pub(crate) floor: Sample,
    pub(crate) sample: Sample,
}

impl Pair {
    pub(crate) fn ratio(&self) -> f64 {
        self.sample.value / self.floor.value
    }
}

/// Measures every server of `servers` beside the floor, `pairs` times each.
pub(crate) fn run(
    stand: &Stand,
    scenario: Scenario,
    servers: &[Kind],
    pairs: usize,
    settings: &Settings,
) -> io::Result<Vec<Pair>> {
    let mut done = Vec::new();
    for round in 0..pairs {
        for &server in servers {
            let measure = |kind: Kind| {
                let sample = scenario.measure(stand, kind, settings).map_err(|error| {
                    io::Error::other(format!("{} of {}: {error}", scenario.name(), kind.name()))
                })?;
                eprintln!(
                    "  {} {}/{pairs} {}: {:.2} {}{}",
                    scenario.name(),
                    round + 1,
                    kind.name(),
                    sample.value,
                    scenario.unit(),
                    if is_whole(kind, &sample) { "" } else { ", NOT WHOLE" },
                );
                Ok::<_, io::Error>(sample)
            };
            let pair = if round % 2 == 0 {
                let floor = measure(FLOOR)?;
                Pair { server, floor, sample: measure(server)? }
            } else {
                let sample = measure(server)?;
                Pair { server, floor: measure(FLOOR)?, sample }
            };
            done.push(pair);
        }
    }
    Ok(done)
}

/// Everything came exactly once, and in one order where that is promised.
pub(crate) fn is_whole(kind: Kind, sample: &Sample) -> bool {
    sample.lost == 0 && sample.duplicated == 0 && (sample.disordered == 0 || !kind.promises_order())
}
