//! The results of the records measurements as they are kept.

use std::fmt::Write as _;

use serde::Serialize;

use super::{
    Engine, Findings, Settings, Subject,
    memory::Memory,
    round::{Figure, Phase},
};
use crate::{
    cpu::approximate,
    machine::Machine,
    report::{self, cell},
    stats::median,
};

/// What the contract allows the 95th percentile, in milliseconds.
const TARGET_MS: f64 = 20.0;

/// One run.
#[derive(Serialize)]
pub(crate) struct Report<'a> {
    pub(crate) date: &'a str,
    pub(crate) commit: &'a str,
    pub(crate) command: &'a str,
    pub(crate) machine: &'a Machine,
    pub(crate) settings: &'a Settings,
    pub(crate) findings: Findings,
}

impl Findings {
    /// Every event came exactly once and in one order.
    pub(crate) fn is_whole(&self) -> bool {
        self.busy_events()
            .all(|events| events.lost == 0 && events.duplicated == 0 && events.disordered == 0)
    }

    fn busy_events(&self) -> impl Iterator<Item = super::round::Events> + '_ {
        self.figures.iter().flat_map(|(_, _, figure)| {
            [figure.busy_floor.events, figure.busy.events].into_iter().flatten()
        })
    }

    /// The median of a value over the rounds; absent where it was not measured.
    fn middle(
        &self,
        engine: Engine,
        subject: Subject,
        pick: impl Fn(&Figure) -> Option<f64>,
    ) -> Option<f64> {
        let own = self.figures.iter().filter(|(e, s, _)| (*e, *s) == (engine, subject));
        median(own.filter_map(|(_, _, figure)| pick(figure)))
    }

    /// Engines and subjects that were measured.
    fn rows(&self) -> Vec<(Engine, Subject)> {
        let mut rows = Vec::new();
        for (engine, subject, _) in &self.figures {
            if !rows.contains(&(*engine, *subject)) {
                rows.push((*engine, *subject));
            }
        }
        rows
    }
}

impl Report<'_> {
    pub(super) fn stem(&self) -> String {
        let what = format!("records-{}-events", self.settings.events);
        report::stem(self.date, self.commit, &what)
    }

    pub(super) fn markdown(&self) -> String {
        let Settings { rounds, patients, sockets, events, time, reads, .. } = self.settings;
        let mut text = "# records\n\n".to_owned();
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "{patients} patients, {sockets} sockets. Medians of {rounds} rounds of {} s; the floor is the same \
             load of `GET /health/live` on the same server. Latency is counted from the scheduled time.\n",
            time.as_secs_f64(),
        );
        let _ = writeln!(text, "## While {events} events a second were asked for\n");
        text.push_str("| database | what | asked per s | p50 ms | p95 ms | p99 ms | floor p95 ms | p95 within 20 ms | server's cores | events per s | events p95 ms |\n|--|--|--|--|--|--|--|--|--|--|--|\n");
        for (engine, subject) in self.findings.rows() {
            text.push_str(&self.busy_row(engine, subject));
        }
        text.push_str("\n## While the sockets were silent\n\n| database | what | p50 ms | p95 ms | p99 ms | floor p95 ms | µs CPU | floor µs CPU | PostgreSQL µs CPU |\n|--|--|--|--|--|--|--|--|--|\n");
        for (engine, subject) in self.findings.rows() {
            text.push_str(&self.silent_row(engine, subject));
        }
        let _ = writeln!(
            text,
            "\n## Memory over {reads} lists and searches, 10 at once\n\n| database | patients | started MiB | warm MiB | peak after MiB | rise to warm MiB | rise after MiB | peak to that of few |\n|--|--|--|--|--|--|--|--|",
        );
        for (engine, memory) in &self.findings.memory {
            text.push_str(&self.memory_row(*engine, memory));
        }
        text.push('\n');
        text.push_str(&report::origin(self.machine, self.commit, self.date, self.command));
        if !self.findings.is_whole() {
            text.push_str("EVENTS WERE LOST, DUPLICATED OR DISORDERED.\n");
        }
        for reason in &self.findings.skipped {
            let _ = writeln!(text, "Skipped: {reason}.");
        }
        text
    }

    fn busy_row(&self, engine: Engine, subject: Subject) -> String {
        let of = |pick: &dyn Fn(&Phase) -> Option<f64>| {
            self.findings.middle(engine, subject, |figure| pick(&figure.busy))
        };
        let p95 = of(&|busy| Some(busy.p95_ms));
        format!(
            "| {} | {} | {} | {} | {} | {} | {} | {} | {} | {} | {} |\n",
            engine.name(),
            subject.name(),
            subject.rate(self.settings),
            cell(of(&|busy| Some(busy.p50_ms))),
            cell(p95),
            cell(of(&|busy| Some(busy.p99_ms))),
            cell(self.findings.middle(engine, subject, |figure| Some(figure.busy_floor.p95_ms))),
            if p95.is_some_and(|p95| p95 <= TARGET_MS) { "yes" } else { "no" },
            cell(of(&|busy| Some(busy.cores))),
            cell(of(&|busy| Some(busy.events?.per_second))),
            cell(of(&|busy| Some(busy.events?.p95_ms))),
        )
    }

    fn silent_row(&self, engine: Engine, subject: Subject) -> String {
        let of = |pick: &dyn Fn(&Figure) -> Option<f64>| {
            cell(self.findings.middle(engine, subject, pick))
        };
        format!(
            "| {} | {} | {} | {} | {} | {} | {} | {} | {} |\n",
            engine.name(),
            subject.name(),
            of(&|figure| Some(figure.silent.p50_ms)),
            of(&|figure| Some(figure.silent.p95_ms)),
            of(&|figure| Some(figure.silent.p99_ms)),
            of(&|figure| Some(figure.silent_floor.p95_ms)),
            of(&|figure| Some(figure.silent.cpu_us)),
            of(&|figure| Some(figure.silent_floor.cpu_us)),
            of(&|figure| figure.silent.database_cpu_us),
        )
    }

    fn memory_row(&self, engine: Engine, memory: &Memory) -> String {
        let mut own = self.findings.memory.iter().filter(|(known, _)| *known == engine);
        let few = own.next().map(|(_, few)| few.peak_kib);
        let ratio = few.map(|few| approximate(memory.peak_kib) / approximate(few));
        let mib = |kib: u64| approximate(kib) / 1024.0;
        format!(
            "| {} | {} | {:.1} | {:.1} | {:.1} | {:.1} | {:.1} | {} |\n",
            engine.name(),
            memory.patients,
            mib(memory.started_kib),
            mib(memory.warm_kib),
            mib(memory.peak_kib),
            mib(memory.warm_kib.saturating_sub(memory.started_kib)),
            mib(memory.peak_kib.saturating_sub(memory.warm_kib)),
            cell(ratio),
        )
    }
}
