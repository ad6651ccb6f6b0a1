//! Engine.IO v4, Socket.IO v5 and WebSocket framing, without IO.
//!
//! Bytes and text come in, packets and frames go out; sockets, timers and tasks belong to the caller.
//! Read in the order a byte travels: [`handshake`] answers the upgrade, [`websocket`] cuts frames into messages (through [`deflate`] where it was negotiated), [`payload`] does the same for polling bodies, [`engine`] names the packet inside and [`socket`] what the application said.
//! No input makes this crate panic: every decoder returns an error and leaves closing to its caller.
//!
//! Protocol documents: [Engine.IO v4](https://github.com/socketio/engine.io-protocol), [Socket.IO v5](https://github.com/socketio/socket.io-protocol), RFC 6455 and RFC 7692.

pub mod deflate;
pub mod engine;
mod error;
pub mod handshake;
pub mod json;
pub mod payload;
pub mod socket;
pub mod websocket;

pub use error::DecodeError;
