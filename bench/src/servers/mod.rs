//! The servers that are measured: how each is found, started as a child process and stopped by its id.
//!
//! Every start is a fresh process on a free loopback port. [`latido`] and [`peers`] say what differs.

mod latido;
mod peers;

use std::{
    fs::{self, File},
    io,
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use clap::ValueEnum;
use rustix::process::{Pid, Signal, kill_process};
use serde::Serialize;

pub(crate) use latido::{Accounts, sign_in_request};

use crate::http;

/// A server that can be measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Kind {
    RawJoined,
    RawSingle,
    Latido,
    SocketioWs,
    Socketioxide,
}

impl Kind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::RawJoined => "raw-joined",
            Self::RawSingle => "raw-single",
            Self::Latido => "latido",
            Self::SocketioWs => "socketio-ws",
            Self::Socketioxide => "socketioxide",
        }
    }

    /// Delivers concurrent publishes to every socket in one order.
    pub(crate) fn promises_order(self) -> bool {
        matches!(self, Self::RawJoined | Self::RawSingle | Self::Latido)
    }
}

/// Where the servers lie and what their clients sign in with.
pub(crate) struct Stand {
    latido: PathBuf,
    peers: PathBuf,
    scratch: PathBuf,
    accounts: Option<Accounts>,
    peer_tokens: Vec<String>,
}

/// A started server; dropping it stops it.
pub(crate) struct Running {
    child: Child,
    pub(crate) address: SocketAddr,
}

impl Stand {
    /// `latido` is the product binary, `peers` the folder that `peers/install` fills.
    pub(crate) fn new(latido: PathBuf, peers: PathBuf) -> io::Result<Self> {
        let scratch = std::env::temp_dir().join(format!("latido-bench-{}", std::process::id()));
        fs::create_dir_all(&scratch)?;
        let peer_tokens = vec![peers::token()?];
        Ok(Self { latido, peers, scratch, accounts: None, peer_tokens })
    }

    /// The program to start, or why there is none.
    pub(crate) fn program(&self, kind: Kind) -> Result<PathBuf, String> {
        let (path, hint) = match kind {
            Kind::RawJoined | Kind::RawSingle => {
                return std::env::current_exe().map_err(|error| error.to_string());
            }
            Kind::Latido => (self.latido.clone(), "cargo build --release -p latido"),
            Kind::SocketioWs => (peers::node_entry(&self.peers), "bench/peers/install"),
            Kind::Socketioxide => (peers::oxide_binary(&self.peers), "bench/peers/install"),
        };
        let is_installed = match kind {
            Kind::SocketioWs => path.with_file_name("node_modules").is_dir(),
            _ => path.is_file(),
        };
        if is_installed {
            Ok(path)
        } else {
            Err(format!("{} is absent; `{hint}` makes it", path.display()))
        }
    }

    /// Registers the product's accounts and signs `sessions` of them in, once for the whole run.
    pub(crate) fn sign_in(&mut self, sessions: usize) -> io::Result<()> {
        let server = self.start(Kind::Latido)?;
        self.accounts = Some(Accounts::sign_in(server.address, sessions)?);
        Ok(())
    }

    /// What clients of `kind` sign in with.
    pub(crate) fn tokens(&self, kind: Kind) -> &[String] {
        match (kind, &self.accounts) {
            (Kind::Latido, Some(accounts)) => &accounts.tokens,
            _ => &self.peer_tokens,
        }
    }

    /// Path and extra header lines of a publish.
    pub(crate) fn publish_route(kind: Kind) -> (&'static str, String) {
        match kind {
            Kind::Latido => latido::publish_route(),
            _ => ("/publish", String::new()),
        }
    }

    /// Starts a server and waits until it accepts connections.
    pub(crate) fn start(&self, kind: Kind) -> io::Result<Running> {
        let program = self.program(kind).map_err(io::Error::other)?;
        let port = free_port()?;
        let mut command = match kind {
            Kind::RawJoined | Kind::RawSingle => {
                let mode = if kind == Kind::RawJoined { "joined" } else { "single" };
                let mut command = Command::new(program);
                command.args(["raw-server", "--mode", mode, "--port", &port.to_string()]);
                command
            }
            Kind::Latido => latido::command(&program, &self.scratch, port),
            Kind::SocketioWs => peers::node_command(&program, port),
            Kind::Socketioxide => peers::oxide_command(&program, port),
        };
        let log = self.scratch.join(format!("{}.log", kind.name()));
        let output = File::create(&log)?;
        command.stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output);
        let child = command.spawn()?;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let mut server = Running { child, address };
        server.await_ready(kind, &log)?;
        Ok(server)
    }
}

impl Drop for Stand {
    fn drop(&mut self) {
        // What cannot be removed stays in the temporary folder, which the system cleans.
        drop(fs::remove_dir_all(&self.scratch));
    }
}

impl Running {
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    fn await_ready(&mut self, kind: Kind, log: &Path) -> io::Result<()> {
        let started = Instant::now();
        loop {
            let is_ready = match kind {
                Kind::Latido => {
                    let request = b"GET /health/ready HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n";
                    http::call(self.address, request).is_ok_and(|(status, _)| status == 200)
                }
                _ => TcpStream::connect(self.address).is_ok(),
            };
            if is_ready {
                return Ok(());
            }
            let ended = self.child.try_wait()?;
            if ended.is_some() || started.elapsed() > Duration::from_secs(30) {
                let said = fs::read_to_string(log).unwrap_or_default();
                let name = kind.name();
                return Err(io::Error::other(format!("{name} did not start ({ended:?}): {said}")));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let until = Instant::now() + Duration::from_secs(5);
        if let Ok(pid) = i32::try_from(self.child.id())
            && let Some(pid) = Pid::from_raw(pid)
        {
            // A child that is already gone is what was wanted.
            let _ = kill_process(pid, Signal::TERM);
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
fn free_port() -> io::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}
