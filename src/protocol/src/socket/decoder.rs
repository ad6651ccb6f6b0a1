//! From messages to packets: checks each text, and holds it back until its attachments are there.
//!
//! How long attachments may take is the caller's clock to watch, by [`Decoder::is_assembling`].

use bytes::Bytes;

use super::{Kind, Packet, event, text::Parts};
use crate::{DecodeError, json};

/// What one packet may bring along.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    pub max_attachments: u16,
    /// All attachments of one packet together.
    pub max_attachment_bytes: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self { max_attachments: 10, max_attachment_bytes: 1_000_000 }
    }
}

/// Reads the packets of one Engine.IO socket, all namespaces together.
///
/// Between packets it owns no heap memory, so an idle socket pays sixteen bytes for it. After an error it is idle again, though a socket that caused one should be closed.
#[derive(Debug)]
pub struct Decoder {
    // The limits' fields one by one, so that they pack into eight bytes with the flag.
    max_attachment_bytes: u32,
    max_attachments: u16,
    from_server: bool,
    partial: Option<Box<Partial>>,
}

/// A packet that waits for attachments.
#[derive(Debug)]
struct Partial {
    packet: Packet,
    missing: usize,
    bytes_left: usize,
}

impl Decoder {
    /// Reads what a client sends.
    pub fn new(limits: Limits) -> Self {
        Self::reading(limits, false)
    }

    /// Reads what a server sends: refusals are allowed, and an admission says its `sid`.
    pub fn of_server_packets(limits: Limits) -> Self {
        Self::reading(limits, true)
    }

    fn reading(limits: Limits, from_server: bool) -> Self {
        let Limits { max_attachments, max_attachment_bytes } = limits;
        Self { max_attachment_bytes, max_attachments, from_server, partial: None }
    }

    /// Whether a packet waits for attachments.
    pub fn is_assembling(&self) -> bool {
        self.partial.is_some()
    }

    /// Takes a text message: a whole packet, or `None` when its attachments are still to come.
    pub fn text(&mut self, text: &str) -> Result<Option<Packet>, DecodeError> {
        if self.partial.take().is_some() {
            return Err(DecodeError::TextWhileAssembling);
        }
        let parts = Parts::parse(text)?;
        // Counted before anything is allocated or parsed on its behalf.
        let missing = match usize::try_from(parts.attachments) {
            Ok(count) if count <= usize::from(self.max_attachments) => count,
            _ => return Err(DecodeError::TooManyAttachments),
        };
        self.check(&parts, missing)?;
        let packet = Packet {
            kind: parts.kind,
            namespace: parts.namespace.to_owned(),
            id: parts.id,
            data: parts.data.map(str::to_owned),
            attachments: Vec::with_capacity(missing),
        };
        if missing == 0 {
            return Ok(Some(packet));
        }
        let bytes_left = usize::try_from(self.max_attachment_bytes).unwrap_or(usize::MAX);
        self.partial = Some(Box::new(Partial { packet, missing, bytes_left }));
        Ok(None)
    }

    /// Takes a binary message: the next attachment of the packet under assembly.
    pub fn binary(&mut self, attachment: Bytes) -> Result<Option<Packet>, DecodeError> {
        let mut partial = self.partial.take().ok_or(DecodeError::UnexpectedAttachment)?;
        let left = partial.bytes_left.checked_sub(attachment.len());
        partial.bytes_left = left.ok_or(DecodeError::AttachmentBytes)?;
        partial.packet.attachments.push(attachment);
        partial.missing -= 1;
        if partial.missing == 0 {
            return Ok(Some(partial.packet));
        }
        self.partial = Some(partial);
        Ok(None)
    }

    /// What each kind must and must not carry (Socket.IO v5, "Packet encoding").
    fn check(&self, parts: &Parts<'_>, attachments: usize) -> Result<(), DecodeError> {
        match parts.kind {
            Kind::ConnectError if !self.from_server => return Err(DecodeError::WrongDirection),
            Kind::Connect | Kind::ConnectError | Kind::Disconnect if parts.id.is_some() => {
                return Err(DecodeError::UnexpectedId);
            }
            Kind::Ack | Kind::BinaryAck if parts.id.is_none() => {
                return Err(DecodeError::MissingId);
            }
            _ => {}
        }
        let data = match (parts.kind, parts.data) {
            (Kind::Disconnect, None) => return Ok(()),
            (Kind::Disconnect, Some(_)) => return Err(DecodeError::TrailingData),
            (Kind::Connect, None) if !self.from_server => return Ok(()),
            (_, None) => return Err(DecodeError::MissingData),
            (_, Some(data)) => data,
        };
        match parts.kind {
            Kind::Event | Kind::BinaryEvent => event::expect_name(data)?,
            Kind::Ack | Kind::BinaryAck if !data.starts_with('[') => {
                return Err(DecodeError::NotAnArray);
            }
            Kind::Connect | Kind::ConnectError if !data.starts_with('{') => {
                return Err(DecodeError::NotAnObject);
            }
            _ => {}
        }
        if parts.kind.is_binary() {
            json::check_placeholders(data, attachments)
        } else {
            json::check(data)
        }
    }
}

#[cfg(test)]
mod tests;
