//! Records at the size the contract speaks of: lists and searches of a million patients, the catalogue out of
//! the cache, and the memory a list takes, while sockets are connected and receive events.
//!
//! Every latency and every cost stands beside the same load of `GET /health/live` on the same server, measured
//! seconds before. [`seed`] makes the rows, [`paced`] keeps the rate, [`round`] puts the two under the sockets.

mod command;
mod memory;
mod names;
mod paced;
mod postgres;
mod report;
mod requests;
mod round;
mod seed;

use std::{io, path::Path, time::Duration};

use clap::ValueEnum;
use serde::Serialize;

pub(crate) use command::Command;

use crate::servers::{Kind, Stand};
use memory::Memory;
use postgres::Cluster;
use report::Report;
use round::Figure;

/// Rows of the table that the large one is compared with.
const FEW: u64 = 1_000;

/// How much is asked, of how many rows and beside how many sockets.
#[derive(Clone, Debug, Serialize)]
struct Settings {
    pub(crate) rounds: usize,
    pub(crate) patients: u64,
    pub(crate) sockets: usize,
    /// Events a second that every socket receives.
    pub(crate) events: u32,
    /// Lists and searches a second.
    pub(crate) rate: u32,
    /// Reads of the catalogue a second.
    pub(crate) cached_rate: u32,
    /// Each measurement.
    pub(crate) time: Duration,
    /// Lists and searches that memory is watched over.
    pub(crate) reads: u64,
}

/// Where the product keeps its rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Engine {
    Sqlite,
    Postgres,
}

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Subject {
    /// Pages of patients: first ones, later ones by cursor, narrowed ones.
    List,
    /// Patients by words of names, e-mails and document numbers.
    Search,
    /// Pages of exams out of the cache.
    Catalogue,
    /// The same for a caller who has them already.
    Unchanged,
}

/// What a run found out.
#[derive(Default, Serialize)]
pub(crate) struct Findings {
    pub(crate) figures: Vec<(Engine, Subject, Figure)>,
    pub(crate) memory: Vec<(Engine, Memory)>,
    /// Engines that were asked for and are not there, with the reason.
    pub(crate) skipped: Vec<String>,
}

/// A migrated database with an administrator and somebody for every socket to be.
struct Site {
    stand: Stand,
    administrator: String,
}

impl Engine {
    fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "SQLite",
            Self::Postgres => "PostgreSQL",
        }
    }
}

impl Subject {
    const ALL: [Self; 4] = [Self::List, Self::Search, Self::Catalogue, Self::Unchanged];

    fn name(self) -> &'static str {
        match self {
            Self::List => "list of patients",
            Self::Search => "search of patients",
            Self::Catalogue => "catalogue",
            Self::Unchanged => "catalogue, 304",
        }
    }

    fn rate(self, settings: &Settings) -> u32 {
        match self {
            Self::List | Self::Search => settings.rate,
            Self::Catalogue | Self::Unchanged => settings.cached_rate,
        }
    }
}

/// Measures each engine: its table is filled, then come the rounds, then memory.
/// `stand` makes a place for one more database.
fn run(
    stand: &impl Fn() -> io::Result<Stand>,
    engines: &[Engine],
    settings: &Settings,
) -> io::Result<Findings> {
    let mut findings = Findings::default();
    for &engine in engines {
        let cluster = match engine {
            Engine::Sqlite => None,
            Engine::Postgres => match Cluster::start() {
                Ok(cluster) => Some(cluster),
                Err(reason) => {
                    eprintln!("skipped {}: {reason}", engine.name());
                    findings.skipped.push(format!("{}: {reason}", engine.name()));
                    continue;
                }
            },
        };
        eprintln!("{}: filling", engine.name());
        let many = Site::open(stand()?, cluster.as_ref(), settings.patients)?;
        for round in 1..=settings.rounds {
            eprintln!("{}: round {round} of {}", engine.name(), settings.rounds);
            let figures = round::measure(&many, cluster.as_ref().map(Cluster::pid), settings)?;
            let figures = figures.into_iter().map(|(subject, figure)| (engine, subject, figure));
            findings.figures.extend(figures);
        }
        let few = Site::open(stand()?, cluster.as_ref(), FEW.min(settings.patients))?;
        for (site, patients) in [(&few, FEW.min(settings.patients)), (&many, settings.patients)] {
            let memory = memory::measure(site, patients, settings)?;
            findings.memory.push((engine, memory));
        }
    }
    Ok(findings)
}

/// Writes the results of a run into `folder` and returns the tables.
fn save(report: &Report, folder: &Path) -> io::Result<String> {
    crate::report::write_pair(folder, &report.stem(), report, &report.markdown())
}

/// Sessions that the sockets belong to.
const SESSIONS: usize = 200;
const ADMINISTRATOR: &str = "bench-admin@example.com";

impl Site {
    /// Migrates a new database, signs everybody in and fills it.
    fn open(mut stand: Stand, cluster: Option<&Cluster>, patients: u64) -> io::Result<Self> {
        stand.program(Kind::Latido).map_err(io::Error::other)?;
        if let Some(cluster) = cluster {
            let name = format!("patients_{patients}");
            seed::create_database(&cluster.url("postgres"), &name)?;
            stand.keep_rows_in(cluster.url(&name));
        }
        stand.sign_in(SESSIONS)?;
        let administrator = stand.administrator(ADMINISTRATOR)?;
        seed::fill(&stand.database(), patients)?;
        Ok(Self { stand, administrator })
    }
}
