//! The many simulated clients of one thread, and their readiness loop.

use std::{
    io,
    net::SocketAddr,
    time::{Duration, Instant},
};

use crate::{
    client::{Client, Stage},
    epoll::{Interest, Poll},
};

/// Tokens from here on belong to the listener, below are clients.
pub(crate) const OUTSIDE: u64 = 1 << 32;
/// A server that says nothing for so long while an answer is owed has failed.
pub(crate) const PATIENCE: Duration = Duration::from_secs(15);

const READ_BUFFER: usize = 64 * 1024;
const EVENTS: usize = 1024;

/// Told what arrives during a turn.
pub(crate) trait Listener {
    /// A signed-in client received `text`.
    fn message(&mut self, client: usize, text: &[u8]);

    /// A descriptor that the listener added under `token`, at or over [`OUTSIDE`], can be read.
    fn outside(&mut self, _token: u64) -> io::Result<()> {
        Ok(())
    }
}

/// Lets everything pass.
pub(crate) struct Ignore;

impl Listener for Ignore {
    fn message(&mut self, _client: usize, _text: &[u8]) {}
}

pub(crate) struct Swarm {
    poll: Poll,
    clients: Vec<Client>,
    tokens: Vec<String>,
    address: SocketAddr,
    namespace: &'static str,
    buffer: Vec<u8>,
    ready: usize,
    /// Microseconds from connecting to signed in, one per client since the last take.
    handshakes: Vec<u32>,
}

impl Swarm {
    /// A swarm of nobody. Clients will sign in on `/events` with `tokens`, by turns.
    pub(crate) fn new(address: SocketAddr, tokens: &[String]) -> io::Result<Self> {
        Self::on("events", address, tokens)
    }

    /// The same on another namespace, named without its stroke.
    pub(crate) fn on(
        namespace: &'static str,
        address: SocketAddr,
        tokens: &[String],
    ) -> io::Result<Self> {
        Ok(Self {
            poll: Poll::new(EVENTS)?,
            clients: Vec::new(),
            tokens: tokens.to_vec(),
            address,
            namespace,
            buffer: vec![0; READ_BUFFER],
            ready: 0,
            handshakes: Vec::new(),
        })
    }

    pub(crate) fn poll(&self) -> &Poll {
        &self.poll
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn len(&self) -> usize {
        self.clients.len()
    }

    /// Signs `count` more clients in, at most `at_once` of them on the way at any time.
    pub(crate) fn connect(&mut self, count: usize, at_once: usize) -> io::Result<()> {
        let goal = self.clients.len() + count;
        self.clients.reserve(count);
        let mut progress = (self.ready, Instant::now());
        while self.ready < goal {
            while self.clients.len() < goal && self.clients.len() - self.ready < at_once {
                let client = Client::connect(self.address, self.namespace)?;
                self.poll.add(client.stream(), self.clients.len() as u64, Interest::Read)?;
                self.clients.push(client);
            }
            self.turn(Duration::from_secs(1), &mut Ignore)?;
            if self.ready > progress.0 {
                progress = (self.ready, Instant::now());
            } else if progress.1.elapsed() > PATIENCE {
                let ready = self.ready;
                return Err(io::Error::other(format!("stuck with {ready} of {goal} signed in")));
            }
        }
        Ok(())
    }

    /// Waits once, at most `timeout`, and reads everything that is ready.
    pub(crate) fn turn(
        &mut self,
        timeout: Duration,
        listener: &mut impl Listener,
    ) -> io::Result<()> {
        for index in 0..self.poll.wait(Some(timeout))? {
            let token = self.poll.ready(index).token;
            if token >= OUTSIDE {
                listener.outside(token)?;
                continue;
            }
            let id = usize::try_from(token).map_err(io::Error::other)?;
            let client = &mut self.clients[id];
            let was_ready = client.stage() == Stage::Ready;
            let credential = &self.tokens[id % self.tokens.len()];
            client.receive(&mut self.buffer, credential, |text| listener.message(id, text))?;
            if !was_ready && client.stage() == Stage::Ready {
                self.ready += 1;
                let age = u32::try_from(client.age().as_micros()).unwrap_or(u32::MAX);
                self.handshakes.push(age);
            }
        }
        Ok(())
    }

    /// Keeps heartbeats answered for a while, letting everything else pass.
    pub(crate) fn rest(&mut self, time: Duration) -> io::Result<()> {
        let until = Instant::now() + time;
        while let Some(left) = until.checked_duration_since(Instant::now()) {
            self.turn(left, &mut Ignore)?;
        }
        Ok(())
    }

    pub(crate) fn send(&mut self, client: usize, text: &[u8]) -> io::Result<()> {
        self.clients[client].send(text)
    }

    /// How long each sign-in took since the last call, in microseconds.
    pub(crate) fn take_handshakes(&mut self) -> Vec<u32> {
        std::mem::take(&mut self.handshakes)
    }
}
