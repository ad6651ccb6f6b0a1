//! The servers that are measured: how each is found, started as a child process and stopped by its id.
//!
//! Every start is a fresh process on a free loopback port. [`latido`] and [`peers`] say what differs.

mod latido;
mod peers;

use std::{
    fs, io,
    net::{Ipv4Addr, SocketAddr, TcpStream},
    path::PathBuf,
    process::Command,
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use clap::ValueEnum;
use rustix::process::Signal;
use serde::Serialize;

pub(crate) use latido::{Accounts, PASSWORD, access_token, sign_in_request};

use crate::{
    http,
    process::{Process, free_port},
};

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
    /// Where the product keeps its rows, when that is not SQLite in `scratch`.
    database: Option<String>,
    accounts: Option<Accounts>,
    peer_tokens: Vec<String>,
}

/// A started server; dropping it stops it.
pub(crate) struct Running {
    process: Process,
    pub(crate) address: SocketAddr,
}

impl Stand {
    /// `latido` is the product binary, `peers` the folder that `peers/install` fills.
    pub(crate) fn new(latido: PathBuf, peers: PathBuf) -> io::Result<Self> {
        static STANDS: AtomicUsize = AtomicUsize::new(0);
        let stand = STANDS.fetch_add(1, Ordering::Relaxed);
        let name = format!("latido-bench-{}-{stand}", std::process::id());
        let scratch = std::env::temp_dir().join(name);
        fs::create_dir_all(&scratch)?;
        let peer_tokens = vec![peers::token()?];
        Ok(Self { latido, peers, scratch, database: None, accounts: None, peer_tokens })
    }

    /// Has the product keep its rows there.
    pub(crate) fn keep_rows_in(&mut self, database: String) {
        self.database = Some(database);
    }

    /// Where the product keeps its rows.
    pub(crate) fn database(&self) -> String {
        let own = || format!("sqlite://{}?mode=rwc", self.scratch.join("latido.db").display());
        self.database.clone().unwrap_or_else(own)
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

    /// Makes an administrator of the product and gives an access token of theirs.
    pub(crate) fn administrator(&self, email: &str) -> io::Result<String> {
        let program = self.program(Kind::Latido).map_err(io::Error::other)?;
        latido::create_admin(&program, &self.scratch, &self.database(), email)?;
        let server = self.start(Kind::Latido)?;
        access_token(server.address, email)
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
        let command = match kind {
            Kind::RawJoined | Kind::RawSingle => {
                let mode = if kind == Kind::RawJoined { "joined" } else { "single" };
                let mut command = Command::new(program);
                command.args(["raw-server", "--mode", mode, "--port", &port.to_string()]);
                command
            }
            Kind::Latido => latido::serve(&program, &self.scratch, &self.database(), port),
            Kind::SocketioWs => peers::node_command(&program, port),
            Kind::Socketioxide => peers::oxide_command(&program, port),
        };
        let log = self.scratch.join(format!("{}.log", kind.name()));
        let process = Process::start(command, log, Signal::TERM)?;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let mut server = Running { process, address };
        server.await_ready(kind)?;
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
        self.process.id()
    }

    fn await_ready(&mut self, kind: Kind) -> io::Result<()> {
        let address = self.address;
        self.process.await_ready(Duration::from_secs(30), || match kind {
            Kind::Latido => {
                let request = http::get_request("/health/ready", "");
                http::call(address, &request).is_ok_and(|(status, _)| status == 200)
            }
            _ => TcpStream::connect(address).is_ok(),
        })
    }
}
