//! The little HTTP/1.1 spoken here: blocking calls, and keep-alive lines in a readiness loop.
//!
//! Bodies are delimited by `Content-Length` alone; a chunked answer is an error.

use std::{
    io::{self, Read, Write},
    net::{SocketAddr, TcpStream},
    time::{Duration, Instant},
};

use crate::epoll::{Interest, Poll};

/// What one read of a line takes; a page of records comes in one.
const CHUNK: usize = 16 * 1024;
/// A line that lay idle for so long may be about to be closed by the server.
const STALE: Duration = Duration::from_secs(4);

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

/// Writes a `GET`. `headers` are whole lines, each with its line end.
pub(crate) fn get_request(path: &str, headers: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{headers}\r\n").into_bytes()
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

    /// A header of the last answer, by its lower-case name.
    pub(crate) fn header(&self, name: &str) -> io::Result<String> {
        let head = Head::parse(&self.answer)?;
        let value = head.and_then(|head| head.header(name));
        value
            .map(str::to_owned)
            .ok_or_else(|| io::Error::other(format!("an answer without {name}")))
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

/// Keep-alive connections in a readiness loop, one request outstanding on each. They are opened when they
/// are needed, and again after the server has closed them for lying idle.
pub(crate) struct Lines {
    address: SocketAddr,
    open: Vec<Option<Line>>,
    idle: Vec<usize>,
    first_token: u64,
    chunk: Vec<u8>,
}

struct Line {
    stream: TcpStream,
    answer: Vec<u8>,
    is_waiting: bool,
    used: Instant,
}

/// A whole answer.
pub(crate) struct Answer<'a> {
    /// The line it came on, as [`Lines::send`] named it.
    pub(crate) line: usize,
    pub(crate) status: u16,
    pub(crate) body: &'a [u8],
}

impl Lines {
    /// At most `count` lines, with the tokens from `first_token` on.
    pub(crate) fn new(address: SocketAddr, count: usize, first_token: u64) -> Self {
        let open: Vec<_> = (0..count).map(|_| None).collect();
        let idle = (0..count).collect();
        Self { address, open, idle, first_token, chunk: vec![0; CHUNK] }
    }

    pub(crate) fn has_idle(&self) -> bool {
        !self.idle.is_empty()
    }

    /// Sends `request` on an idle line, which `poll` watches, and says on which.
    pub(crate) fn send(&mut self, poll: &Poll, request: &[u8]) -> io::Result<usize> {
        let index = self.idle.pop().ok_or_else(|| io::Error::other("every line is busy"))?;
        let place = &mut self.open[index];
        let line = match place.take() {
            Some(line) if line.used.elapsed() < STALE => place.insert(line),
            _ => {
                let line = Line::open(self.address)?;
                poll.add(&line.stream, self.first_token + index as u64, Interest::Read)?;
                place.insert(line)
            }
        };
        line.answer.clear();
        line.is_waiting = true;
        (&line.stream).write_all(request)?;
        Ok(index)
    }

    /// Reads what came for `token`; the answer once all of it is there.
    pub(crate) fn answered(&mut self, token: u64) -> io::Result<Option<Answer<'_>>> {
        let index = usize::try_from(token - self.first_token).map_err(io::Error::other)?;
        let Some(line) = &self.open[index] else { return Ok(None) };
        let read = match (&line.stream).read(&mut self.chunk) {
            Ok(0) if line.is_waiting => {
                return Err(io::Error::other("the server closed a line that waits"));
            }
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
            Err(error) => return Err(error),
        };
        if read == 0 {
            self.open[index] = None;
        }
        let Some(line) = &mut self.open[index] else { return Ok(None) };
        line.answer.extend_from_slice(&self.chunk[..read]);
        let Some(head) = Head::parse(&line.answer)? else { return Ok(None) };
        if line.answer.len() < head.end {
            return Ok(None);
        }
        (line.is_waiting, line.used) = (false, Instant::now());
        self.idle.push(index);
        let body = &line.answer[head.body_start..head.end];
        Ok(Some(Answer { line: index, status: head.status(), body }))
    }
}

impl Line {
    fn open(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nonblocking(true)?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, answer: Vec::new(), is_waiting: false, used: Instant::now() })
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
