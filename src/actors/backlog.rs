//! What a socket has not taken yet: bounded, and dropping by class.
//!
//! When it is full, volatile frames go first, then latest ones, the oldest first. A durable frame
//! is never dropped: a consumer too slow for it is closed, and resumes (contract §6.10).

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use metrics::counter;

use super::frame::Frame;
use crate::domain::event::Class;
use crate::telemetry::names;

/// Frames one socket may have waiting.
pub(super) const MAX_FRAMES: usize = 1024;
/// Bytes one socket may have waiting.
pub(super) const MAX_BYTES: usize = 4 * 1024 * 1024;
/// Bytes of answers it asked for that one socket may have waiting besides.
pub(super) const MAX_ASKED_FOR: usize = 16 * 1024 * 1024;

/// Frames waiting for one socket, oldest first.
#[derive(Debug, Default)]
pub(super) struct Backlog {
    frames: VecDeque<Frame>,
    bytes: usize,
    /// Of frames that were asked for; they are not among `bytes`.
    asked_for: usize,
}

/// Nothing droppable is left to make room for a durable frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Full;

impl Backlog {
    pub(super) fn is_empty(&self) -> bool {
        self.frames.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.frames.len()
    }

    pub(super) fn front(&self) -> Option<&Frame> {
        self.frames.front()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Frame> {
        self.frames.iter()
    }

    /// Keeps a frame for later, making room for it where its class allows.
    pub(super) fn push(&mut self, frame: Frame) -> Result<(), Full> {
        if frame.class == Class::Latest
            && let Some(older) =
                self.frames.iter_mut().find(|it| it.class == Class::Latest && it.key == frame.key)
        {
            self.bytes = self.bytes - older.len(false) + frame.len(false);
            *older = frame;
            return Ok(());
        }
        while self.is_full_for(&frame) {
            if self.drop_oldest(Class::Volatile) {
                continue;
            }
            match frame.class {
                Class::Volatile => {
                    count_drop(Class::Volatile);
                    return Ok(());
                }
                Class::Latest | Class::Durable if self.drop_oldest(Class::Latest) => {}
                Class::Latest => {
                    count_drop(Class::Latest);
                    return Ok(());
                }
                Class::Durable => return Err(Full),
            }
        }
        self.weigh(&frame);
        self.frames.push_back(frame);
        Ok(())
    }

    /// Keeps frames for later, one after the other, as far as there is room.
    pub(super) fn extend(&mut self, frames: impl IntoIterator<Item = Frame>) -> Result<(), Full> {
        frames.into_iter().try_for_each(|frame| self.push(frame))
    }

    pub(super) fn into_frames(self) -> Vec<Frame> {
        self.frames.into()
    }

    /// What is left of a frame whose beginning was sent, if there is one.
    pub(super) fn into_rest(mut self) -> Option<Bytes> {
        self.frames.pop_front().filter(|first| first.is_rest).map(|rest| rest.bytes(false).clone())
    }

    pub(super) fn pop(&mut self) -> Option<Frame> {
        let frame = self.frames.pop_front()?;
        self.forget(&frame);
        if self.frames.is_empty() {
            // An idle socket keeps no queue.
            self.frames = VecDeque::new();
        }
        Some(frame)
    }

    /// Forgets the first `sent` bytes on the wire. The frame they end in stays with its rest.
    pub(super) fn advance(&mut self, mut sent: usize, deflate: bool) {
        while let Some(frame) = self.frames.front() {
            let length = frame.len(deflate);
            if sent < length {
                if sent > 0 {
                    let rest = frame.rest(frame.bytes(deflate).slice(sent..));
                    self.pop();
                    self.weigh(&rest);
                    self.frames.push_front(rest);
                }
                return;
            }
            sent -= length;
            self.pop();
        }
    }

    /// Bytes of answers it asked for that there is room for.
    pub(super) fn room(&self) -> usize {
        MAX_ASKED_FOR.saturating_sub(self.asked_for)
    }

    fn weigh(&mut self, frame: &Frame) {
        *self.weight(frame) += frame.len(false);
    }

    fn forget(&mut self, frame: &Frame) {
        let weight = self.weight(frame);
        *weight = weight.saturating_sub(frame.len(false));
    }

    fn weight(&mut self, frame: &Frame) -> &mut usize {
        if frame.is_asked_for { &mut self.asked_for } else { &mut self.bytes }
    }

    /// A single frame larger than the bound passes when nothing else waits.
    fn is_full_for(&self, frame: &Frame) -> bool {
        if self.frames.len() >= MAX_FRAMES {
            return true;
        }
        if frame.is_asked_for {
            return frame.len(false) > self.room();
        }
        self.bytes > 0 && self.bytes + frame.len(false) > MAX_BYTES
    }

    fn drop_oldest(&mut self, class: Class) -> bool {
        let Some(index) = self.frames.iter().position(|frame| frame.class == class) else {
            return false;
        };
        if let Some(frame) = self.frames.remove(index) {
            self.forget(&frame);
        }
        count_drop(class);
        true
    }
}

/// Frames dropped since the process started.
pub(super) fn dropped() -> u64 {
    DROPPED.load(Ordering::Relaxed)
}

static DROPPED: AtomicU64 = AtomicU64::new(0);

fn count_drop(class: Class) {
    DROPPED.fetch_add(1, Ordering::Relaxed);
    let reason = match class {
        Class::Durable => "durable",
        Class::Latest => "latest",
        Class::Volatile => "volatile",
    };
    counter!(names::WS_DROPPED, "reason" => reason).increment(1);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(text: &str, class: Class, key: u64) -> Frame {
        Frame::broadcast(text, class, key, None)
    }

    fn texts(backlog: &Backlog) -> Vec<String> {
        backlog
            .iter()
            .map(|frame| String::from_utf8_lossy(frame.payload().0).into_owned())
            .collect()
    }

    #[test]
    fn a_newer_latest_frame_takes_the_place_of_the_older_one_of_its_key() {
        let mut backlog = Backlog::default();
        for (text, key) in [("a1", 1), ("b1", 2), ("a2", 1)] {
            backlog.push(frame(text, Class::Latest, key)).unwrap();
        }

        assert_eq!(texts(&backlog), ["a2", "b1"]);
    }

    #[test]
    fn what_was_asked_for_has_room_of_its_own() {
        let mut backlog = Backlog::default();
        let file = Frame::binary(&vec![7; MAX_ASKED_FOR - 10], Class::Durable).asked_for();
        backlog.push(frame("before", Class::Durable, 0)).unwrap();
        backlog.push(file.clone()).unwrap();

        assert!(backlog.room() <= 10);
        assert_eq!(backlog.push(file), Err(Full));
        backlog.push(frame(&"x".repeat(MAX_BYTES / 2), Class::Durable, 0)).unwrap();
        backlog.advance(1000, false);
        assert!((900..1100).contains(&backlog.room()), "{}", backlog.room());
        while backlog.pop().is_some() {}
        assert_eq!((backlog.room(), backlog.bytes), (MAX_ASKED_FOR, 0));
    }

    #[test]
    fn a_full_backlog_drops_volatile_then_latest_and_refuses_to_drop_durable() {
        let mut backlog = Backlog::default();
        backlog.push(frame("volatile", Class::Volatile, 0)).unwrap();
        backlog.push(frame("latest", Class::Latest, 1)).unwrap();
        for _ in 2..MAX_FRAMES {
            backlog.push(frame("durable", Class::Durable, 0)).unwrap();
        }

        backlog.push(frame("d", Class::Durable, 0)).unwrap();
        assert!(!texts(&backlog).contains(&"volatile".to_owned()));
        backlog.push(frame("d", Class::Durable, 0)).unwrap();
        assert!(!texts(&backlog).contains(&"latest".to_owned()));

        assert_eq!(backlog.push(frame("d", Class::Durable, 0)), Err(Full));
        assert_eq!(backlog.push(frame("v", Class::Volatile, 0)), Ok(()));
        assert_eq!(backlog.len(), MAX_FRAMES);
    }

    #[test]
    fn bytes_are_bounded_too() {
        let mut backlog = Backlog::default();
        let half = "x".repeat(MAX_BYTES / 2 - 100);
        backlog.push(frame(&half, Class::Durable, 0)).unwrap();
        backlog.push(frame(&half, Class::Durable, 0)).unwrap();

        assert_eq!(backlog.push(frame(&half, Class::Durable, 0)), Err(Full));
    }

    #[test]
    fn a_partly_sent_frame_keeps_its_rest_and_its_place() {
        let mut backlog = Backlog::default();
        backlog.push(frame("first", Class::Volatile, 0)).unwrap();
        backlog.push(frame("second", Class::Volatile, 0)).unwrap();

        backlog.advance(3, false);

        let rest: Vec<&[u8]> = backlog.iter().map(|it| it.bytes(false).as_ref()).collect();
        assert_eq!(rest[0], b"irst");
        assert_eq!(backlog.iter().next().unwrap().class, Class::Durable);
        backlog.advance(4 + 8, false);
        assert!(backlog.is_empty());
    }
}
