//! The send queue of one connection, whatever carries it.
//!
//! Whoever has something to say offers it here. On a WebSocket with nothing waiting the bytes go
//! to the kernel at once, on the caller's thread: no task is woken, nothing is queued or copied.
//! What the kernel does not take waits in the bounded [`Backlog`] until the connection's own task,
//! its driver, finds the socket writable. Under long polling everything waits for the next `GET`.

use std::io::{self, IoSlice};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_util::task::AtomicWaker;
use latido_protocol::payload;
use parking_lot::Mutex;

use super::backlog::{Backlog, Full};
use super::frame::{Batch, Frame};
use super::wire::Wire;
use crate::domain::closure::Closure;

/// The send queue of one connection.
#[derive(Debug)]
pub struct Outbound {
    state: Mutex<State>,
    /// The driver: the WebSocket's task, or the `GET` that waits.
    driver: AtomicWaker,
    sent: AtomicU64,
    heard: AtomicU32,
    admitted: AtomicBool,
}

#[derive(Debug)]
struct State {
    sink: Sink,
    backlog: Backlog,
    /// While true, offers wait behind the greeting that is being composed.
    held: bool,
    /// What was offered meanwhile. The backlog may hold the rest of a frame, which nothing may
    /// overtake, so the greeting goes between the two.
    behind: Backlog,
    /// Set by tests: the next offer panics.
    fails: bool,
    closing: Option<Closure>,
}

#[derive(Debug)]
enum Sink {
    /// `hurried` while an upgrade is under way: a waiting `GET` is to return at once.
    Polling {
        hurried: bool,
    },
    WebSocket {
        wire: Arc<Wire>,
        deflate: bool,
        blocked: bool,
    },
    Closed,
}

/// What the driver of a WebSocket is woken for.
#[derive(Debug, PartialEq, Eq)]
pub enum Wake {
    Readable,
    Close(Closure),
}

/// What a `GET` answers.
#[derive(Debug, PartialEq, Eq)]
pub enum Collected {
    Payload(String),
    /// The last payload of a connection that closes.
    Last(String),
    /// The connection moved to WebSocket or closed; nothing will ever come this way.
    Over,
}

impl Outbound {
    /// A connection that starts with long polling.
    pub fn polling() -> Arc<Self> {
        Self::new(Sink::Polling { hurried: false })
    }

    /// A connection that starts as a WebSocket. `deflate` when permessage-deflate was negotiated.
    pub fn websocket(wire: Arc<Wire>, deflate: bool) -> Arc<Self> {
        Self::new(Sink::WebSocket { wire, deflate, blocked: false })
    }

    fn new(sink: Sink) -> Arc<Self> {
        let state = State {
            sink,
            backlog: Backlog::default(),
            held: false,
            behind: Backlog::default(),
            fails: false,
            closing: None,
        };
        Arc::new(Self {
            state: Mutex::new(state),
            driver: AtomicWaker::new(),
            sent: AtomicU64::new(0),
            heard: AtomicU32::new(0),
            admitted: AtomicBool::new(false),
        })
    }

    /// Offers one frame. False when the connection is closing.
    pub fn offer(&self, frame: Frame) -> bool {
        self.offer_batch(&Batch::new(vec![frame]))
    }

    /// Offers frames that belong together, in one write where possible.
    pub fn offer_batch(&self, batch: &Batch) -> bool {
        let mut state = self.state.lock();
        if state.closing.is_some() {
            return false;
        }
        if let Sink::WebSocket { wire, deflate, blocked: false } = &state.sink
            && !state.held
            && state.backlog.is_empty()
        {
            let bytes = batch.joined(*deflate);
            match wire.send(bytes) {
                Ok(taken) if taken == bytes.len() && !wire.is_clogged() => {
                    drop(state);
                    self.sent.fetch_add(batch.frames().len() as u64, Ordering::Relaxed);
                    return true;
                }
                Ok(taken) => return self.keep(&mut state, batch, taken),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    return self.keep(&mut state, batch, 0);
                }
                Err(_) => {
                    self.end(&mut state, Closure::TransportError);
                    return false;
                }
            }
        }
        self.keep(&mut state, batch, 0)
    }

    /// Sends a WebSocket control frame; long polling has none.
    pub fn offer_control(&self, frame: Frame) {
        if matches!(self.state.lock().sink, Sink::Polling { .. }) {
            return;
        }
        self.offer(frame);
    }

    /// Holds offers back until [`Self::release`], so that a greeting comes first.
    pub fn hold(&self) {
        self.state.lock().held = true;
    }

    /// Sends `greeting`, then everything that was held back. What is too much for the queue closes
    /// the connection, as it does at any other time.
    pub fn release(&self, greeting: Vec<Frame>) {
        let mut state = self.state.lock();
        state.held = false;
        self.sent.fetch_add(greeting.len() as u64, Ordering::Relaxed);
        let behind = std::mem::take(&mut state.behind);
        for frames in [greeting, behind.into_frames()] {
            let kept = state.backlog.extend(frames).map_err(|Full| Closure::SlowConsumer);
            // What fitted is sent in any case, so who comes back has come further.
            if let Err(closure) = state.flush().and(kept) {
                self.end(&mut state, closure);
                break;
            }
        }
        self.driver.wake();
    }

    /// Moves a polling connection to its WebSocket; what waited goes out there.
    pub fn upgrade(&self, wire: Arc<Wire>, deflate: bool) {
        let mut state = self.state.lock();
        if matches!(state.sink, Sink::Polling { .. }) {
            state.sink = Sink::WebSocket { wire, deflate, blocked: false };
            if let Err(closure) = state.flush() {
                self.end(&mut state, closure);
            }
        }
        self.driver.wake();
    }

    /// While hurried, a `GET` returns at once with what there is, so the client can change transport.
    pub fn hurry(&self, hurried: bool) {
        if let Sink::Polling { hurried: flag } = &mut self.state.lock().sink {
            *flag = hurried;
        }
        self.driver.wake();
    }

    /// Ends the connection after what waits was sent. The first reason stays.
    pub fn close(&self, closure: Closure) {
        let mut state = self.state.lock();
        self.end(&mut state, closure);
    }

    /// Called by the driver when nothing will be sent this way any more. What it answers is the rest
    /// of a frame that is on the wire in part; the driver sends it before anything else.
    pub fn finish(&self) -> Option<Bytes> {
        let mut state = self.state.lock();
        state.sink = Sink::Closed;
        state.behind = Backlog::default();
        state.closing.get_or_insert(Closure::TransportClose);
        self.driver.wake();
        std::mem::take(&mut state.backlog).into_rest()
    }

    /// Waits until nothing waits any more.
    pub fn poll_drained(&self, wire: &Wire, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            let mut state = self.state.lock();
            let Sink::WebSocket { blocked: true, .. } = state.sink else {
                return Poll::Ready(Ok(()));
            };
            ready!(wire.poll_writable(cx))?;
            state.flush().map_err(|_| io::Error::from(io::ErrorKind::BrokenPipe))?;
        }
    }

    pub fn closing(&self) -> Option<Closure> {
        self.state.lock().closing
    }

    /// Waits until there is something to read or the connection is to close; meanwhile sends what
    /// waits whenever the kernel takes it.
    pub fn poll_wake(&self, wire: &Wire, cx: &mut Context<'_>) -> Poll<Wake> {
        self.driver.register(cx.waker());
        loop {
            let mut state = self.state.lock();
            if let Some(closure) = state.closing {
                return Poll::Ready(Wake::Close(closure));
            }
            let Sink::WebSocket { blocked: true, .. } = state.sink else { break };
            let flushed = match wire.poll_writable(cx) {
                Poll::Pending => break,
                Poll::Ready(Ok(())) => state.flush(),
                Poll::Ready(Err(_)) => Err(Closure::TransportError),
            };
            if let Err(closure) = flushed {
                self.end(&mut state, closure);
            }
        }
        Poll::Ready(match ready!(wire.poll_readable(cx)) {
            Ok(()) => Wake::Readable,
            Err(_) => Wake::Close(Closure::TransportError),
        })
    }

    /// Waits until a `GET` has something to answer, at most `limit` bytes of it.
    pub fn poll_collect(&self, limit: usize, cx: &mut Context<'_>) -> Poll<Collected> {
        self.driver.register(cx.waker());
        let mut state = self.state.lock();
        let Sink::Polling { hurried } = state.sink else {
            return Poll::Ready(Collected::Over);
        };
        let mut batch = payload::Batch::with_budget(limit);
        while let Some(frame) = state.backlog.front() {
            let (bytes, is_text) = frame.payload();
            let length =
                if is_text { bytes.len() } else { payload::Batch::binary_len(bytes.len()) };
            if !batch.is_empty() && !batch.fits(length) {
                break;
            }
            if is_text {
                batch.push_text(&String::from_utf8_lossy(bytes));
            } else {
                batch.push_binary(bytes);
            }
            state.backlog.pop();
        }
        // The end comes in a payload of its own: a stock client that reads it forgets what else it read.
        if let Some(closure) =
            state.closing.filter(|_| !state.held && state.backlog.is_empty() && batch.is_empty())
        {
            state.sink = Sink::Closed;
            // Engine.IO `close`; a client that closed by itself only needs its request answered.
            batch.push_text(if closure == Closure::TransportClose { "6" } else { "1" });
            return Poll::Ready(Collected::Last(batch.into_string()));
        }
        if batch.is_empty() {
            if !hurried {
                return Poll::Pending;
            }
            // Engine.IO `noop`: frees the client to change transport.
            batch.push_text("6");
        }
        Poll::Ready(Collected::Payload(batch.into_string()))
    }

    /// Bytes of an answer that was asked for, as far as there is room for them.
    pub fn room(&self) -> usize {
        let state = self.state.lock();
        state.backlog.room().min(state.behind.room())
    }

    /// Frames waiting.
    pub fn waiting(&self) -> usize {
        let state = self.state.lock();
        state.backlog.len() + state.behind.len()
    }

    /// Frames handed on so far.
    pub fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    pub fn is_websocket(&self) -> bool {
        matches!(self.state.lock().sink, Sink::WebSocket { .. })
    }

    /// Notes a sign of life at `tick` of the heartbeat's clock.
    pub fn hear(&self, tick: u32) {
        self.heard.store(tick, Ordering::Relaxed);
    }

    /// The tick of the last sign of life.
    pub fn heard(&self) -> u32 {
        self.heard.load(Ordering::Relaxed)
    }

    /// Notes that someone was let in over this connection, so it may stay open.
    pub fn admit(&self) {
        self.admitted.store(true, Ordering::Relaxed);
    }

    pub fn is_admitted(&self) -> bool {
        self.admitted.load(Ordering::Relaxed)
    }

    /// Makes the next offer panic, so that tests can watch the recovery.
    pub(super) fn fail(&self) {
        let mut state = self.state.lock();
        // What is held takes the slow way, so the usual one has nothing to ask.
        state.held = true;
        state.fails = true;
    }

    fn keep(&self, state: &mut State, batch: &Batch, taken: usize) -> bool {
        if std::mem::take(&mut state.fails) {
            state.held = false;
            panic!("failure injected into a delivery");
        }
        let deflate = match &mut state.sink {
            Sink::Closed => return false,
            Sink::Polling { .. } => false,
            Sink::WebSocket { deflate, blocked, .. } => {
                *blocked |= !state.held;
                *deflate
            }
        };
        let queue = if state.held { &mut state.behind } else { &mut state.backlog };
        let mut skipped = taken;
        for frame in batch.frames() {
            let length = frame.len(deflate);
            if skipped >= length && taken > 0 {
                skipped -= length;
                continue;
            }
            let frame = if skipped > 0 {
                frame.rest(frame.bytes(deflate).slice(std::mem::take(&mut skipped)..))
            } else {
                frame.clone()
            };
            if let Err(Full) = queue.push(frame) {
                self.end(state, Closure::SlowConsumer);
                return false;
            }
        }
        self.sent.fetch_add(batch.frames().len() as u64, Ordering::Relaxed);
        self.driver.wake();
        true
    }

    fn end(&self, state: &mut State, closure: Closure) {
        state.closing.get_or_insert(closure);
        self.driver.wake();
    }
}

impl State {
    /// Sends from the backlog until it is empty or the kernel is full.
    fn flush(&mut self) -> Result<(), Closure> {
        let Sink::WebSocket { wire, deflate, blocked } = &mut self.sink else { return Ok(()) };
        *blocked = false;
        if let Err(error) = wire.unclog() {
            return blocked_or_lost(&error, blocked);
        }
        while !self.backlog.is_empty() {
            let buffers: Vec<IoSlice<'_>> = self
                .backlog
                .iter()
                .take(MAX_BUFFERS)
                .map(|frame| IoSlice::new(frame.bytes(*deflate)))
                .collect();
            match wire.send_all(&buffers) {
                Ok(taken) => self.backlog.advance(taken, *deflate),
                Err(error) => return blocked_or_lost(&error, blocked),
            }
        }
        *blocked = wire.is_clogged();
        Ok(())
    }
}

/// Buffers given to one `writev(2)`.
const MAX_BUFFERS: usize = 64;

fn blocked_or_lost(error: &io::Error, blocked: &mut bool) -> Result<(), Closure> {
    if error.kind() == io::ErrorKind::WouldBlock {
        *blocked = true;
        return Ok(());
    }
    Err(Closure::TransportError)
}

#[cfg(test)]
#[path = "outbound_tests.rs"]
mod tests;
