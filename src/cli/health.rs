//! `latido health`: asks a running hub whether it is alive, so that an image needs no other tool.

use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::time::Duration;

use crate::config::server::Server;

/// How long the hub may take to answer.
const PATIENCE: Duration = Duration::from_secs(3);

/// Whether a hub answers on one port. Behind its own TLS only the connection is tried.
pub fn ask(server: &Server, port: u16) -> io::Result<()> {
    let mut stream = TcpStream::connect_timeout(&local(server.bind_addr, port), PATIENCE)?;
    if server.tls().is_some() {
        return Ok(());
    }
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    stream
        .write_all(b"GET /health/live HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
    let mut status = [0; 12];
    stream.read_exact(&mut status)?;
    if status == *b"HTTP/1.1 200" { Ok(()) } else { Err(io::Error::other("the answer is not 200")) }
}

/// Where a listener bound to `address` is reached from this machine.
fn local(address: IpAddr, port: u16) -> SocketAddr {
    let address = match address {
        IpAddr::V4(all) if all.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(all) if all.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        one => one,
    };
    SocketAddr::new(address, port)
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::thread;

    use super::*;
    use crate::config::{Config, Sources};

    /// The verdict on a server that gives this answer to one request.
    fn asked_of(answer: &'static str) -> io::Result<()> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = [0; 512];
            assert!(stream.read(&mut request).unwrap() > 0);
            stream.write_all(answer.as_bytes()).unwrap();
        });
        let config = Config::load(&Sources { is_demo: true, ..Sources::default() }).unwrap();
        let verdict = ask(&config.server, port);
        server.join().unwrap();
        verdict
    }

    #[test]
    fn only_a_200_is_a_sign_of_life() {
        assert!(asked_of("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").is_ok());
        assert!(asked_of("HTTP/1.1 503 Service Unavailable\r\n\r\n").is_err());
        assert!(asked_of("").is_err());
    }
}
