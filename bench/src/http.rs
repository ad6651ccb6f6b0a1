//! The little HTTP/1.1 spoken here: blocking calls, and keep-alive lines for publishing.
//!
//! Bodies are delimited by `Content-Length` alone; a chunked answer is an error.

use std::{
    io::{self, Read, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use crate::epoll::{Interest, Poll};

/// The head of a request or an answer, and where the message it begins ends.
#[derive(Debug)]
pub(crate) struct Head<'a> {
    pub(crate) text: &'a str,
    pub(crate) body_start: usize,
    pub(crate) end: usize,
}

impl<'a> Head<'a> {
    /// Reads a head that is wholly there; `None` until its blank line is.
    pub(crate) fn parse(bytes: &'a [u8]) -> io::Result<Option<Self>> {
        let Some(blank) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else {
            return Ok(None);
        };
        let text = std::str::from_utf8(&bytes[..blank]).map_err(io::Error::other)?;
        let mut head = Self { text, body_start: blank + 4, end: blank + 4 };
        if head.header("transfer-encoding").is_some() {
            return Err(io::Error::other("a chunked body is not read here"));
        }
        if let Some(length) = head.header("content-length") {
            head.end += length.parse::<usize>().map_err(io::Error::other)?;
        }
        Ok(Some(head))
    }

    /// The value of a header, by its lower-case name.
    pub(crate) fn header(&self, name: &str) -> Option<&'a str> {
        self.text.lines().skip(1).find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then_some(value.trim())
        })
    }

    /// The status of an answer; 0 when there is none.
    pub(crate) fn status(&self) -> u16 {
        self.text.split(' ').nth(1).and_then(|word| word.parse().ok()).unwrap_or(0)
    }
}

/// Writes a JSON request as one piece of bytes. `headers` are whole lines, each with its line end.
pub(crate) fn json_request(path: &str, headers: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!(
        "POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n{headers}Content-Length: {length}\r\n\r\n{body}"
    )
    .into_bytes()
}

/// Sends one request on a connection of its own and waits for the answer: its status and body.
pub(crate) fn call(address: SocketAddr, request: &[u8]) -> io::Result<(u16, String)> {
    Connection::open(address)?.exchange(request)
}

/// A keep-alive connection on which one request waits for its answer.
pub(crate) struct Connection {
    stream: TcpStream,
    answer: Vec<u8>,
}

impl Connection {
    pub(crate) fn open(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_secs(30)))?;
        Ok(Self { stream, answer: Vec::new() })
    }

    /// Sends a request and waits for the answer: its status and body.
    pub(crate) fn exchange(&mut self, request: &[u8]) -> io::Result<(u16, String)> {
        self.stream.write_all(request)?;
        self.answer.clear();
        loop {
            if let Some(head) = Head::parse(&self.answer)?
                && self.answer.len() >= head.end
            {
                let body = String::from_utf8_lossy(&self.answer[head.body_start..head.end]);
                return Ok((head.status(), body.into_owned()));
            }
            let mut chunk = [0; 4096];
            match self.stream.read(&mut chunk)? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                read => self.answer.extend_from_slice(&chunk[..read]),
            }
        }
    }
}

/// Keep-alive connections that publish, one request outstanding on each.
pub(crate) struct Publisher {
    lines: Vec<Line>,
    idle: Vec<usize>,
    first_token: u64,
}

struct Line {
    stream: TcpStream,
    answer: Vec<u8>,
}

impl Publisher {
    /// Opens `count` lines and adds them to `poll` with the tokens from `first_token` on.
    pub(crate) fn connect(
        address: SocketAddr,
        count: usize,
        poll: &Poll,
        first_token: u64,
    ) -> io::Result<Self> {
        let mut lines = Vec::with_capacity(count);
        for token in (first_token..).take(count) {
            let stream = TcpStream::connect(address)?;
            stream.set_nonblocking(true)?;
            stream.set_nodelay(true)?;
            poll.add(&stream, token, Interest::Read)?;
            lines.push(Line { stream, answer: Vec::new() });
        }
        Ok(Self { idle: (0..lines.len()).collect(), lines, first_token })
    }

    pub(crate) fn has_idle_line(&self) -> bool {
        !self.idle.is_empty()
    }

    /// Sends `request` on an idle line.
    pub(crate) fn publish(&mut self, request: &[u8]) -> io::Result<()> {
        let line = self.idle.pop().ok_or_else(|| io::Error::other("every line is busy"))?;
        (&self.lines[line].stream).write_all(request)
    }

    /// Reads the answer that came for `token`; anything but success ends the run.
    pub(crate) fn answered(&mut self, token: u64) -> io::Result<()> {
        let index = usize::try_from(token - self.first_token).map_err(io::Error::other)?;
        let line = &mut self.lines[index];
        let mut chunk = [0; 4096];
        match (&line.stream).read(&mut chunk) {
            Ok(0) => return Err(io::Error::other("the server closed a publishing connection")),
            Ok(read) => line.answer.extend_from_slice(&chunk[..read]),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
            Err(error) => return Err(error),
        }
        let Some(head) = Head::parse(&line.answer)? else { return Ok(()) };
        if line.answer.len() < head.end {
            return Ok(());
        }
        if !(200..300).contains(&head.status()) {
            let answer = String::from_utf8_lossy(&line.answer);
            return Err(io::Error::other(format!("a publish was refused: {answer}")));
        }
        line.answer.clear();
        self.idle.push(index);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_knows_where_its_message_ends() {
        let bytes = b"HTTP/1.1 202 Accepted\r\nCONTENT-length: 3\r\n\r\nabcHTTP";

        let head = Head::parse(bytes).unwrap().unwrap();

        assert_eq!(head.status(), 202);
        assert_eq!(&bytes[head.body_start..head.end], b"abc");
        assert!(Head::parse(&bytes[..30]).unwrap().is_none());
    }
}
