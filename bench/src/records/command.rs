//! The command line of `latido-bench records`, and its run from start to files.

use std::{
    io::{self, Write as _},
    time::Duration,
};

use clap::Args;

use super::{Engine, Report, Settings};
use crate::{
    Places, command_line,
    machine::{self, Machine},
    now, raise_descriptor_limit,
};

/// How the measurements are asked for.
#[derive(Args)]
pub(crate) struct Command {
    /// Where the product keeps its rows.
    #[arg(long, value_enum, value_delimiter = ',', default_value = "sqlite,postgres")]
    engines: Vec<Engine>,
    /// How often each figure is measured beside its floor.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Rows of the large table.
    #[arg(long, default_value_t = 1_000_000)]
    patients: u64,
    /// Connected sockets.
    #[arg(long, default_value_t = 5_000, value_parser = clap::value_parser!(u16).range(1..=19_000))]
    sockets: u16,
    /// Events a second that every socket receives.
    #[arg(long, default_value_t = 200)]
    events: u32,
    /// Lists and searches a second.
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..))]
    rate: u32,
    /// Reads of the catalogue a second.
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..))]
    cached_rate: u32,
    /// Seconds of one measurement.
    #[arg(long, default_value_t = 10.0)]
    seconds: f64,
    /// Lists and searches that memory is watched over.
    #[arg(long, default_value_t = 10_000)]
    reads: u64,
    #[command(flatten)]
    places: Places,
}

impl Command {
    /// False when an event was lost, came twice, or came to two sockets in different orders.
    pub(crate) fn run(&self) -> io::Result<bool> {
        raise_descriptor_limit()?;
        let settings = Settings {
            rounds: self.rounds.max(1),
            patients: self.patients.max(1),
            sockets: self.sockets.into(),
            events: self.events,
            rate: self.rate,
            cached_rate: self.cached_rate,
            time: Duration::from_secs_f64(self.seconds),
            reads: self.reads,
        };
        let (machine, commit, command, date) =
            (Machine::look()?, machine::commit(), command_line(), now()?);
        let report = Report {
            findings: super::run(&|| self.places.stand(), &self.engines, &settings)?,
            date: &date,
            commit: &commit,
            command: &command,
            machine: &machine,
            settings: &settings,
        };
        writeln!(io::stdout(), "{}", super::save(&report, &self.places.out)?)?;
        Ok(report.findings.is_whole())
    }
}
