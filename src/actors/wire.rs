//! The sending half of one TCP connection, with or without TLS, that never waits.
//!
//! Reading and writing share the connection: the transport's task reads, anyone holding the
//! socket's `Outbound` writes. Under TLS the session's records pass through rustls in user space.

use std::io::{self, IoSlice, Read, Write};
use std::task::{Context, Poll};
use std::time::Duration;

use parking_lot::Mutex;
use rustix::net::{SendFlags, send};
use tokio::io::Interest;
use tokio::net::TcpStream;

/// An accepted connection after its HTTP upgrade.
#[derive(Debug)]
pub struct Wire {
    tcp: TcpStream,
    tls: Option<Mutex<rustls::ServerConnection>>,
}

impl Wire {
    pub fn new(tcp: TcpStream, tls: Option<rustls::ServerConnection>) -> Self {
        Self { tcp, tls: tls.map(Mutex::new) }
    }

    /// Sends what the kernel takes at once and returns how much that was.
    ///
    /// # Errors
    /// `WouldBlock` when it takes nothing; anything else means the connection is lost.
    pub fn send(&self, bytes: &[u8]) -> io::Result<usize> {
        match &self.tls {
            // Straight to the kernel: a broadcast to thousands need not touch the readiness of each.
            None => Ok(send(&self.tcp, bytes, SendFlags::DONTWAIT | SendFlags::NOSIGNAL)?),
            Some(tls) => self.encrypt(&mut tls.lock(), |writer| writer.write(bytes)),
        }
    }

    /// Like [`Self::send`], for several buffers, telling the runtime when the kernel is full.
    pub fn send_all(&self, buffers: &[IoSlice<'_>]) -> io::Result<usize> {
        match &self.tls {
            None => self.tcp.try_write_vectored(buffers),
            Some(tls) => self.encrypt(&mut tls.lock(), |writer| writer.write_vectored(buffers)),
        }
    }

    /// Whether encrypted bytes wait for the kernel.
    pub fn is_clogged(&self) -> bool {
        self.tls.as_ref().is_some_and(|tls| tls.lock().wants_write())
    }

    /// Writes waiting encrypted bytes out.
    pub fn unclog(&self) -> io::Result<()> {
        self.tls.as_ref().map_or(Ok(()), |tls| self.write_records(&mut tls.lock()))
    }

    pub fn poll_writable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.tcp.poll_write_ready(cx)
    }

    pub fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.tcp.poll_read_ready(cx)
    }

    /// Reads what has arrived; 0 means the peer closed its half.
    pub fn receive(&self, buffer: &mut [u8]) -> io::Result<usize> {
        let Some(tls) = &self.tls else { return self.receive_plain(buffer) };
        let mut tls = tls.lock();
        loop {
            match tls.reader().read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                done => return done,
            }
            let taken =
                self.tcp.try_io(Interest::READABLE, || tls.read_tls(&mut Socket(&self.tcp)))?;
            if taken == 0 {
                return Ok(0);
            }
            tls.process_new_packets().map_err(io::Error::other)?;
            if tls.wants_write() {
                drop(self.write_records(&mut tls));
            }
        }
    }

    /// A read that does not fill the buffer left nothing behind, so the runtime need not look again before
    /// more comes.
    fn receive_plain(&self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut taken = 0;
        let drained = self.tcp.try_io(Interest::READABLE, || {
            taken = Socket(&self.tcp).read(buffer)?;
            let has_more = taken == 0 || taken == buffer.len();
            if has_more { Ok(()) } else { Err(io::ErrorKind::WouldBlock.into()) }
        });
        match drained {
            Err(_) if taken > 0 => Ok(taken),
            done => done.map(|()| taken),
        }
    }

    /// Ends the sending half; the peer sees the end of the stream.
    pub fn shutdown(&self) {
        if let Some(tls) = &self.tls {
            let mut tls = tls.lock();
            tls.send_close_notify();
            drop(self.write_records(&mut tls));
        }
        let _ = rustix::net::shutdown(&self.tcp, rustix::net::Shutdown::Write);
    }

    /// Ends the connection in the middle of what was being sent, so the peer does not take it for a
    /// whole.
    pub fn reset(&self) {
        // A connection that cannot be told to reset is gone already.
        let _ = rustix::net::sockopt::set_socket_linger(&self.tcp, Some(Duration::ZERO));
    }

    fn encrypt(
        &self,
        tls: &mut rustls::ServerConnection,
        write: impl FnOnce(&mut rustls::Writer<'_>) -> io::Result<usize>,
    ) -> io::Result<usize> {
        // One plaintext at a time keeps the amount held in user space to a single message batch.
        self.write_records(tls)?;
        let taken = write(&mut tls.writer())?;
        match self.write_records(tls) {
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => Err(error),
            _ => Ok(taken),
        }
    }

    fn write_records(&self, tls: &mut rustls::ServerConnection) -> io::Result<()> {
        while tls.wants_write() {
            self.tcp.try_io(Interest::WRITABLE, || tls.write_tls(&mut Socket(&self.tcp)))?;
        }
        Ok(())
    }
}

/// The kernel's socket as rustls wants to see it.
struct Socket<'a>(&'a TcpStream);

impl Read for Socket<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        Ok(rustix::net::recv(self.0, buffer, rustix::net::RecvFlags::DONTWAIT)?.1)
    }
}

impl Write for Socket<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(send(self.0, bytes, SendFlags::DONTWAIT | SendFlags::NOSIGNAL)?)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
