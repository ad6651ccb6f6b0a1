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
        let stem = stem(self.date, self.commit, self.scenario.name());
        write_pair(folder, &stem, self, &self.markdown())
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
        let rounds = self.pairs.len() / self.servers().len().max(1);
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "\nMedians of {rounds} pairs; the ratio is the median of the ratios inside the pairs."
        );
        text.push_str(&origin(self.machine, self.commit, self.date, self.command));
        if self.sessions > 0 {
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

/// The name that the files of a result share.
pub(crate) fn stem(date: &str, commit: &str, what: &str) -> String {
    let day = date.split('T').next().unwrap_or(date);
    format!("{day}-{commit}-{what}")
}

/// Writes a result as JSON and as Markdown, and returns the Markdown.
pub(crate) fn write_pair(
    folder: &Path,
    stem: &str,
    result: &impl Serialize,
    markdown: &str,
) -> io::Result<String> {
    fs::create_dir_all(folder)?;
    let file = |extension: &str| -> PathBuf { folder.join(format!("{stem}.{extension}")) };
    let mut json = serde_json::to_string_pretty(result)?;
    json.push('\n');
    fs::write(file("json"), json)?;
    fs::write(file("md"), markdown)?;
    eprintln!("wrote {} and .json", file("md").display());
    Ok(markdown.to_owned())
}

/// Where a result was made, and by which command.
pub(crate) fn origin(machine: &Machine, commit: &str, date: &str, command: &str) -> String {
    let Machine { cpu, cores, memory_mib, kernel, load } = machine;
    format!(
        "Machine: {cpu}, {cores} cores, {memory_mib} MiB, Linux {kernel}, load {load} at the start.\nCommit {commit}, {date}. Command: `{command}`.\n"
    )
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

/// A number of a table; a dash where there is none.
pub(crate) fn cell(value: Option<f64>) -> String {
    value.map_or_else(|| "–".to_owned(), |value| format!("{value:.2}"))
}
