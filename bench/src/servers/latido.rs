//! The product: started on a database of its own, with limits that would throttle a load turned off.
//!
//! Its sockets belong to sessions that were really signed in. Hashing passwords is slow on purpose, so that
//! happens once per run; sessions outlive the process in the database, and every later start finds them.

use std::{
    io::{self, Write},
    net::SocketAddr,
    path::Path,
    process::{Command, Stdio},
    sync::atomic::{AtomicUsize, Ordering},
    thread,
};

use serde::Deserialize;

use crate::http;

const SERVICE_KEY: &str = "bench-service-key-0123456789abcdef0123456789";
const SIGNING_KEY: &str = "bench-signing-key-0123456789abcdef0123456789";
pub(crate) const PASSWORD: &str = "a long bench passphrase";
/// Accounts that the sessions are spread over.
const ACCOUNTS: usize = 20;
/// Sign-ins on the way at once; the server hashes as many as it has cores.
const AT_ONCE: usize = 4;

/// Access tokens of signed-in sessions.
pub(crate) struct Accounts {
    pub(crate) tokens: Vec<String>,
}

#[derive(Deserialize)]
struct TokenPair {
    access_token: String,
}

impl Accounts {
    /// Registers the accounts, each with its first session, and signs in until there are `sessions`.
    pub(super) fn sign_in(address: SocketAddr, sessions: usize) -> io::Result<Self> {
        let next = AtomicUsize::new(0);
        let register = |index: usize| {
            let body = format!(
                r#"{{"email":"bench{index}@example.com","password":"{PASSWORD}","nombre":"Bench","apellido":"Load","rol":"CLIENTE"}}"#
            );
            token(address, "/auth/register", index, &body)
        };
        let mut tokens = by_turns(&next, sessions.min(ACCOUNTS), &register)?;
        let log_in = |index: usize| token(address, "/auth/login", index, &credentials(index));
        tokens.extend(by_turns(&next, sessions, &log_in)?);
        Ok(Self { tokens })
    }
}

/// Does every index from `next` up to `end`, a few at once.
fn by_turns(
    next: &AtomicUsize,
    end: usize,
    act: &(impl Fn(usize) -> io::Result<String> + Sync),
) -> io::Result<Vec<String>> {
    let work = || {
        let mut done = Vec::new();
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            if index >= end {
                return Ok(done);
            }
            done.push(act(index)?);
            if (index + 1).is_multiple_of(500) {
                eprintln!("  {} of {end} sessions", index + 1);
            }
        }
    };
    let outcomes: io::Result<Vec<Vec<String>>> = thread::scope(|scope| {
        let workers: Vec<_> = (0..AT_ONCE).map(|_| scope.spawn(work)).collect();
        workers
            .into_iter()
            .map(|worker| worker.join().map_err(|_| io::Error::other("a sign-in panicked"))?)
            .collect()
    });
    // Every worker overshoots by one when it finds nothing left.
    next.store(end, Ordering::Relaxed);
    Ok(outcomes?.concat())
}

/// One sign-in from a device of its own, and the access token it answers.
fn token(address: SocketAddr, path: &str, device: usize, body: &str) -> io::Result<String> {
    let request = http::json_request(path, &device_headers(device), body);
    let (status, answer) = http::call(address, &request)?;
    if !(200..300).contains(&status) {
        return Err(io::Error::other(format!("{path} answered {status}: {answer}")));
    }
    Ok(serde_json::from_str::<TokenPair>(&answer)?.access_token)
}

/// A sign-in of one of the accounts, from a device of its own.
pub(crate) fn sign_in_request(index: usize) -> Vec<u8> {
    http::json_request("/auth/login", &device_headers(index), &credentials(index))
}

fn credentials(index: usize) -> String {
    let account = index % ACCOUNTS;
    format!(r#"{{"email":"bench{account}@example.com","password":"{PASSWORD}"}}"#)
}

fn device_headers(device: usize) -> String {
    format!("X-Device-Id: bench-{device}\r\nUser-Agent: latido-bench\r\n")
}

pub(super) fn publish_route() -> (&'static str, String) {
    ("/api/events/publish", format!("X-Service-Key: {SERVICE_KEY}\r\n"))
}

pub(super) fn serve(program: &Path, scratch: &Path, database: &str, port: u16) -> Command {
    let mut command = command(program, scratch, database);
    command.arg("serve").env("PORT", port.to_string());
    command
}

/// Makes an administrator. Nobody can register as one.
pub(super) fn create_admin(
    program: &Path,
    scratch: &Path,
    database: &str,
    email: &str,
) -> io::Result<()> {
    let mut child = command(program, scratch, database)
        .args(["create-admin", "--email", email, "--password-stdin"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()?;
    if let Some(mut stdin) = child.stdin.take() {
        writeln!(stdin, "{PASSWORD}")?;
    }
    let status = child.wait()?;
    if status.success() {
        Ok(())
    } else {
        Err(io::Error::other(format!("create-admin failed: {status}")))
    }
}

/// An access token of an account with the usual password.
pub(crate) fn access_token(address: SocketAddr, email: &str) -> io::Result<String> {
    let body = format!(r#"{{"email":"{email}","password":"{PASSWORD}"}}"#);
    token(address, "/auth/login", 0, &body)
}

fn command(program: &Path, scratch: &Path, database: &str) -> Command {
    let mut command = Command::new(program);
    command
        .current_dir(scratch)
        .env("BIND_ADDR", "127.0.0.1")
        .env("NODE_ENV", "development")
        .env("LOG_LEVEL", "WARNING")
        .env("DATABASE_URL", database)
        .env("FILES_DIR", scratch.join("files"))
        .env("JWT_SECRET_KEY", SIGNING_KEY)
        .env("ACCESS_TOKEN_TTL_SECONDS", "86400")
        .env("SERVICE_API_KEYS", format!("bench:{SERVICE_KEY}"))
        .env("SHUTDOWN_GRACE_SECONDS", "1")
        .env("RATE_LIMIT_ENABLED", "false")
        .env("MAX_CONNECTIONS_PER_USER", "100000");
    command
}
