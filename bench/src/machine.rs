//! Where and from what a result was made.

use std::{fs, io, process::Command};

use serde::Serialize;

#[derive(Debug, Serialize)]
pub(crate) struct Machine {
    pub(crate) cpu: String,
    pub(crate) cores: usize,
    pub(crate) memory_mib: u64,
    pub(crate) kernel: String,
    /// Load averages when the run began: 1, 5 and 15 minutes. Neighbours on the cores show here.
    pub(crate) load: String,
}

impl Machine {
    pub(crate) fn look() -> io::Result<Self> {
        let field = |path: &str, name: &str| -> io::Result<Option<String>> {
            Ok(fs::read_to_string(path)?.lines().find_map(|line| {
                let (key, value) = line.split_once(':')?;
                (key.trim() == name).then(|| value.trim().to_owned())
            }))
        };
        let unknown = || "unknown".to_owned();
        let memory = field("/proc/meminfo", "MemTotal")?;
        let kib = memory.as_deref().and_then(|value| value.split(' ').next()?.parse::<u64>().ok());
        Ok(Self {
            cpu: field("/proc/cpuinfo", "model name")?.unwrap_or_else(unknown),
            cores: std::thread::available_parallelism()?.get(),
            memory_mib: kib.unwrap_or(0) / 1024,
            kernel: fs::read_to_string("/proc/sys/kernel/osrelease")?.trim().to_owned(),
            load: fs::read_to_string("/proc/loadavg")?
                .split(' ')
                .take(3)
                .collect::<Vec<_>>()
                .join(" "),
        })
    }
}

/// The commit of the working tree, with `-dirty` when tracked files differ from it.
pub(crate) fn commit() -> String {
    let git = |arguments: &[&str]| -> Option<String> {
        let output = Command::new("git").args(arguments).output().ok()?;
        let text = String::from_utf8(output.stdout).ok()?;
        output.status.success().then(|| text.trim().to_owned())
    };
    let Some(commit) = git(&["rev-parse", "--short=12", "HEAD"]) else {
        return "uncommitted".to_owned();
    };
    match git(&["status", "--porcelain", "--untracked-files=no"]) {
        Some(changes) if changes.is_empty() => commit,
        _ => format!("{commit}-dirty"),
    }
}
