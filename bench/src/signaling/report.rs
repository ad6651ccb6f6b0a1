//! The results of the signaling measurements as they are kept.

use std::fmt::Write as _;

use serde::Serialize;

use super::{Exchange, Round, Settings};
use crate::{
    cpu::approximate,
    machine::Machine,
    report::{self, cell},
    scenarios::Sample,
    stats::median,
};

/// What a relayed message may take from its sending to its arrival, in milliseconds.
const TARGET_P99_MS: f64 = 5.0;
/// What it may cost, as a ratio to an acked round trip of the raw loop.
const TARGET_RATIO: f64 = 1.4;

/// One run.
#[derive(Serialize)]
pub(crate) struct Report<'a> {
    pub(crate) date: &'a str,
    pub(crate) commit: &'a str,
    pub(crate) command: &'a str,
    pub(crate) machine: &'a Machine,
    pub(crate) settings: &'a Settings,
    pub(crate) rounds: Vec<Round>,
}

/// One of the two ways of sending.
type Pick = fn(&Exchange) -> &Sample;

const PACED: Pick = |exchange| &exchange.paced;
const SATURATED: Pick = |exchange| &exchange.saturated;

impl Report<'_> {
    pub(super) fn stem(&self) -> String {
        report::stem(self.date, self.commit, "signaling")
    }

    /// Every message came exactly once, and in the order of its sender.
    pub(super) fn is_whole(&self) -> bool {
        let exchanges = self.rounds.iter().flat_map(|round| [&round.floor, &round.relayed]);
        exchanges
            .flat_map(|exchange| [&exchange.paced, &exchange.saturated])
            .all(|sample| sample.lost == 0 && sample.duplicated == 0 && sample.disordered == 0)
    }

    pub(super) fn markdown(&self) -> String {
        let mut text = "# signaling: µs per message\n\n| load | what | user | system | total | ratio | p50 ms | p99 ms | per second | message bytes | lost | duplicated | disordered |\n|--|--|--|--|--|--|--|--|--|--|--|--|--|\n".to_owned();
        let Settings { rate, outstanding, rooms_of_two, rooms_of_four, .. } = self.settings;
        for (load, pick) in
            [(format!("{rate} a second"), PACED), (format!("{outstanding} outstanding"), SATURATED)]
        {
            text.push_str(&self.row(
                &load,
                "raw-joined, acked round trip",
                |round| pick(&round.floor),
                1.0,
            ));
            let ratio = self.ratio(pick);
            text.push_str(&self.row(
                &load,
                "latido, relayed message",
                |round| pick(&round.relayed),
                ratio,
            ));
        }
        let room_kib = self.middle(|round| Some(round.room_kib));
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "\nAn idle room of two takes {} KiB of resident memory.\n",
            cell(room_kib),
        );
        let p99 = self.middle(|round| round.relayed.paced.p99_ms);
        text.push_str(&verdict(
            &format!("p99 at {rate} relays a second, in ms"),
            p99,
            TARGET_P99_MS,
        ));
        for (load, pick) in [("paced", PACED), ("saturated", SATURATED)] {
            let what = format!("CPU of a relayed message over an acked round trip, {load}");
            text.push_str(&verdict(&what, Some(self.ratio(pick)), TARGET_RATIO));
        }
        let _ = writeln!(
            text,
            "\nMedians of {} rounds with {rooms_of_two} rooms of two and {rooms_of_four} of four; the ratio is the median of the ratios inside the rounds. The message bytes are those of the last that came.",
            self.rounds.len(),
        );
        text.push_str(&report::origin(self.machine, self.commit, self.date, self.command));
        text
    }

    fn row<'s>(
        &'s self,
        load: &str,
        what: &str,
        pick: impl Fn(&'s Round) -> &'s Sample,
        ratio: f64,
    ) -> String {
        let samples: Vec<&Sample> = self.rounds.iter().map(pick).collect();
        let middle = |value: fn(&Sample) -> Option<f64>| {
            cell(median(samples.iter().filter_map(|sample| value(sample))))
        };
        let sum = |value: fn(&Sample) -> u64| samples.iter().map(|it| value(it)).sum::<u64>();
        format!(
            "| {load} | {what} | {} | {} | {} | {ratio:.2} | {} | {} | {} | {} | {} | {} | {} |\n",
            middle(|sample| sample.user),
            middle(|sample| sample.system),
            middle(|sample| Some(sample.value)),
            middle(|sample| sample.p50_ms),
            middle(|sample| sample.p99_ms),
            middle(|sample| Some((approximate(sample.units) / sample.seconds).round())),
            samples.first().map_or(0, |sample| sample.message_bytes),
            sum(|sample| sample.lost),
            sum(|sample| sample.duplicated),
            sum(|sample| sample.disordered),
        )
    }

    fn ratio(&self, pick: Pick) -> f64 {
        let ratio = |round: &Round| Some(pick(&round.relayed).value / pick(&round.floor).value);
        self.middle(ratio).unwrap_or_default()
    }

    fn middle(&self, value: impl Fn(&Round) -> Option<f64>) -> Option<f64> {
        median(self.rounds.iter().filter_map(value))
    }
}

/// A figure against what it may be.
fn verdict(what: &str, value: Option<f64>, target: f64) -> String {
    let outcome = if value.is_some_and(|value| value <= target) { "met" } else { "missed" };
    format!("- {what}: {}, at most {target:.1} wanted: **{outcome}**\n", cell(value))
}
