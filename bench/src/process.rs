//! A child process with its log: waited for until it is ready, stopped when it is dropped.

use std::{
    fs::{self, File},
    io,
    net::{Ipv4Addr, TcpListener},
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};

/// How long a child may take to stop before it is killed.
const GRACE: Duration = Duration::from_secs(5);

pub(crate) struct Process {
    child: Child,
    log: PathBuf,
    /// What asks it to stop.
    stop: Signal,
}

impl Process {
    /// Starts `command` with its output in `log`.
    pub(crate) fn start(mut command: Command, log: PathBuf, stop: Signal) -> io::Result<Self> {
        let output = File::create(&log)?;
        command.stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output);
        Ok(Self { child: command.spawn()?, log, stop })
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits until `is_ready`. A child that ends or takes longer than `patience` has failed.
    pub(crate) fn await_ready(
        &mut self,
        patience: Duration,
        is_ready: impl Fn() -> bool,
    ) -> io::Result<()> {
        let started = Instant::now();
        while !is_ready() {
            let ended = self.child.try_wait()?;
            if ended.is_some() || started.elapsed() > patience {
                let said = fs::read_to_string(&self.log).unwrap_or_default();
                let name = self.log.file_stem().unwrap_or_default().display();
                return Err(io::Error::other(format!("{name} did not start ({ended:?}): {said}")));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let until = Instant::now() + GRACE;
        if let Ok(pid) = i32::try_from(self.child.id())
            && let Some(pid) = Pid::from_raw(pid)
        {
            // A child that is already gone is what was wanted.
            let _ = kill_process(pid, self.stop);
        }
        while Instant::now() < until {
            if let Ok(Some(_)) = self.child.try_wait() {
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// A port that was free a moment ago.
pub(crate) fn free_port() -> io::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}
