//! From bytes to messages: the state machine of a connection's incoming side.
//!
//! The usual frame, small and whole in the bytes just read, becomes a message with one allocation; only what is cut off is kept.

use bytes::Bytes;

use super::{
    Incoming, Opcode, Violation,
    header::{Expected, Header, MAX_HEADER},
    mask::unmask,
    message::{self, INVALID_UTF8, Message},
};

/// Reads what one client sends. Between messages it owns no heap memory.
#[derive(Debug)]
pub struct Reader {
    max_message: usize,
    partial: Option<Box<Partial>>,
    deflate: bool,
    /// A close frame or a violation ends reading.
    is_closed: bool,
}

/// What is kept of an unfinished header, frame or message.
#[derive(Debug, Default)]
struct Partial {
    header: [u8; MAX_HEADER],
    header_len: usize,
    frame: Option<Frame>,
    message: Option<Message>,
    /// The payload of an unfinished control frame, at most 125 bytes.
    control: Vec<u8>,
}

/// A frame whose payload is still arriving.
#[derive(Debug, Clone, Copy)]
struct Frame {
    opcode: Opcode,
    fin: bool,
    /// Turned to the next byte.
    key: [u8; 4],
    left: usize,
}

impl Reader {
    /// Refuses messages over `max_message` bytes, inflated or not; takes compressed ones if `deflate` was negotiated.
    pub fn new(max_message: usize, deflate: bool) -> Self {
        Self { max_message, partial: None, deflate, is_closed: false }
    }

    /// Whether nothing is unfinished: no header, frame or message is under way.
    pub fn is_idle(&self) -> bool {
        self.partial.is_none()
    }

    /// Takes bytes just read from the client, unmasking them in place, and appends what they complete to `out`.
    ///
    /// An error is final, and messages before it are in `out`. After a close frame everything is ignored.
    pub fn read(&mut self, bytes: &mut [u8], out: &mut Vec<Incoming>) -> Result<(), Violation> {
        let result = self.advance(bytes, out);
        if result.is_err() {
            self.is_closed = true;
        }
        if self.is_closed {
            self.partial = None;
        }
        result
    }

    fn advance(&mut self, mut rest: &mut [u8], out: &mut Vec<Incoming>) -> Result<(), Violation> {
        while !rest.is_empty() && !self.is_closed {
            let frame = self.partial.as_ref().and_then(|partial| partial.frame);
            rest = match frame {
                Some(frame) => self.continue_frame(frame, rest, out)?,
                None => match self.take_header(rest)? {
                    Some((header, size)) => self.begin_frame(header, &mut rest[size..], out)?,
                    None => return Ok(()),
                },
            };
        }
        Ok(())
    }

    /// Reads a header and how much of `rest` it took; keeps an unfinished one.
    fn take_header(&mut self, rest: &[u8]) -> Result<Option<(Header, usize)>, Violation> {
        let message = self.partial.as_ref().and_then(|partial| partial.message.as_ref());
        let expected = Expected {
            in_message: message.is_some(),
            deflate: self.deflate,
            room: self.max_message - message.map_or(0, Message::received),
        };
        let kept = self.partial.as_ref().map_or(0, |partial| partial.header_len);
        if kept == 0
            && let Some(found) = Header::parse(rest, expected)?
        {
            return Ok(Some(found));
        }
        let partial = self.partial.get_or_insert_default();
        let taken = rest.len().min(MAX_HEADER - kept);
        partial.header[kept..kept + taken].copy_from_slice(&rest[..taken]);
        if let Some((header, size)) = Header::parse(&partial.header[..kept + taken], expected)? {
            partial.header_len = 0;
            return Ok(Some((header, size - kept)));
        }
        partial.header_len = kept + taken;
        Ok(None)
    }

    /// Handles a frame from its header on and returns what follows it.
    fn begin_frame<'b>(
        &mut self,
        header: Header,
        rest: &'b mut [u8],
        out: &mut Vec<Incoming>,
    ) -> Result<&'b mut [u8], Violation> {
        let Header { opcode, fin, rsv1, length, key } = header;
        let is_whole = rest.len() >= length;
        if opcode.is_control() {
            if is_whole {
                let (payload, rest) = rest.split_at_mut(length);
                unmask(payload, key);
                out.push(self.control(opcode, payload)?);
                self.settle();
                return Ok(rest);
            }
        } else if fin && is_whole && opcode != Opcode::Continuation {
            let (payload, rest) = rest.split_at_mut(length);
            unmask(payload, key);
            out.push(self.whole(opcode, rsv1, payload)?);
            self.settle();
            return Ok(rest);
        } else {
            let partial = self.partial.get_or_insert_default();
            let message =
                partial.message.get_or_insert_with(|| Message::new(opcode == Opcode::Text, rsv1));
            if !fin || opcode == Opcode::Continuation {
                message.count_fragment(length)?;
            }
        }
        let frame = Frame { opcode, fin, key, left: length };
        self.continue_frame(frame, rest, out)
    }

    /// Takes as much of the frame's payload as there is and returns what follows it.
    fn continue_frame<'b>(
        &mut self,
        mut frame: Frame,
        rest: &'b mut [u8],
        out: &mut Vec<Incoming>,
    ) -> Result<&'b mut [u8], Violation> {
        let (payload, rest) = rest.split_at_mut(frame.left.min(rest.len()));
        frame.key = unmask(payload, frame.key);
        let partial = self.partial.get_or_insert_default();
        if frame.opcode.is_control() {
            partial.control.extend_from_slice(payload);
        } else if let Some(message) = &mut partial.message {
            // A last frame says where the message ends; before it, only the limit does.
            let outstanding =
                if frame.fin { frame.left } else { self.max_message - message.received() };
            message.push(payload, outstanding)?;
        }
        frame.left -= payload.len();
        if frame.left > 0 {
            partial.frame = Some(frame);
            return Ok(rest);
        }
        partial.frame = None;
        if frame.opcode.is_control() {
            let payload = std::mem::take(&mut partial.control);
            out.push(self.control(frame.opcode, &payload)?);
        } else if frame.fin
            && let Some(message) = partial.message.take()
        {
            out.push(message.finish(self.max_message)?);
        }
        self.settle();
        Ok(rest)
    }

    /// A message that is one frame and here already.
    fn whole(&self, opcode: Opcode, rsv1: bool, payload: &[u8]) -> Result<Incoming, Violation> {
        let is_text = opcode == Opcode::Text;
        if rsv1 {
            return message::inflate(is_text, payload, self.max_message);
        }
        if is_text {
            let text = std::str::from_utf8(payload).map_err(|_| INVALID_UTF8)?;
            return Ok(Incoming::Text(text.to_owned()));
        }
        Ok(Incoming::Binary(Bytes::copy_from_slice(payload)))
    }

    fn control(&mut self, opcode: Opcode, payload: &[u8]) -> Result<Incoming, Violation> {
        match opcode {
            Opcode::Ping => Ok(Incoming::Ping(Bytes::copy_from_slice(payload))),
            Opcode::Pong => Ok(Incoming::Pong(Bytes::copy_from_slice(payload))),
            _ => {
                self.is_closed = true;
                message::close(payload)
            }
        }
    }

    /// Gives the heap memory back once nothing is unfinished.
    fn settle(&mut self) {
        if self.partial.as_ref().is_some_and(|partial| partial.message.is_none()) {
            self.partial = None;
        }
    }
}

#[cfg(test)]
mod tests;
