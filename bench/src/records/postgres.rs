//! A PostgreSQL cluster of our own on a free loopback port, durable as in production.

use std::{
    fs, io,
    os::unix::{fs::chown, process::CommandExt as _},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use rustix::process::{Signal, getuid};

use super::seed;
use crate::process::{Process, free_port};

/// Where Debian's packages put one folder per version.
const INSTALLED: &str = "/usr/lib/postgresql";
/// How long it may take to start.
const PATIENCE: Duration = Duration::from_mins(1);

/// A running cluster; dropping it stops and removes it.
pub(super) struct Cluster {
    // Fields are dropped in this order: first the server, then its files.
    server: Process,
    port: u16,
    _folder: Folder,
}

struct Folder(PathBuf);

impl Cluster {
    /// Makes and starts a cluster, or says why there is none.
    pub(super) fn start() -> io::Result<Self> {
        let programs = newest(Path::new(INSTALLED))
            .ok_or_else(|| io::Error::other(format!("no initdb under {INSTALLED}")))?;
        let name = format!("latido-bench-{}-postgres", std::process::id());
        let folder = Folder(std::env::temp_dir().join(name));
        fs::create_dir_all(&folder.0)?;
        let data = folder.0.join("data");
        let owner = owner()?;
        if let Some((user, group)) = owner {
            chown(&folder.0, Some(user), Some(group))?;
        }
        let program = |name: &str| {
            let mut command = Command::new(programs.join(name));
            command.current_dir("/").arg("-D").arg(&data);
            if let Some((user, group)) = owner {
                command.uid(user).gid(group);
            }
            command
        };

        let made = program("initdb")
            .args([
                "--username=latido",
                "--auth=trust",
                "--encoding=UTF8",
                "--locale=C.UTF-8",
                "--no-sync",
            ])
            .stdin(Stdio::null())
            .output()?;
        if !made.status.success() {
            let said = String::from_utf8_lossy(&made.stderr).into_owned();
            return Err(io::Error::other(format!("initdb failed: {said}")));
        }
        let port = free_port()?;
        let mut command = program("postgres");
        for setting in [
            format!("port={port}"),
            "listen_addresses=127.0.0.1".to_owned(),
            format!("unix_socket_directories={}", folder.0.display()),
        ] {
            command.arg("-c").arg(setting);
        }
        // An interrupt is PostgreSQL's fast shutdown; the gentler one waits for clients.
        let server = Process::start(command, folder.0.join("postgres.log"), Signal::INT)?;
        let mut cluster = Self { server, port, _folder: folder };
        // It accepts connections before it lets anybody in.
        let url = cluster.url("postgres");
        cluster.server.await_ready(PATIENCE, || seed::answers(&url))?;
        Ok(cluster)
    }

    /// The process that the others are children of.
    pub(super) fn pid(&self) -> u32 {
        self.server.id()
    }

    /// The address of a database; `postgres` is there from the start.
    pub(super) fn url(&self, database: &str) -> String {
        format!("postgres://latido@127.0.0.1:{}/{database}", self.port)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What cannot be removed stays in the temporary folder, which the system cleans.
        drop(fs::remove_dir_all(&self.0));
    }
}

/// The programs of the newest version that is installed.
fn newest(installed: &Path) -> Option<PathBuf> {
    let versions = fs::read_dir(installed).ok()?.flatten();
    let version = |path: &PathBuf| path.file_name()?.to_str()?.parse::<f64>().ok();
    versions
        .map(|entry| entry.path())
        .filter(|path| path.join("bin/initdb").is_file())
        .max_by(|a, b| version(a).partial_cmp(&version(b)).unwrap_or(std::cmp::Ordering::Equal))
        .map(|path| path.join("bin"))
}

/// Whom the cluster runs as when that may not be us: PostgreSQL refuses root.
fn owner() -> io::Result<Option<(u32, u32)>> {
    if !getuid().is_root() {
        return Ok(None);
    }
    let users = fs::read_to_string("/etc/passwd")?;
    let found = users.lines().find_map(|line| {
        let mut fields = line.strip_prefix("postgres:")?.split(':').skip(1);
        Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
    });
    found.map(Some).ok_or_else(|| io::Error::other("there is no user postgres to run as"))
}
