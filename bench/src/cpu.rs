//! What a server process has spent, read from `/proc`.
//!
//! The total is in nanoseconds (`schedstat` of every thread). The split into user and system comes from the
//! tick counters of `stat`, so it is a share; both include the kernel's work for the server's own calls,
//! loopback delivery among it.

use std::{fs, io, time::Duration};

/// `USER_HZ`, the same on every Linux this runs on.
const TICKS_PER_SECOND: u64 = 100;

/// Counters of a process at one moment.
#[derive(Clone, Debug)]
pub(crate) struct Usage {
    /// Nanoseconds on a core, by thread.
    threads: Vec<(u32, u64)>,
    user_ticks: u64,
    system_ticks: u64,
}

/// The difference of two moments.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Spent {
    pub(crate) total: Duration,
    /// The part of `total` outside the kernel, 0 to 1.
    pub(crate) user_share: f64,
}

impl Usage {
    pub(crate) fn of(pid: u32) -> io::Result<Self> {
        let mut threads = Vec::new();
        for entry in fs::read_dir(format!("/proc/{pid}/task"))? {
            let entry = entry?;
            let Some(thread) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else {
                continue;
            };
            // A thread may end between the listing and the reading.
            let Ok(text) = fs::read_to_string(entry.path().join("schedstat")) else { continue };
            let on_core = text.split(' ').next().and_then(|word| word.parse().ok());
            threads.push((thread, on_core.unwrap_or(0)));
        }
        let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
        let (user_ticks, system_ticks) = ticks(&stat).ok_or_else(|| {
            io::Error::other(format!("process {pid} has a stat of another shape"))
        })?;
        Ok(Self { threads, user_ticks, system_ticks })
    }

    /// Of a process and its children together, such as a database with a process per connection.
    pub(crate) fn of_family(pid: u32) -> io::Result<Self> {
        let mut family = Self::of(pid)?;
        let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"))?;
        for child in children.split_whitespace().filter_map(|word| word.parse().ok()) {
            // A child may end between the listing and the reading.
            let Ok(usage) = Self::of(child) else { continue };
            family.threads.extend(usage.threads);
            family.user_ticks += usage.user_ticks;
            family.system_ticks += usage.system_ticks;
        }
        Ok(family)
    }

    /// What was spent since `earlier`. When a thread ended in between, the tick counters stand in for the
    /// total, since they keep what it had spent.
    pub(crate) fn since(&self, earlier: &Self) -> Spent {
        let user = self.user_ticks.saturating_sub(earlier.user_ticks);
        let system = self.system_ticks.saturating_sub(earlier.system_ticks);
        let ticks = user + system;
        let has_ended = |(thread, _): &(u32, u64)| !self.threads.iter().any(|(id, _)| id == thread);
        let total = if earlier.threads.iter().any(has_ended) {
            Duration::from_millis(ticks * 1000 / TICKS_PER_SECOND)
        } else {
            Duration::from_nanos(self.on_core().saturating_sub(earlier.on_core()))
        };
        let user_share = if ticks == 0 { 0.0 } else { approximate(user) / approximate(ticks) };
        Spent { total, user_share }
    }

    fn on_core(&self) -> u64 {
        self.threads.iter().map(|(_, nanoseconds)| nanoseconds).sum()
    }
}

/// A count as a measure. Exact to 2^53, which no counter here comes near.
#[expect(clippy::cast_precision_loss, reason = "counts here stay far below 2^53")]
pub(crate) fn approximate(count: u64) -> f64 {
    count as f64
}

fn ticks(stat: &str) -> Option<(u64, u64)> {
    // The command's name may hold spaces; the fields are counted from its closing bracket.
    let mut fields = stat.rsplit_once(") ")?.1.split(' ').skip(11);
    Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
}

/// Resident memory of a process, KiB.
pub(crate) fn resident_kib(pid: u32) -> io::Result<u64> {
    status_kib(pid, "VmRSS:")
}

/// The most resident memory a process had since it started or [`forget_peak`], KiB.
pub(crate) fn peak_kib(pid: u32) -> io::Result<u64> {
    status_kib(pid, "VmHWM:")
}

/// Has a process's peak start anew from what is resident now.
pub(crate) fn forget_peak(pid: u32) -> io::Result<()> {
    fs::write(format!("/proc/{pid}/clear_refs"), "5")
}

fn status_kib(pid: u32, key: &str) -> io::Result<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    status
        .lines()
        .find_map(|line| line.strip_prefix(key)?.trim().strip_suffix(" kB")?.parse().ok())
        .ok_or_else(|| io::Error::other(format!("process {pid} has no {key}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_counted_from_the_end_of_the_name() {
        let stat = "7 (a) b) R 1 7 7 0 -1 4194304 113 0 0 0 31 12 0 0 20 0 1 0 275 8 1";
        assert_eq!(ticks(stat), Some((31, 12)));
    }

    #[test]
    fn a_thread_that_ended_leaves_the_total_to_the_ticks() {
        let before = Usage { threads: vec![(1, 5), (2, 900)], user_ticks: 1, system_ticks: 1 };
        let after = Usage { threads: vec![(1, 7)], user_ticks: 2, system_ticks: 4 };
        assert_eq!(after.since(&before).total, Duration::from_millis(40));
        let after = Usage { threads: vec![(1, 7), (2, 950), (3, 1)], ..after };
        assert_eq!(after.since(&before).total, Duration::from_nanos(53));
    }
}
