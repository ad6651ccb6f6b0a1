//! The command line: what is asked, and the exit code that answers.
//!
//! 0 done, 1 failed at run time, 2 the configuration or the command line is wrong.

use std::io::{self, Write};
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use latido::app::key_files::KeyFiles;
use latido::app::{self, Failure};
use latido::cli::doctor::{self, Verdict};
use latido::cli::health;
use latido::config::{Config, KeyPaths, Sources};
use latido::domain::secret::Secret;
use latido::error::Error;
use latido::telemetry::logs::{self, LogLevel};
use tokio::runtime::{Builder, Runtime};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Heartbeat of a telehealth platform: realtime hub, API and pages in one binary.
#[derive(Parser)]
#[command(name = "latido", version)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Run the hub (the default).
    Serve {
        /// Start with demonstration data, in development.
        #[arg(long)]
        demo: bool,
    },
    /// Bring the database to this version.
    Migrate,
    /// Create an administrator; the password is the first line of standard input.
    CreateAdmin {
        #[arg(long)]
        email: String,
        #[arg(long, required = true)]
        password_stdin: bool,
    },
    /// Follow the chain over the audit trail; fails at the first line that was tampered with.
    VerifyAudit,
    /// Check the configuration and everything it names.
    Doctor,
    /// Ask the hub on this machine whether it is alive.
    Health,
    /// Print the version.
    Version,
}

fn main() -> ExitCode {
    let command = Cli::parse().command.unwrap_or(Command::Serve { demo: false });
    if matches!(command, Command::Version) {
        return say(concat!("latido ", env!("CARGO_PKG_VERSION")));
    }
    let is_demo = matches!(command, Command::Serve { demo: true });
    let sources = Sources::of_process(is_demo);
    let done = match Config::load(&sources) {
        Ok(config) => run(command, config),
        Err(mut problems) => {
            if matches!(command, Command::Serve { .. } | Command::Doctor) {
                problems.extend(KeyFiles::read(&KeyPaths::of(&sources)).err().unwrap_or_default());
            }
            Err(Failure::Configuration(problems))
        }
    };
    match done {
        Ok(code) => code,
        Err(failure) => {
            complain(&failure);
            failure.into()
        }
    }
}

fn complain(failure: &Failure) {
    match failure {
        Failure::Configuration(problems) => {
            for problem in problems {
                eprintln!("configuration: {problem}");
            }
        }
        other => eprintln!("latido: {}", told(other)),
    }
}

fn run(command: Command, config: Config) -> Result<ExitCode, Failure> {
    match command {
        Command::Serve { demo } => {
            let level = log_level(&config)?;
            runtime()?.block_on(app::serve(config, demo, level))?;
        }
        Command::Migrate => {
            log_level(&config)?;
            runtime()?.block_on(app::migrate(&config))?;
        }
        Command::CreateAdmin { email, .. } => {
            let password = first_line().map_err(Error::internal)?;
            log_level(&config)?;
            runtime()?.block_on(app::create_admin(&config, &email, &password))?;
        }
        Command::VerifyAudit => {
            log_level(&config)?;
            let progress = |lines| eprintln!("{lines} lines are good so far");
            let finding = runtime()?.block_on(app::verify_audit(&config, progress))?;
            say(&finding.to_string());
            if finding.broken.is_some() {
                return Ok(ExitCode::FAILURE);
            }
        }
        Command::Doctor => {
            let findings = runtime()?.block_on(doctor::examine(&config));
            let lines: Vec<_> = findings.iter().map(ToString::to_string).collect();
            say(&lines.join("\n"));
            if findings.iter().any(|found| found.verdict == Verdict::Fail) {
                return Ok(ExitCode::FAILURE);
            }
        }
        Command::Health => {
            health::ask(&config.server, config.server.port).map_err(Error::internal)?;
        }
        Command::Version => {}
    }
    Ok(ExitCode::SUCCESS)
}

/// Starts the log; the answer changes its level later.
fn log_level(config: &Config) -> Result<LogLevel, Failure> {
    let how = &config.observability;
    let level = logs::start(how.log_level, how.log_format, &config.cluster.node_id);
    Ok(level.map_err(Error::internal)?)
}

fn runtime() -> Result<Runtime, Failure> {
    let runtime = Builder::new_multi_thread().thread_name("latido").enable_all().build();
    Ok(runtime.map_err(Error::internal)?)
}

fn first_line() -> io::Result<Secret> {
    let mut line = String::new();
    io::stdin().read_line(&mut line)?;
    Ok(Secret::new(line.trim_end_matches(['\r', '\n'])))
}

/// A failure with its causes: whoever sits at the command line may know them.
fn told(failure: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(failure.source(), |cause| cause.source());
    causes.fold(failure.to_string(), |text, cause| format!("{text}: {cause}"))
}

/// Writes an answer to standard output; it may be closed.
fn say(text: &str) -> ExitCode {
    match writeln!(io::stdout(), "{text}") {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}
