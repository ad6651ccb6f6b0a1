//! Engine.IO v4 packets, the open packet and the errors of a refused request.
//!
//! A packet here is one unit of the protocol document's "Packet encoding"; how packets share a polling body is [`crate::payload`], what a message means is [`crate::socket`].

use std::{fmt, time::Duration};

use bytes::Bytes;
use serde::Serialize;

use crate::DecodeError;

/// What a message packet carries: the only packet with an application inside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    Text(String),
    Binary(Bytes),
}

/// One Engine.IO packet (protocol document, "Packet types" 0 to 6).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Packet {
    /// The handshake as JSON; from the server, once per socket. [`Open`] builds it.
    Open(String),
    Close,
    /// A heartbeat from the server (empty), or `probe` from a client testing an upgrade.
    Ping(String),
    /// The answer to a ping, with the ping's text.
    Pong(String),
    Message(Message),
    /// The client has finished its probe and moves to the probed transport.
    Upgrade,
    /// Releases a waiting poll while the transport changes.
    Noop,
}

impl Packet {
    /// Reads a text packet: its type digit and what follows. A binary message never comes this way.
    pub fn decode(text: &str) -> Result<Self, DecodeError> {
        let kind = *text.as_bytes().first().ok_or(DecodeError::EmptyPacket)?;
        if !kind.is_ascii_digit() {
            return Err(DecodeError::UnknownType);
        }
        let rest = &text[1..];
        let bare =
            |packet| if rest.is_empty() { Ok(packet) } else { Err(DecodeError::TrailingData) };
        match kind {
            b'0' => Ok(Self::Open(rest.to_owned())),
            b'1' => bare(Self::Close),
            b'2' => Ok(Self::Ping(rest.to_owned())),
            b'3' => Ok(Self::Pong(rest.to_owned())),
            b'4' => Ok(Self::Message(Message::Text(rest.to_owned()))),
            b'5' => bare(Self::Upgrade),
            b'6' => bare(Self::Noop),
            _ => Err(DecodeError::UnknownType),
        }
    }

    /// The text inside a text message, or `None` for any other packet: the usual packet, read without a copy.
    pub fn message_text(text: &str) -> Option<&str> {
        text.strip_prefix('4')
    }

    /// The packet as text, or `None` for a binary message: that travels as a binary frame, or as `b` and base64 in a polling body.
    pub fn encode(&self) -> Option<String> {
        let (kind, rest) = match self {
            Self::Open(json) => ('0', json.as_str()),
            Self::Close => ('1', ""),
            Self::Ping(text) => ('2', text.as_str()),
            Self::Pong(text) => ('3', text.as_str()),
            Self::Message(Message::Text(text)) => ('4', text.as_str()),
            Self::Message(Message::Binary(_)) => return None,
            Self::Upgrade => ('5', ""),
            Self::Noop => ('6', ""),
        };
        let mut text = String::with_capacity(1 + rest.len());
        text.push(kind);
        text.push_str(rest);
        Some(text)
    }
}

/// The server's side of the handshake (protocol document, "Handshake").
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Open<'a> {
    pub sid: &'a str,
    /// The transports this socket may still move to.
    pub upgrades: &'a [&'a str],
    pub ping_interval: Duration,
    pub ping_timeout: Duration,
    /// Bytes a client may put into one polling body.
    pub max_payload: usize,
}

impl Open<'_> {
    /// The open packet, with durations in whole milliseconds.
    pub fn to_packet(&self) -> Packet {
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct Wire<'a> {
            sid: &'a str,
            upgrades: &'a [&'a str],
            ping_interval: u64,
            ping_timeout: u64,
            max_payload: usize,
        }
        let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        let wire = Wire {
            sid: self.sid,
            upgrades: self.upgrades,
            ping_interval: millis(self.ping_interval),
            ping_timeout: millis(self.ping_timeout),
            max_payload: self.max_payload,
        };
        Packet::Open(serde_json::to_string(&wire).expect("strings and numbers always serialize"))
    }
}

/// Why an Engine.IO request was refused, with the code and sentence clients of the reference server know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum RequestError {
    UnknownTransport = 0,
    UnknownSid = 1,
    BadHandshakeMethod = 2,
    BadRequest = 3,
    Forbidden = 4,
    UnsupportedVersion = 5,
}

impl RequestError {
    pub fn code(self) -> u8 {
        self as u8
    }

    pub fn message(self) -> &'static str {
        match self {
            Self::UnknownTransport => "Transport unknown",
            Self::UnknownSid => "Session ID unknown",
            Self::BadHandshakeMethod => "Bad handshake method",
            Self::BadRequest => "Bad request",
            Self::Forbidden => "Forbidden",
            Self::UnsupportedVersion => "Unsupported protocol version",
        }
    }

    /// The JSON body of the answer.
    pub fn body(self) -> String {
        format!(r#"{{"code":{},"message":"{}"}}"#, self.code(), self.message())
    }
}

impl fmt::Display for RequestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.message())
    }
}

impl std::error::Error for RequestError {}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn text_packets() -> impl Strategy<Value = Packet> {
        prop_oneof![
            any::<String>().prop_map(Packet::Open),
            Just(Packet::Close),
            any::<String>().prop_map(Packet::Ping),
            any::<String>().prop_map(Packet::Pong),
            any::<String>().prop_map(|text| Packet::Message(Message::Text(text))),
            Just(Packet::Upgrade),
            Just(Packet::Noop),
        ]
    }

    proptest! {
        #[test]
        fn a_packet_survives_the_wire(packet in text_packets()) {
            let text = packet.encode().unwrap();
            let message = match &packet {
                Packet::Message(Message::Text(text)) => Some(text.as_str()),
                _ => None,
            };
            prop_assert_eq!(Packet::message_text(&text), message);
            prop_assert_eq!(Packet::decode(&text), Ok(packet));
        }

        #[test]
        fn any_text_is_answered(text in any::<String>()) {
            if let Ok(packet) = Packet::decode(&text) {
                prop_assert_eq!(packet.encode(), Some(text));
            }
        }
    }

    #[test]
    fn a_binary_message_has_no_text_form() {
        assert_eq!(Packet::Message(Message::Binary(Bytes::from_static(b"x"))).encode(), None);
    }

    #[test]
    fn malformed_packets_are_refused() {
        assert_eq!(Packet::decode(""), Err(DecodeError::EmptyPacket));
        assert_eq!(Packet::decode("7"), Err(DecodeError::UnknownType));
        assert_eq!(Packet::decode("éa"), Err(DecodeError::UnknownType));
        assert_eq!(Packet::decode("1now"), Err(DecodeError::TrailingData));
        assert_eq!(Packet::decode("5probe"), Err(DecodeError::TrailingData));
    }

    #[test]
    fn the_open_packet_names_the_limits() {
        let open = Open {
            sid: "a\"b",
            upgrades: &["websocket"],
            ping_interval: Duration::from_secs(25),
            ping_timeout: Duration::from_secs(20),
            max_payload: 1_000_000,
        };
        assert_eq!(
            open.to_packet().encode().unwrap(),
            r#"0{"sid":"a\"b","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}"#
        );
    }

    #[test]
    fn a_refusal_reads_as_the_reference_server_says_it() {
        assert_eq!(RequestError::UnknownSid.body(), r#"{"code":1,"message":"Session ID unknown"}"#);
        assert_eq!(RequestError::UnsupportedVersion.code(), 5);
    }
}
