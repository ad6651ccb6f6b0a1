//! One publication: encoded once per wire form, however many sockets hear it.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use parking_lot::Mutex;
use tokio::sync::oneshot;

use super::frame::Frame;
use crate::domain::event::Event;
use crate::domain::id::EventId;

/// How events look on a socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Dialect {
    /// `42/events,["name",{…}]`
    SocketIo,
    /// `{"event":"name","data":{…}}`
    Plain,
}

/// One value for each dialect, made when it is first asked for.
#[derive(Debug)]
pub(super) struct PerDialect<T> {
    socket_io: OnceLock<T>,
    plain: OnceLock<T>,
}

impl<T> Default for PerDialect<T> {
    fn default() -> Self {
        Self { socket_io: OnceLock::new(), plain: OnceLock::new() }
    }
}

impl<T> PerDialect<T> {
    pub(super) fn get_or_init(&self, dialect: Dialect, make: impl FnOnce() -> T) -> &T {
        match dialect {
            Dialect::SocketIo => self.socket_io.get_or_init(make),
            Dialect::Plain => self.plain.get_or_init(make),
        }
    }
}

/// An event on its way to the members of its topics.
#[derive(Debug)]
pub(super) struct Publication {
    pub event: Event,
    /// Its place in the order of durable events.
    pub id: Option<EventId>,
    compress_from: Option<usize>,
    published: Instant,
    frames: PerDialect<Frame>,
    tally: Tally,
}

/// Adds up what the shards of the channels report.
#[derive(Debug)]
struct Tally {
    outstanding: AtomicUsize,
    delivered: AtomicUsize,
    done: Mutex<Option<oneshot::Sender<usize>>>,
}

impl Publication {
    /// A publication that `shards` shards will report on, and the count of sockets to wait for.
    pub(super) fn new(
        event: Event,
        id: Option<EventId>,
        compress_from: Option<usize>,
        shards: usize,
    ) -> (Self, oneshot::Receiver<usize>) {
        let (done, delivered) = oneshot::channel();
        let publication = Self {
            event,
            id,
            compress_from,
            published: Instant::now(),
            frames: PerDialect::default(),
            tally: Tally {
                outstanding: AtomicUsize::new(shards),
                delivered: AtomicUsize::new(0),
                done: Mutex::new(Some(done)),
            },
        };
        (publication, delivered)
    }

    /// The frame for sockets of a dialect.
    pub(super) fn frame(&self, dialect: Dialect) -> &Frame {
        self.frames.get_or_init(dialect, || {
            let text = encode(dialect, "/events", self.event.name, self.event.payload.get());
            Frame::broadcast(&text, self.event.class, self.key(), self.compress_from)
        })
    }

    /// Notes that one shard handed it to `delivered` sockets. The last one answers the publisher,
    /// and gets how long the publication took.
    pub(super) fn report(&self, delivered: usize) -> Option<std::time::Duration> {
        self.tally.delivered.fetch_add(delivered, Ordering::Relaxed);
        if self.tally.outstanding.fetch_sub(1, Ordering::AcqRel) != 1 {
            return None;
        }
        if let Some(done) = self.tally.done.lock().take() {
            // Most publishers do not wait for the count.
            let _ = done.send(self.tally.delivered.load(Ordering::Relaxed));
        }
        Some(self.published.elapsed())
    }

    fn key(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.event.name.hash(&mut hasher);
        self.event.topics.hash(&mut hasher);
        hasher.finish()
    }
}

/// An event as one text message. `payload` is JSON.
pub(super) fn encode(dialect: Dialect, namespace: &str, name: &str, payload: &str) -> String {
    match dialect {
        Dialect::SocketIo if namespace == "/" => format!("42[\"{name}\",{payload}]"),
        Dialect::SocketIo => format!("42{namespace},[\"{name}\",{payload}]"),
        Dialect::Plain => format!("{{\"event\":\"{name}\",\"data\":{payload}}}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_dialect_has_its_form() {
        let encoded = |dialect, namespace| encode(dialect, namespace, "pong", "{}");

        assert_eq!(encoded(Dialect::SocketIo, "/events"), r#"42/events,["pong",{}]"#);
        assert_eq!(encoded(Dialect::SocketIo, "/"), r#"42["pong",{}]"#);
        assert_eq!(encoded(Dialect::Plain, "/events"), r#"{"event":"pong","data":{}}"#);
    }
}
