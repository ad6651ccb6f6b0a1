//! Sockets in, [`Outbound`](crate::actors::outbound::Outbound) out.
//!
//! [`engine`] is Engine.IO over long polling and WebSocket with the move between them;
//! [`socket_io`] the Socket.IO protocol on top; [`realtime`] lets callers into the hub's
//! namespaces; [`plain`] is the same hub in plain JSON. [`listener`] accepts the connections.
//! Nothing here knows what an event means.

pub mod client_bundle;
pub mod engine;
pub mod heartbeat;
pub mod listener;
pub mod plain;
mod polling;
pub mod realtime;
pub mod refusal;
pub mod socket_io;
mod upgrade;
pub mod websocket;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// An id nobody guesses, for a connection or a socket: 120 random bits as 20 characters.
fn random_id() -> String {
    URL_SAFE_NO_PAD.encode(rand::random::<[u8; 15]>())
}
