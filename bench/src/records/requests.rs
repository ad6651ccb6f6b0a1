//! What is asked, written out before the clock starts; every request is tried once.

use std::{io, net::SocketAddr, time::Duration};

use serde::Deserialize;

use super::{Subject, names, paced::Load};
use crate::http::{Connection, get_request};

/// Rows on a page, as callers get them who ask for no number.
const PAGE: usize = 20;
/// Pages of a hundred that are walked through for their cursors.
const WALK: usize = 300;
/// Searches of each kind.
const OF_A_KIND: usize = 40;

/// The requests of one subject and the status that answers them.
pub(super) struct Requests {
    pub(super) all: Vec<Vec<u8>>,
    pub(super) expected: u16,
}

#[derive(Deserialize)]
struct Page {
    items: Vec<Item>,
    next_cursor: Option<String>,
}

#[derive(Deserialize)]
struct Item {}

/// Asks as one caller.
struct Caller {
    connection: Connection,
    headers: String,
}

impl Requests {
    /// These requests at a rate, for a time.
    pub(super) fn load(&self, address: SocketAddr, rate: u32, time: Duration) -> Load<'_> {
        Load { address, requests: &self.all, expected: self.expected, rate, time }
    }

    /// The floor: goes the same way through HTTP and looks at nothing.
    pub(super) fn floor() -> Self {
        Self { all: vec![get_request("/health/live", "")], expected: 200 }
    }

    /// The requests of `subject`, asked with `token`.
    pub(super) fn of(subject: Subject, address: SocketAddr, token: &str) -> io::Result<Self> {
        let headers = format!("Authorization: Bearer {token}\r\n");
        let mut caller = Caller { connection: Connection::open(address)?, headers };
        match subject {
            Subject::List => caller.lists(),
            Subject::Search => caller.searches(),
            Subject::Catalogue => caller.catalogue(),
            Subject::Unchanged => caller.unchanged(),
        }
    }
}

impl Caller {
    /// By turns a first page, a later one, a narrowed one, and a later one again. The later ones lie
    /// evenly in the newest thirty thousand.
    fn lists(&mut self) -> io::Result<Requests> {
        const LIST: &str = "/api/v1/patients";
        let mut cursors = Vec::new();
        let mut path = format!("{LIST}?limit=100");
        while cursors.len() < WALK {
            let Some(cursor) = self.page(&path)?.next_cursor else { break };
            path = format!("{LIST}?limit=100&cursor={cursor}");
            cursors.push(cursor);
        }
        let later = |place: usize| match cursors.get(place * 7 % cursors.len().max(1)) {
            Some(cursor) => format!("{LIST}?limit={PAGE}&cursor={cursor}"),
            None => format!("{LIST}?limit={PAGE}"),
        };
        let narrowed = |place: usize| match place % 3 {
            0 => format!("{LIST}?institution_id={}", 1 + place % 50),
            1 => format!("{LIST}?validation_status=pending"),
            _ => format!("{LIST}?doctor_id={}", 1 + place % 2_000),
        };
        let paths: Vec<String> = (0..WALK)
            .map(|place| match place % 4 {
                0 => LIST.to_owned(),
                2 => narrowed(place),
                _ => later(place),
            })
            .collect();
        self.tried(&paths)
    }

    /// By turns a surname, a whole name, a surname begun, a document number, an e-mail address begun,
    /// and a name that nobody bears.
    fn searches(&mut self) -> io::Result<Requests> {
        let (given, surnames) = (names::given(), names::surnames());
        let mut paths = Vec::new();
        for turn in 0..OF_A_KIND {
            // Steps without a common divisor with the numbers of names reach them all.
            let first = given[turn * 7 % given.len()];
            let own = surnames[turn * 13 % surnames.len()];
            let other = surnames[turn * 29 % surnames.len()];
            let begun: String = own.chars().take(4).collect();
            let document = 20_000_000 + turn * 7919 % 40_000_000;
            let email = format!("{}.{}", names::folded(first), names::folded(own));
            for text in [
                own.to_owned(),
                format!("{first} {own}"),
                begun,
                document.to_string(),
                email,
                format!("{own} {other} {first}xyz"),
            ] {
                paths.push(format!("/api/v1/patients?q={}", encoded(&text)));
            }
        }
        self.tried(&paths)
    }

    fn catalogue(&mut self) -> io::Result<Requests> {
        self.tried(&exams())
    }

    /// The same with the tag of what is there.
    fn unchanged(&mut self) -> io::Result<Requests> {
        let mut all = Vec::new();
        for path in exams() {
            self.page(&path)?;
            let tag = self.connection.header("etag")?;
            let headers = format!("{}If-None-Match: {tag}\r\n", self.headers);
            all.push(get_request(&path, &headers));
        }
        Ok(Requests { all, expected: 304 })
    }

    /// Asks every path once, then gives them as requests.
    fn tried(&mut self, paths: &[String]) -> io::Result<Requests> {
        let mut filled = 0;
        for path in paths {
            filled += usize::from(!self.page(path)?.items.is_empty());
        }
        if filled < paths.len() / 2 {
            return Err(io::Error::other(format!("{filled} of {} pages had rows", paths.len())));
        }
        let all = paths.iter().map(|path| get_request(path, &self.headers)).collect();
        Ok(Requests { all, expected: 200 })
    }

    fn page(&mut self, path: &str) -> io::Result<Page> {
        let (status, body) = self.connection.exchange(&get_request(path, &self.headers))?;
        if status != 200 {
            return Err(io::Error::other(format!("{path} answered {status}: {body}")));
        }
        Ok(serde_json::from_str(&body)?)
    }
}

fn exams() -> Vec<String> {
    let of_category = (1..=12).map(|id| format!("/api/v1/catalog/exams?category_id={id}"));
    ["/api/v1/catalog/exams".to_owned()].into_iter().chain(of_category).collect()
}

/// A text as part of a query.
fn encoded(text: &str) -> String {
    let byte = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' | b'-' | b'_' => {
            char::from(byte).to_string()
        }
        other => format!("%{other:02X}"),
    };
    text.bytes().map(byte).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_beyond_ascii_are_encoded_by_bytes() {
        assert_eq!(encoded("María Núñez.1"), "Mar%C3%ADa%20N%C3%BA%C3%B1ez.1");
    }
}
