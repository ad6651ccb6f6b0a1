//! The Socket.IO protocol, version 5, over Engine.IO: namespaces, events, acks, attachments.
//!
//! What a namespace means is decided by the [`Namespaces`] behind it: the hub in the product.

use std::sync::Arc;

use bytes::Bytes;
use latido_protocol::DecodeError;
use latido_protocol::socket::{Decoder, Event, Kind, Limits, Packet};
use serde_json::{Value, json};

use super::engine::{Application, Greeting, Peer};
use super::random_id;
use crate::actors::frame::{Batch, Frame};
use crate::actors::outbound::Outbound;
use crate::domain::closure::Closure;
use crate::domain::event::Class;
use crate::domain::id::SocketId;

/// The namespaces of a server.
pub trait Namespaces: Send + Sync + 'static {
    type Seat: Seat;

    /// Whether newcomers are let in at all.
    fn is_open(&self) -> bool {
        true
    }

    /// Lets a client into a namespace, or not. Whoever accepts sends `request.accepted` first.
    fn connect(
        &self,
        request: Connect<'_>,
    ) -> impl Future<Output = Result<Self::Seat, ConnectError>> + Send;
}

/// A client's place in one namespace.
pub trait Seat: Send + 'static {
    /// An event of the client, and what it is answered.
    ///
    /// # Errors
    /// Why the connection is to be closed.
    fn event(&mut self, received: Received) -> impl Future<Output = Result<Reply, Closure>> + Send;

    /// The connection moved from polling to a WebSocket.
    fn upgraded(&mut self) {}

    /// The client left the namespace, or the connection is over.
    fn leave(&mut self, closure: Closure);
}

/// A client that asks to be let into a namespace.
pub struct Connect<'a> {
    pub namespace: &'a str,
    /// The `auth` object, as JSON.
    pub auth: Option<&'a str>,
    pub greeting: &'a Greeting,
    pub outbound: &'a Arc<Outbound>,
    /// The id of the new socket.
    pub id: SocketId,
    /// The packet that tells the client it was let in.
    pub accepted: Frame,
}

/// Why a client was not let in: the data of the `CONNECT_ERROR` packet.
#[derive(Debug, Clone, PartialEq)]
pub struct ConnectError {
    pub message: &'static str,
    pub data: Option<Value>,
}

/// One event of a client.
pub struct Received {
    pub event: Event,
    pub attachments: Vec<Bytes>,
    /// Whether the client waits for an ack.
    pub wants_ack: bool,
}

/// What the client is answered, in one write.
#[derive(Debug, Default)]
pub struct Reply {
    /// Sent first.
    pub frames: Vec<Frame>,
    /// The ack's arguments as JSON, without brackets, and the attachments they name.
    pub ack: Option<(String, Vec<Bytes>)>,
}

/// The Socket.IO server on an engine.
pub struct SocketIo<N> {
    namespaces: Arc<N>,
    limits: Limits,
}

/// The Socket.IO side of one connection.
pub struct Client<N: Namespaces> {
    namespaces: Arc<N>,
    greeting: Greeting,
    outbound: Arc<Outbound>,
    decoder: Decoder,
    seats: Vec<(Box<str>, N::Seat)>,
}

impl ConnectError {
    pub const INVALID_NAMESPACE: Self = Self { message: "Invalid namespace", data: None };
}

impl<N: Namespaces> SocketIo<N> {
    /// `max_payload` bounds the attachments of one packet together, as the engine does one message.
    pub fn new(namespaces: N, max_payload: usize) -> Self {
        let max_attachment_bytes = u32::try_from(max_payload).unwrap_or(u32::MAX);
        let limits = Limits { max_attachment_bytes, ..Limits::default() };
        Self { namespaces: Arc::new(namespaces), limits }
    }
}

impl<N: Namespaces> Application for SocketIo<N> {
    type Peer = Client<N>;

    fn is_open(&self) -> bool {
        self.namespaces.is_open()
    }

    fn open(&self, greeting: Greeting, outbound: &Arc<Outbound>) -> Client<N> {
        Client {
            namespaces: Arc::clone(&self.namespaces),
            greeting,
            outbound: Arc::clone(outbound),
            decoder: Decoder::new(self.limits),
            seats: Vec::new(),
        }
    }
}

impl<N: Namespaces> Peer for Client<N> {
    async fn text(&mut self, message: &str) -> Result<(), Closure> {
        match self.decoder.text(message).map_err(refused)? {
            None => Ok(()),
            Some(packet) => self.packet(packet).await,
        }
    }

    async fn binary(&mut self, message: Bytes) -> Result<(), Closure> {
        match self.decoder.binary(message).map_err(refused)? {
            None => Ok(()),
            Some(packet) => self.packet(packet).await,
        }
    }

    fn is_unfinished(&self) -> bool {
        self.decoder.is_assembling()
    }

    fn upgraded(&mut self) {
        for (_, seat) in &mut self.seats {
            seat.upgraded();
        }
    }

    fn closed(&mut self, closure: Closure) {
        for (_, seat) in &mut self.seats {
            seat.leave(closure);
        }
        self.seats.clear();
    }
}

impl<N: Namespaces> Client<N> {
    async fn packet(&mut self, mut packet: Packet) -> Result<(), Closure> {
        if let Some(query) = packet.namespace.find('?') {
            // Old clients send a query there; it names no namespace.
            packet.namespace.truncate(query);
        }
        let seat = self.seats.iter().position(|(name, _)| **name == *packet.namespace);
        match (packet.kind, seat) {
            // Boxed: rare, and it would make every idle connection's task as large.
            (Kind::Connect, None) => Box::pin(self.connect(packet)).await,
            (Kind::Disconnect, Some(seat)) => {
                let (_, mut seat) = self.seats.swap_remove(seat);
                seat.leave(Closure::TransportClose);
                Ok(())
            }
            (Kind::Event | Kind::BinaryEvent, Some(seat)) => self.event(seat, packet).await,
            // The hub asks no client for an ack; a stray one is nobody's.
            (Kind::Ack | Kind::BinaryAck, Some(_)) => Ok(()),
            _ => Err(Closure::Malformed),
        }
    }

    async fn connect(&mut self, packet: Packet) -> Result<(), Closure> {
        let id = SocketId::from(random_id());
        let accepted = Packet::connect(&*packet.namespace, json!({ "sid": id }).to_string());
        let connected = self
            .namespaces
            .connect(Connect {
                namespace: &packet.namespace,
                auth: packet.data.as_deref(),
                greeting: &self.greeting,
                outbound: &self.outbound,
                id,
                accepted: frame(&accepted.encode().0),
            })
            .await;
        match connected {
            Ok(seat) => self.seats.push((packet.namespace.into(), seat)),
            Err(error) => {
                let mut data = json!({ "message": error.message });
                if let Some(details) = error.data {
                    data["data"] = details;
                }
                let refused = Packet::connect_error(packet.namespace, data.to_string());
                self.outbound.offer(frame(&refused.encode().0));
            }
        }
        Ok(())
    }

    async fn event(&mut self, seat: usize, packet: Packet) -> Result<(), Closure> {
        let data = packet.data.as_deref().unwrap_or_default();
        let event = Event::parse(data).map_err(|_| Closure::Malformed)?;
        let wants_ack = packet.id.is_some();
        let (namespace, seat) = &mut self.seats[seat];
        let received = Received { event, attachments: packet.attachments, wants_ack };
        let mut reply = seat.event(received).await?;
        if let (Some(id), Some((args, attachments))) = (packet.id, reply.ack) {
            let ack = Packet::ack(&**namespace, id, &args).with_attachments(attachments);
            let (text, attachments) = ack.encode();
            reply.frames.push(frame(&text));
            reply.frames.extend(attachments.iter().map(|bytes| attachment(bytes)));
        }
        if !reply.frames.is_empty() {
            self.outbound.offer_batch(&Batch::new(reply.frames));
        }
        Ok(())
    }
}

/// A Socket.IO packet as an Engine.IO message.
pub fn frame(packet: &str) -> Frame {
    Frame::text(&format!("4{packet}"), Class::Durable)
}

fn attachment(bytes: &[u8]) -> Frame {
    Frame::binary(bytes, Class::Durable).asked_for()
}

fn refused(error: DecodeError) -> Closure {
    match error {
        DecodeError::AttachmentBytes => Closure::TooLarge,
        _ => Closure::Malformed,
    }
}
