//! Results as they are kept: one JSON file with every sample, and one Markdown table to read.

use std::{
    fmt::Write as _,
    fs, io,
    path::{Path, PathBuf},
};

use serde::Serialize;

use crate::{
    machine::Machine,
    pairs::{FLOOR, Pair},
    scenarios::{Sample, Scenario, Settings},
    servers::Kind,
    stats::median,
};

/// One scenario's run.
#[derive(Serialize)]
pub(crate) struct Report<'a> {
    pub(crate) scenario: Scenario,
    pub(crate) unit: &'static str,
    pub(crate) date: &'a str,
    pub(crate) commit: &'a str,
    pub(crate) command: &'a str,
    pub(crate) machine: &'a Machine,
    pub(crate) settings: &'a Settings,
    /// Distinct signed-in sessions of the product; 0 when it was not measured.
    pub(crate) sessions: usize,
    pub(crate) pairs: Vec<Pair>,
    /// Servers that were asked for and are not installed, with the reason.
    pub(crate) skipped: &'a [String],
}

impl Report<'_> {
    /// Writes both files into `folder` and returns the Markdown.
    pub(crate) fn save(&self, folder: &Path) -> io::Result<String> {
        fs::create_dir_all(folder)?;
        let day = self.date.split('T').next().unwrap_or(self.date);
        let stem = format!("{day}-{}-{}", self.commit, self.scenario.name());
        let file = |extension: &str| -> PathBuf { folder.join(format!("{stem}.{extension}")) };
        let mut json = serde_json::to_string_pretty(self)?;
        json.push('\n');
        fs::write(file("json"), json)?;
        let markdown = self.markdown();
        fs::write(file("md"), &markdown)?;
        eprintln!("wrote {} and .json", file("md").display());
        Ok(markdown)
    }

    fn markdown(&self) -> String {
        let mut text = format!("# {}: {}\n\n", self.scenario.name(), self.unit);
        text.push_str("| server | user | system | total | ratio to raw-joined | p50 ms | p99 ms | sockets | message bytes | lost | duplicated | disordered |\n");
        text.push_str("|--|--|--|--|--|--|--|--|--|--|--|--|\n");
        let floors: Vec<&Sample> = self.pairs.iter().map(|pair| &pair.floor).collect();
        text.push_str(&row(FLOOR, &floors, self.scenario.has_ratio().then_some(1.0)));
        for server in self.servers() {
            let pairs: Vec<&Pair> =
                self.pairs.iter().filter(|pair| pair.server == server).collect();
            let samples: Vec<&Sample> = pairs.iter().map(|pair| &pair.sample).collect();
            let ratio = median(pairs.iter().map(|pair| pair.ratio()));
            text.push_str(&row(server, &samples, ratio.filter(|_| self.scenario.has_ratio())));
        }
        let machine = self.machine;
        let rounds = self.pairs.len() / self.servers().len().max(1);
        text.push('\n');
        for line in [
            format!(
                "Medians of {rounds} pairs; the ratio is the median of the ratios inside the pairs."
            ),
            format!(
                "Machine: {}, {} cores, {} MiB, Linux {}, load {} at the start.",
                machine.cpu, machine.cores, machine.memory_mib, machine.kernel, machine.load
            ),
            format!("Commit {}, {}. Command: `{}`.", self.commit, self.date, self.command),
        ] {
            text.push_str(&line);
            text.push('\n');
        }
        if self.sessions > 0 {
            // Writing to a string cannot fail.
            let _ = writeln!(
                text,
                "Latido's sockets belonged to {} signed-in sessions.",
                self.sessions
            );
        }
        for reason in self.skipped {
            let _ = writeln!(text, "Skipped: {reason}.");
        }
        text
    }

    /// Every server that was paired with the floor, in the order of the run.
    fn servers(&self) -> Vec<Kind> {
        let mut servers = Vec::new();
        for pair in &self.pairs {
            if !servers.contains(&pair.server) {
                servers.push(pair.server);
            }
        }
        servers
    }
}

fn row(server: Kind, samples: &[&Sample], ratio: Option<f64>) -> String {
    let middle = |pick: &dyn Fn(&Sample) -> Option<f64>| {
        cell(median(samples.iter().filter_map(|sample| pick(sample))))
    };
    let most =
        |pick: &dyn Fn(&Sample) -> u64| samples.iter().map(|sample| pick(sample)).sum::<u64>();
    format!(
        "| {} | {} | {} | {} | {} | {} | {} | {} | {} | {} | {} | {} |\n",
        server.name(),
        middle(&|sample| sample.user),
        middle(&|sample| sample.system),
        middle(&|sample| Some(sample.value)),
        cell(ratio),
        middle(&|sample| sample.p50_ms),
        middle(&|sample| sample.p99_ms),
        samples.first().map_or(0, |sample| sample.sockets),
        samples.first().map_or(0, |sample| sample.message_bytes),
        most(&|sample| sample.lost),
        most(&|sample| sample.duplicated),
        most(&|sample| sample.disordered),
    )
}

fn cell(value: Option<f64>) -> String {
    value.map_or_else(|| "–".to_owned(), |value| format!("{value:.2}"))
}
