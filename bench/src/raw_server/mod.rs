//! The floor that everything is compared with: one thread, one epoll set, and no work but the system calls.
//!
//! It speaks just enough Engine.IO and Socket.IO for the same clients to sign in, answers an acked event, and
//! fans out what `POST /publish` brings. It checks no token, keeps no session and sends no heartbeat.

mod connection;

use std::{io, net::Ipv4Addr, net::SocketAddr, net::TcpStream};

use clap::ValueEnum;
use rustix::net::sockopt::{set_socket_reuseaddr, set_tcp_nodelay};
use rustix::net::{AddressFamily, SocketFlags, SocketType, accept_with, bind, listen, socket_with};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::{
    epoll::{Interest, Poll},
    ws,
};
use connection::Connection;

/// How a published message reaches a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Mode {
    /// One send per message and socket.
    Single,
    /// Everything that was published since the last wait, joined in one send per socket.
    Joined,
}

const LISTENER: u64 = u64::MAX;
const ACCEPTED: &[u8] = b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n";

#[derive(Deserialize)]
struct Publication<'a> {
    event: &'a str,
    #[serde(borrow)]
    payload: &'a RawValue,
}

struct Server {
    mode: Mode,
    poll: Poll,
    connections: Vec<Option<Connection>>,
    vacant: Vec<usize>,
    /// Frames published since the last flush, as they go on the wire.
    batch: Vec<u8>,
    /// Publishers that are owed an answer once the batch is out.
    publishers: Vec<usize>,
}

/// Serves until the process is ended.
pub(crate) fn run(mode: Mode, port: u16) -> io::Result<()> {
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let listener = socket_with(AddressFamily::INET, SocketType::STREAM, flags, None)?;
    set_socket_reuseaddr(&listener, true)?;
    bind(&listener, &SocketAddr::from((Ipv4Addr::LOCALHOST, port)))?;
    listen(&listener, 4096)?;

    let mut server = Server {
        mode,
        poll: Poll::new(1024)?,
        connections: Vec::new(),
        vacant: Vec::new(),
        batch: Vec::new(),
        publishers: Vec::new(),
    };
    server.poll.add(&listener, LISTENER, Interest::Read)?;
    let mut buffer = vec![0; 64 * 1024];
    loop {
        for index in 0..server.poll.wait(None)? {
            let ready = server.poll.ready(index);
            if ready.token == LISTENER {
                // A connection that went away before it was accepted is nobody's loss.
                while let Ok(stream) = accept_with(&listener, flags) {
                    server.admit(TcpStream::from(stream))?;
                }
                continue;
            }
            let id = usize::try_from(ready.token).map_err(io::Error::other)?;
            if ready.writable && !server.drain(id) {
                continue;
            }
            if ready.readable {
                server.read(id, &mut buffer);
            }
        }
        server.flush();
    }
}

impl Server {
    fn admit(&mut self, stream: TcpStream) -> io::Result<()> {
        set_tcp_nodelay(&stream, true)?;
        let id = self.vacant.pop().unwrap_or_else(|| {
            self.connections.push(None);
            self.connections.len() - 1
        });
        self.poll.add(&stream, id as u64, Interest::Read)?;
        self.connections[id] = Some(Connection::new(stream));
        Ok(())
    }

    /// Reads once and does what was asked; a failing connection is forgotten.
    fn read(&mut self, id: usize, buffer: &mut [u8]) {
        let Some(connection) = self.connections[id].as_mut() else { return };
        let mut published = Vec::new();
        let outcome = connection.read(buffer, &mut |body| publication(body, &mut published));
        match outcome {
            Ok(()) if published.is_empty() => self.watch(id),
            Ok(()) => {
                self.batch.append(&mut published);
                self.publishers.push(id);
                if self.mode == Mode::Single {
                    self.flush();
                }
            }
            Err(_) => self.forget(id),
        }
    }

    /// Sends the batch to every signed-in socket, then answers the publishers.
    fn flush(&mut self) {
        if self.batch.is_empty() {
            return;
        }
        let batch = std::mem::take(&mut self.batch);
        for id in 0..self.connections.len() {
            if let Some(connection) = self.connections[id].as_mut()
                && connection.is_joined()
            {
                self.send(id, &batch);
            }
        }
        for id in std::mem::take(&mut self.publishers) {
            self.send(id, ACCEPTED);
        }
        self.batch = batch;
        self.batch.clear();
    }

    fn send(&mut self, id: usize, bytes: &[u8]) {
        let Some(connection) = self.connections[id].as_mut() else { return };
        match connection.send(bytes) {
            Ok(()) if connection.has_backlog() => self.watch(id),
            Ok(()) => {}
            Err(_) => self.forget(id),
        }
    }

    /// Sends what a full socket had refused; false when the connection is gone.
    fn drain(&mut self, id: usize) -> bool {
        let Some(connection) = self.connections[id].as_mut() else { return false };
        if connection.send(&[]).is_err() {
            self.forget(id);
            return false;
        }
        self.watch(id);
        true
    }

    /// Asks to be told of room in the socket while something waits for it.
    fn watch(&mut self, id: usize) {
        let Some(connection) = self.connections[id].as_mut() else { return };
        let Some(interest) = connection.changed_interest() else { return };
        if self.poll.change(connection.stream(), id as u64, interest).is_err() {
            self.forget(id);
        }
    }

    fn forget(&mut self, id: usize) {
        if self.connections[id].take().is_some() {
            self.vacant.push(id);
        }
    }
}

/// Appends a published event as the frame that subscribers get.
fn publication(body: &[u8], out: &mut Vec<u8>) -> io::Result<()> {
    let Publication { event, payload } = serde_json::from_slice(body)?;
    let text = format!("42/events,[\"{event}\",{payload}]");
    ws::push_frame(out, ws::TEXT, text.as_bytes());
    Ok(())
}
