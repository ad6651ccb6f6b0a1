//! The move of a polling connection to a WebSocket, while packets flow.
//!
//! The client probes the new transport, is let go of its waiting `GET`, and says `upgrade` when no
//! polling request is left. Only then does the outbound queue change over, so what was queued
//! follows in order and nothing is sent twice (Engine.IO protocol, "upgrade").

use std::sync::Arc;
use std::time::Duration;

use latido_protocol::websocket::{self, Incoming};
use tokio::time::timeout;

use super::engine::{Peer, Session};
use super::websocket::Accepted;

/// How long the client may take from the probe to the upgrade.
const DEADLINE: Duration = Duration::from_secs(10);

/// Runs a WebSocket that names a polling connection: probe, change over, drive.
pub(super) async fn run<P: Peer>(session: Arc<Session<P>>, mut accepted: Accepted) {
    let is_polling = !session.outbound.is_websocket() && session.outbound.closing().is_none();
    if is_polling && let Ok(Some(())) = timeout(DEADLINE, probe(&session, &mut accepted)).await {
        session.outbound.upgrade(Arc::clone(&accepted.wire), accepted.deflate);
        session.upgraded().await;
        session.drive(accepted).await;
        return;
    }
    // The client changed its mind, or names a connection that has its WebSocket; that one goes on.
    session.outbound.hurry(false);
    accepted.wire.shutdown();
}

/// Answers the probe and waits for the upgrade packet. None when the client does something else.
async fn probe<P: Peer>(session: &Session<P>, accepted: &mut Accepted) -> Option<()> {
    loop {
        let mut messages = accepted.receive().await?.into_iter();
        while let Some(message) = messages.next() {
            match message {
                Incoming::Text(text) if text == "2probe" => {
                    accepted.wire.send(&websocket::frame_text("3probe")).ok()?;
                    session.outbound.hurry(true);
                }
                Incoming::Text(text) if text == "5" => {
                    accepted.put_back(messages.collect());
                    return Some(());
                }
                Incoming::Ping(_) | Incoming::Pong(_) => {}
                _ => return None,
            }
        }
    }
}
