//! The text of a packet: type, attachment count, namespace, id, data, in that order.
//!
//! Shape only; [`super::Decoder`] decides what a peer may send.

use super::{Kind, Packet};
use crate::DecodeError;

/// The longest namespace read, in bytes. Ours are short; a long one is only there to be stored.
const MAX_NAMESPACE: usize = 256;

const ROOT: &str = "/";

/// A packet's text cut into its parts, nothing copied yet.
pub(super) struct Parts<'a> {
    pub(super) kind: Kind,
    /// Announced attachments; zero on kinds that have none.
    pub(super) attachments: u64,
    pub(super) namespace: &'a str,
    pub(super) id: Option<u64>,
    pub(super) data: Option<&'a str>,
}

impl<'a> Parts<'a> {
    pub(super) fn parse(text: &'a str) -> Result<Self, DecodeError> {
        let kind = match text.as_bytes().first().ok_or(DecodeError::EmptyPacket)? {
            b'0' => Kind::Connect,
            b'1' => Kind::Disconnect,
            b'2' => Kind::Event,
            b'3' => Kind::Ack,
            b'4' => Kind::ConnectError,
            b'5' => Kind::BinaryEvent,
            b'6' => Kind::BinaryAck,
            _ => return Err(DecodeError::UnknownType),
        };
        let mut rest = &text[1..];
        let mut attachments = 0;
        if kind.is_binary() {
            let count = take_number(&mut rest).map_err(|_| DecodeError::AttachmentCount)?;
            attachments = count.ok_or(DecodeError::AttachmentCount)?;
            rest = rest.strip_prefix('-').ok_or(DecodeError::AttachmentCount)?;
        }
        let namespace = take_namespace(&mut rest)?;
        let id = take_number(&mut rest)?;
        let data = (!rest.is_empty()).then_some(rest);
        Ok(Self { kind, attachments, namespace, id, data })
    }
}

/// Leading digits as a number, `None` without any. What does not fit 64 bits is refused.
fn take_number(rest: &mut &str) -> Result<Option<u64>, DecodeError> {
    let end = rest.bytes().position(|b| !b.is_ascii_digit()).unwrap_or(rest.len());
    let (digits, tail) = rest.split_at(end);
    if digits.is_empty() {
        return Ok(None);
    }
    *rest = tail;
    digits.parse().map(Some).map_err(|_| DecodeError::Id)
}

/// A namespace starts with `/` and ends at the comma, or with the packet; without one it is the root.
fn take_namespace<'a>(rest: &mut &'a str) -> Result<&'a str, DecodeError> {
    if !rest.starts_with(ROOT) {
        return Ok(ROOT);
    }
    let (namespace, tail) = rest.split_once(',').unwrap_or((*rest, ""));
    if namespace.len() > MAX_NAMESPACE || namespace.bytes().any(|b| b.is_ascii_control()) {
        return Err(DecodeError::Namespace);
    }
    *rest = tail;
    Ok(namespace)
}

pub(super) fn encode(packet: &Packet, text: &mut String) {
    // Enough for the type, a count, an id and the punctuation between them.
    const OVERHEAD: usize = 32;
    let data = packet.data.as_deref().unwrap_or_default();
    text.reserve(OVERHEAD + packet.namespace.len() + data.len());
    text.push(char::from(b'0' + packet.kind as u8));
    if packet.kind.is_binary() {
        push_number(text, packet.attachments.len() as u64);
        text.push('-');
    }
    if packet.namespace != ROOT {
        text.push_str(&packet.namespace);
        text.push(',');
    }
    if let Some(id) = packet.id {
        push_number(text, id);
    }
    text.push_str(data);
}

fn push_number(text: &mut String, number: u64) {
    use std::fmt::Write as _;
    write!(text, "{number}").expect("writing to a String cannot fail");
}
