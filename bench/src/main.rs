//! `latido-bench`: whole-system load scenarios, each server beside a raw write loop in the same run.
//!
//! `run` drives, `raw-server` is the floor it starts as a child. See `bench/README.md` for what the columns mean.

mod broadcast;
mod client;
mod cpu;
mod epoll;
mod http;
mod identity;
mod ledger;
mod load;
mod machine;
mod pairs;
mod process;
mod raw_server;
mod records;
mod report;
mod scenarios;
mod servers;
mod signaling;
mod stats;
mod swarm;
mod ws;

use std::{
    io::{self, Write},
    path::PathBuf,
    process::ExitCode,
    time::Duration,
};

use clap::{Args, Parser, Subcommand, ValueEnum};
use jiff::Timestamp;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::{
    machine::Machine,
    report::Report,
    scenarios::{Scenario, Settings},
    servers::{Kind, Stand},
};

#[derive(Parser)]
#[command(about, version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Measures servers beside the raw loop and writes the results.
    Run(Run),
    /// Measures sign-ins, looks at tokens, and sockets in a flood of sign-ins.
    Identity(Identity),
    /// Measures lists and searches of many patients, and the cached catalogue, beside busy sockets.
    Records(records::Command),
    /// Measures offers and candidates relayed in many rooms, and the memory of rooms.
    Signaling(signaling::Command),
    /// Serves as the raw loop; `run` starts it.
    RawServer {
        #[arg(long, value_enum, default_value = "joined")]
        mode: raw_server::Mode,
        #[arg(long)]
        port: u16,
    },
}

#[derive(Args)]
struct Identity {
    /// How often each figure is measured beside its floor.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Seconds of one measurement.
    #[arg(long, default_value_t = 5.0)]
    seconds: f64,
    /// Connections that ask, each with one request outstanding.
    #[arg(long, default_value_t = 4)]
    connections: usize,
    /// Connections that flood the server with sign-ins.
    #[arg(long, default_value_t = 32)]
    flood: usize,
    #[command(flatten)]
    places: Places,
}

/// Where programs lie and results go.
#[derive(Args)]
struct Places {
    /// The product's release binary; beside this one unless given.
    #[arg(long)]
    latido: Option<PathBuf>,
    /// Where `peers/install` put the other servers.
    #[arg(long, default_value = "bench/peers")]
    peers: PathBuf,
    /// Folder for the results.
    #[arg(long, default_value = "bench/results")]
    out: PathBuf,
}

#[derive(Args)]
struct Run {
    /// Scenarios, or `all`.
    #[arg(long, value_delimiter = ',', default_value = "all")]
    scenario: Vec<String>,
    /// Servers to set beside raw-joined; those that are not installed are skipped.
    #[arg(
        long,
        value_enum,
        value_delimiter = ',',
        default_value = "latido,raw-single,socketio-ws,socketioxide"
    )]
    servers: Vec<Kind>,
    /// How often each server is measured, each time beside the raw loop.
    #[arg(long, default_value_t = 5)]
    pairs: usize,
    /// Sockets, instead of the scenario's own number (19 000 at most).
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=19_000))]
    sockets: Option<u16>,
    /// Distinct signed-in sessions that Latido's sockets belong to; each costs it a password hash.
    #[arg(long, default_value_t = 200)]
    sessions: usize,
    /// CPU seconds of the server after which a measurement ends.
    #[arg(long, default_value_t = 2.0)]
    cpu_seconds: f64,
    /// Seconds after which it ends anyway.
    #[arg(long, default_value_t = 20.0)]
    max_seconds: f64,
    /// Seconds of silence before memory is read.
    #[arg(long, default_value_t = 5.0)]
    settle: f64,
    /// Sign-ins on the way at once.
    #[arg(long, default_value_t = 64)]
    connecting: usize,
    #[command(flatten)]
    places: Places,
}

fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Run(run) => measure(&run),
        Command::Identity(identity) => measure_identity(&identity).map(|()| true),
        Command::Records(asked) => asked.run(),
        Command::Signaling(asked) => asked.run(),
        Command::RawServer { mode, port } => raw_server::run(mode, port).map(|()| true),
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => {
            eprintln!("messages were lost, duplicated or disordered: the run fails");
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// Runs every scenario; false when a server broke a promise of delivery.
fn measure(run: &Run) -> io::Result<bool> {
    raise_descriptor_limit()?;
    let scenarios = chosen(&run.scenario)?;
    let mut stand = run.places.stand()?;
    let mut skipped = Vec::new();
    let mut servers = Vec::new();
    for &kind in &run.servers {
        match stand.program(kind) {
            Ok(_) => servers.push(kind),
            Err(reason) => {
                eprintln!("skipped {}: {reason}", kind.name());
                skipped.push(format!("{}: not installed", kind.name()));
            }
        }
    }
    if servers.is_empty() {
        return Err(io::Error::other("no server to measure"));
    }
    let mut sessions = 0;
    if servers.contains(&Kind::Latido) {
        sessions = run.sessions.max(1);
        eprintln!("signing in {sessions} sessions");
        stand.sign_in(sessions)?;
    }
    let settings = Settings {
        sockets: run.sockets.map(usize::from),
        cpu: Duration::from_secs_f64(run.cpu_seconds),
        longest: Duration::from_secs_f64(run.max_seconds),
        connecting: run.connecting,
        settle: Duration::from_secs_f64(run.settle),
    };
    let machine = Machine::look()?;
    let commit = machine::commit();
    let command = command_line();
    let date = now()?;

    let mut is_whole = true;
    for scenario in scenarios {
        eprintln!("{}", scenario.name());
        let pairs = pairs::run(&stand, scenario, &servers, run.pairs, &settings)?;
        is_whole &= pairs.iter().all(|pair| {
            pairs::is_whole(pairs::FLOOR, &pair.floor) && pairs::is_whole(pair.server, &pair.sample)
        });
        let report = Report {
            scenario,
            unit: scenario.unit(),
            date: &date,
            commit: &commit,
            command: &command,
            machine: &machine,
            settings: &settings,
            sessions,
            pairs,
            skipped: &skipped,
        };
        let markdown = report.save(&run.places.out)?;
        writeln!(io::stdout(), "{markdown}")?;
    }
    Ok(is_whole)
}

/// Sessions that tokens are looked at and sockets are opened with.
const IDENTITY_SESSIONS: usize = 20;

fn measure_identity(asked: &Identity) -> io::Result<()> {
    let mut stand = asked.places.stand()?;
    stand.program(Kind::Latido).map_err(io::Error::other)?;
    stand.sign_in(IDENTITY_SESSIONS)?;
    let settings = identity::Settings {
        time: Duration::from_secs_f64(asked.seconds),
        connections: asked.connections,
        flood: asked.flood,
    };
    let (machine, commit, command, date) =
        (Machine::look()?, machine::commit(), command_line(), now()?);
    let report = identity::Report {
        figures: identity::run(&stand, asked.rounds, &settings)?,
        date: &date,
        commit: &commit,
        command: &command,
        machine: &machine,
        settings: &settings,
    };
    writeln!(io::stdout(), "{}", identity::save(&report, &asked.places.out)?)
}

impl Places {
    /// Servers run in a folder of their own, so their paths may not depend on this one.
    fn stand(&self) -> io::Result<Stand> {
        let latido = match &self.latido {
            Some(path) => path.clone(),
            None => std::env::current_exe()?.with_file_name("latido"),
        };
        Stand::new(std::path::absolute(latido)?, std::path::absolute(&self.peers)?)
    }
}

/// The time of the run, to the second.
fn now() -> io::Result<String> {
    Ok(Timestamp::now().round(jiff::Unit::Second).map_err(io::Error::other)?.to_string())
}

/// The scenarios that were named, in the order of naming.
fn chosen(names: &[String]) -> io::Result<Vec<Scenario>> {
    if names.iter().any(|name| name == "all") {
        return Ok(Scenario::ALL.to_vec());
    }
    names
        .iter()
        .map(|name| {
            Scenario::from_str(name, false)
                .map_err(|_| io::Error::other(format!("`{name}` is no scenario")))
        })
        .collect()
}

/// Every socket is a descriptor, here and in the servers, which inherit the limit.
fn raise_descriptor_limit() -> io::Result<()> {
    let limit = getrlimit(Resource::Nofile);
    Ok(setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit })?)
}

/// How this was called, without the folder the program lies in.
fn command_line() -> String {
    let arguments = std::env::args().skip(1);
    ["latido-bench".to_owned()].into_iter().chain(arguments).collect::<Vec<_>>().join(" ")
}
