//! What identity costs: sign-ins, looks at tokens, and what a flood of sign-ins does to the sockets.
//!
//! Every figure stands beside a floor measured in the same round on the same server or machine.

mod flood;
mod report;
mod sign_in;
mod verify;

use std::{io, path::Path, time::Duration};

use serde::Serialize;

pub(crate) use report::Report;

use crate::servers::Stand;

/// How much is asked at once and for how long.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Settings {
    /// Each measurement.
    pub(crate) time: Duration,
    /// Keep-alive connections with one request outstanding each.
    pub(crate) connections: usize,
    /// The same for the flood.
    pub(crate) flood: usize,
}

/// One figure and its floor, in the same unit.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Figure {
    pub(crate) floor: f64,
    pub(crate) value: f64,
    /// Requests a second: of the kind measured, or of the flood.
    pub(crate) per_second: f64,
}

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Subject {
    SignIn,
    Verify,
    PingInFlood,
}

impl Subject {
    const ALL: [Self; 3] = [Self::SignIn, Self::Verify, Self::PingInFlood];

    fn measure(self, stand: &Stand, settings: &Settings) -> io::Result<Figure> {
        match self {
            Self::SignIn => sign_in::measure(stand, settings),
            Self::Verify => verify::measure(stand, settings),
            Self::PingInFlood => flood::measure(stand, settings),
        }
    }

    /// What the figure and its floor are, and the unit of both.
    fn terms(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::SignIn => ("sign-in", "bare argon2id hash", "ms CPU"),
            Self::Verify => ("verify-token", "GET /health/live", "µs CPU"),
            Self::PingInFlood => ("ping p99 in a flood of sign-ins", "ping p99 in silence", "ms"),
        }
    }
}

/// Every subject by turns, `rounds` times.
pub(crate) fn run(
    stand: &Stand,
    rounds: usize,
    settings: &Settings,
) -> io::Result<Vec<(Subject, Figure)>> {
    let mut figures = Vec::new();
    for round in 1..=rounds {
        for subject in Subject::ALL {
            let figure = subject.measure(stand, settings)?;
            let (name, _, unit) = subject.terms();
            let (value, floor, ratio) = (figure.value, figure.floor, figure.value / figure.floor);
            eprintln!(
                "  {round}/{rounds} {name}: {value:.2} {unit} (floor {floor:.2}, {ratio:.2})"
            );
            figures.push((subject, figure));
        }
    }
    Ok(figures)
}

/// Writes the results of a run into `folder` and returns the table.
pub(crate) fn save(report: &Report, folder: &Path) -> io::Result<String> {
    crate::report::write_pair(folder, &report.stem(), report, &report.markdown())
}
