//! The command line of `latido-bench signaling`, and its run from start to files.

use std::{
    io::{self, Write as _},
    time::Duration,
};

use clap::Args;

use super::{Report, Settings};
use crate::{
    Places, command_line,
    machine::{self, Machine},
    now, raise_descriptor_limit,
    servers::Kind,
};

/// How the measurements are asked for.
#[derive(Args)]
pub(crate) struct Command {
    /// How often each figure is measured beside its floor.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Rooms of a doctor and a patient.
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u16).range(2..))]
    rooms_of_two: u16,
    /// Rooms where two more observe.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u16).range(1..))]
    rooms_of_four: u16,
    /// Messages a second where a clock sends them.
    #[arg(long, default_value_t = 2_000, value_parser = clap::value_parser!(u32).range(1..))]
    rate: u32,
    /// Messages on their way at once where their arrival sends the next.
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..))]
    outstanding: u16,
    /// Seconds of one measurement of messages.
    #[arg(long, default_value_t = 5.0)]
    seconds: f64,
    /// Rooms of two where nobody says anything, for memory; one at least for each doctor.
    #[arg(long, default_value_t = 5_000, value_parser = clap::value_parser!(u16).range(20..))]
    idle_rooms: u16,
    /// Sign-ins and joins on the way at once.
    #[arg(long, default_value_t = 64)]
    connecting: usize,
    #[command(flatten)]
    places: Places,
}

impl Command {
    /// False when a message was lost, came twice, or before an earlier one of its sender.
    pub(crate) fn run(&self) -> io::Result<bool> {
        raise_descriptor_limit()?;
        let settings = Settings {
            rounds: self.rounds.max(1),
            rooms_of_two: self.rooms_of_two.into(),
            rooms_of_four: self.rooms_of_four.into(),
            rate: self.rate,
            outstanding: self.outstanding.into(),
            time: Duration::from_secs_f64(self.seconds),
            idle_rooms: self.idle_rooms.into(),
            connecting: self.connecting,
        };
        let stand = self.places.stand()?;
        stand.program(Kind::Latido).map_err(io::Error::other)?;
        let (machine, commit, command, date) =
            (Machine::look()?, machine::commit(), command_line(), now()?);
        let report = Report {
            rounds: super::run(&stand, &settings)?,
            date: &date,
            commit: &commit,
            command: &command,
            machine: &machine,
            settings: &settings,
        };
        writeln!(io::stdout(), "{}", super::save(&report, &self.places.out)?)?;
        Ok(report.is_whole())
    }
}
