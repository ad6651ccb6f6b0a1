//! Socket.IO v5 packets: namespaces, events, acknowledgements and binary attachments.
//!
//! A packet is one text, followed by its attachments as binary messages. [`Decoder`] puts them together, [`Event`] names what an event says, [`Packet::encode`] is the way back.
//! Arguments stay raw JSON: whoever handles an event parses them into its own types.

mod decoder;
mod event;
mod text;

use bytes::Bytes;

pub use decoder::{Decoder, Limits};
pub use event::Event;

/// What a packet does (Socket.IO v5, "Packet types" 0 to 6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Kind {
    Connect = 0,
    Disconnect = 1,
    Event = 2,
    Ack = 3,
    ConnectError = 4,
    BinaryEvent = 5,
    BinaryAck = 6,
}

impl Kind {
    /// Whether attachments follow the packet's text.
    pub fn is_binary(self) -> bool {
        matches!(self, Self::BinaryEvent | Self::BinaryAck)
    }
}

/// One whole Socket.IO packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packet {
    pub kind: Kind,
    /// `/` unless the packet names another.
    pub namespace: String,
    /// Asks for an acknowledgement, or is the request an acknowledgement answers.
    pub id: Option<u64>,
    /// The JSON text as it was received, or is to be sent.
    pub data: Option<String>,
    /// Present on binary kinds only, in the order their placeholders count.
    pub attachments: Vec<Bytes>,
}

impl Packet {
    /// An event. `args` is the JSON of its arguments without the enclosing brackets, or empty.
    pub fn event(namespace: impl Into<String>, name: &str, args: &str) -> Self {
        let name = serde_json::to_string(name).expect("a string always serializes");
        let comma = if args.is_empty() { "" } else { "," };
        Self::new(Kind::Event, namespace, None, Some(format!("[{name}{comma}{args}]")))
    }

    /// The answer to the event that asked with `id`; `args` as in [`event`](Self::event).
    pub fn ack(namespace: impl Into<String>, id: u64, args: &str) -> Self {
        Self::new(Kind::Ack, namespace, Some(id), Some(format!("[{args}]")))
    }

    /// Admission to a namespace. `data` is a JSON object, `{"sid":…}` from a server.
    pub fn connect(namespace: impl Into<String>, data: impl Into<String>) -> Self {
        Self::new(Kind::Connect, namespace, None, Some(data.into()))
    }

    /// Refusal of a namespace. `data` is a JSON object with a `message`.
    pub fn connect_error(namespace: impl Into<String>, data: impl Into<String>) -> Self {
        Self::new(Kind::ConnectError, namespace, None, Some(data.into()))
    }

    pub fn disconnect(namespace: impl Into<String>) -> Self {
        Self::new(Kind::Disconnect, namespace, None, None)
    }

    /// Asks for an acknowledgement under `id`.
    #[must_use]
    pub fn with_id(mut self, id: u64) -> Self {
        self.id = Some(id);
        self
    }

    /// Attaches bytes to an event or acknowledgement whose data holds `{"_placeholder":true,"num":n}` for each of them. Without bytes the packet stays what it is.
    #[must_use]
    pub fn with_attachments(mut self, attachments: Vec<Bytes>) -> Self {
        if attachments.is_empty() {
            return self;
        }
        self.kind = match self.kind {
            Kind::Event => Kind::BinaryEvent,
            Kind::Ack => Kind::BinaryAck,
            kind => kind,
        };
        self.attachments = attachments;
        self
    }

    /// The packet's text, and the attachments to send after it as binary messages, in this order.
    pub fn encode(&self) -> (String, &[Bytes]) {
        let mut text = String::new();
        let attachments = self.encode_into(&mut text);
        (text, attachments)
    }

    /// [`encode`](Self::encode) after what `text` already holds, such as the `4` of an Engine.IO message.
    pub fn encode_into(&self, text: &mut String) -> &[Bytes] {
        text::encode(self, text);
        if self.kind.is_binary() { &self.attachments } else { &[] }
    }

    fn new(
        kind: Kind,
        namespace: impl Into<String>,
        id: Option<u64>,
        data: Option<String>,
    ) -> Self {
        Self { kind, namespace: namespace.into(), id, data, attachments: Vec::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_read_as_the_protocol_document_writes_them() {
        let bytes = Bytes::from_static(&[1, 2, 3]);
        let blob = r#"{"_placeholder":true,"num":0}"#;
        for (packet, text) in [
            (Packet::connect("/", r#"{"sid":"x"}"#), r#"0{"sid":"x"}"#),
            (Packet::connect("/admin", r#"{"sid":"x"}"#), r#"0/admin,{"sid":"x"}"#),
            (Packet::connect_error("/", r#"{"message":"no"}"#), r#"4{"message":"no"}"#),
            (Packet::disconnect("/admin"), "1/admin,"),
            (Packet::event("/", "hello", "1"), r#"2["hello",1]"#),
            (Packet::event("/", "a\"b", "").with_id(12), r#"212["a\"b"]"#),
            (Packet::ack("/admin", 13, r#""hi""#), r#"3/admin,13["hi"]"#),
            (
                Packet::event("/", "baz", blob).with_attachments(vec![bytes.clone()]),
                r#"51-["baz",{"_placeholder":true,"num":0}]"#,
            ),
            (
                Packet::ack("/admin", 456, blob).with_attachments(vec![bytes]),
                r#"61-/admin,456[{"_placeholder":true,"num":0}]"#,
            ),
        ] {
            assert_eq!(packet.encode().0, text);
            let mut message = "4".to_owned();
            packet.encode_into(&mut message);
            assert_eq!(message[1..], *text);
            assert_eq!(packet.encode().1.len(), usize::from(packet.kind.is_binary()));
        }
    }
}
