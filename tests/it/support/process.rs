//! The binary in a process of its own, for what only a process can do: start badly, be killed.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use super::accounts::SECRET;
use super::database::Database;
use super::http::{Answer, Call};
use super::within;

/// An administrator every process test may sign in as.
pub(crate) const ADMIN: (&str, &str) = ("admin@example.com", "a long enough password");

/// A serving process, killed when dropped.
pub(crate) struct Process {
    child: Child,
    pub(crate) address: SocketAddr,
    /// Read standard output, and standard error, until the process ends.
    output: [Option<JoinHandle<String>>; 2],
}

/// What a command left behind.
#[derive(Debug)]
pub(crate) struct Finished {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// The binary with no environment but these settings, in an empty directory.
pub(crate) fn command(arguments: &[&str], settings: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_latido"));
    command
        .args(arguments)
        .env_clear()
        .envs(settings.iter().copied())
        .current_dir(std::env::temp_dir());
    command
}

/// The settings of a node that starts.
pub(crate) fn settings<'a>(database: &'a Database, port: &'a str) -> Vec<(&'a str, &'a str)> {
    vec![
        ("NODE_ENV", "development"),
        ("BIND_ADDR", "127.0.0.1"),
        ("PORT", port),
        ("DATABASE_URL", database.url()),
        ("JWT_SECRET_KEY", SECRET),
        ("RATE_LIMIT_ENABLED", "false"),
    ]
}

/// Runs a command to its end.
pub(crate) fn finish(arguments: &[&str], settings: &[(&str, &str)], input: &str) -> Finished {
    let mut child = command(arguments, settings)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A command that reads nothing may be gone already.
    drop(child.stdin.take().unwrap().write_all(input.as_bytes()));
    let output = child.wait_with_output().unwrap();
    Finished {
        code: output.status.code(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// A port that is free, and stays so: no test is given it twice, and the system gives none of these to a
/// socket that asked for any.
pub(crate) fn free_port() -> u16 {
    const FIRST: u32 = 12_000;
    const COUNT: u32 = 20_000;
    static GIVEN: AtomicU32 = AtomicU32::new(0);
    // Processes that run side by side begin far from each other.
    let start = std::process::id().wrapping_mul(7_919);
    loop {
        let given = start.wrapping_add(GIVEN.fetch_add(1, Ordering::Relaxed));
        let port = u16::try_from(FIRST + given % COUNT).unwrap();
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return port;
        }
    }
}

impl Process {
    /// Starts a node on the database and waits until it serves.
    pub(crate) async fn serve(database: &Database, more: &[(&str, &str)]) -> Self {
        let port = free_port();
        let text = port.to_string();
        let settings = [settings(database, &text).as_slice(), more].concat();
        let mut child = command(&["serve"], &settings)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // A full pipe would stop the node.
        let output = [
            Some(collect(child.stdout.take().unwrap())),
            Some(collect(child.stderr.take().unwrap())),
        ];
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let mut process = Self { child, address, output };
        within("the node to serve", process.ready(address)).await;
        process
    }

    /// Waits until the node listens there too: it opens its ports one after the other.
    pub(crate) async fn listens(&mut self, address: SocketAddr) {
        within("the node to listen", self.ready(address)).await;
    }

    async fn ready(&mut self, address: SocketAddr) {
        while tokio::net::TcpStream::connect(address).await.is_err() {
            let gone = self.child.try_wait().unwrap();
            assert_eq!(gone, None, "the node ended instead of serving");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    pub(crate) fn call(&self, method: &str, path: &str) -> Call {
        Call::new(self.address, method, path)
    }

    /// The answer to a sign-in of [`ADMIN`].
    pub(crate) async fn sign_in(&self) -> Value {
        let body = json!({ "username": ADMIN.0, "password": ADMIN.1 });
        let answer: Answer = self.call("POST", "/auth/login").json(&body).send().await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()
    }

    /// The processor time its threads used so far.
    pub(crate) fn cpu_seconds(&self) -> f64 {
        let threads = std::fs::read_dir(format!("/proc/{}/task", self.child.id())).unwrap();
        let used = threads.filter_map(|thread| {
            // A thread may end while it is looked at.
            let times = std::fs::read_to_string(thread.ok()?.path().join("schedstat")).ok()?;
            times.split(' ').next()?.parse::<f64>().ok()
        });
        used.sum::<f64>() / 1e9
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(i32::try_from(self.child.id()).unwrap()).unwrap();
        kill_process(pid, signal).unwrap();
    }

    /// Waits for the end of the process.
    pub(crate) async fn ended(mut self) -> ExitStatus {
        self.end().await
    }

    /// Waits for the end of the process and answers with the lines of its log.
    pub(crate) async fn ended_with_log(mut self) -> (ExitStatus, Vec<Value>) {
        let status = self.end().await;
        let lines = self.said(0);
        (status, lines.lines().filter_map(|line| serde_json::from_str(line).ok()).collect())
    }

    /// Waits for the end of the process and answers everything it ever said.
    pub(crate) async fn last_words(mut self) -> String {
        self.end().await;
        self.said(0) + &self.said(1)
    }

    async fn end(&mut self) -> ExitStatus {
        within("the node to end", async {
            loop {
                if let Some(status) = self.child.try_wait().unwrap() {
                    return status;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        })
        .await
    }

    fn said(&mut self, output: usize) -> String {
        self.output[output].take().unwrap().join().unwrap()
    }
}

fn collect(mut from: impl Read + Send + 'static) -> JoinHandle<String> {
    thread::spawn(move || {
        let mut said = Vec::new();
        from.read_to_end(&mut said).unwrap();
        String::from_utf8_lossy(&said).into_owned()
    })
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Creates [`ADMIN`] on a database that may be empty.
pub(crate) fn create_admin(database: &Database) -> Finished {
    let create = ["create-admin", "--email", ADMIN.0, "--password-stdin"];
    finish(&create, &settings(database, "8888"), ADMIN.1)
}

/// A node on a fresh database with [`ADMIN`].
pub(crate) async fn serve_with_admin(database: &Database, more: &[(&str, &str)]) -> Process {
    assert_eq!(finish(&["migrate"], &settings(database, "8888"), "").code, Some(0));
    let created = create_admin(database);
    assert_eq!(created.code, Some(0), "{created:?}");
    Process::serve(database, more).await
}
