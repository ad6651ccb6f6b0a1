//! Starts nodes and databases, and speaks to them as clients do.

pub(crate) mod accounts;
pub(crate) mod care;
pub(crate) mod collector;
pub(crate) mod cuttable;
pub(crate) mod database;
pub(crate) mod device;
pub(crate) mod directory;
pub(crate) mod edge;
pub(crate) mod files;
pub(crate) mod http;
pub(crate) mod keys;
pub(crate) mod livekit;
pub(crate) mod node;
pub(crate) mod openid;
pub(crate) mod participant;
pub(crate) mod plain;
pub(crate) mod polling;
pub(crate) mod process;
pub(crate) mod raw;
pub(crate) mod rights;
pub(crate) mod rooms;
pub(crate) mod scrape;
pub(crate) mod smtp;
pub(crate) mod socket_io;
pub(crate) mod tls;
pub(crate) mod upstream;
pub(crate) mod websocket;

use std::time::Duration;

pub(crate) use node::{Latido, start, start_with};
pub(crate) use socket_io::{EVENTS, SocketIo};
use tokio::io::{AsyncRead, AsyncWrite};

/// A connection of any kind.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> Stream for S {}

/// Longer than anything here takes; a test that waits longer waits in vain.
const PATIENCE: Duration = Duration::from_secs(20);

/// Waits for what must come.
pub(crate) async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    let Ok(done) = tokio::time::timeout(PATIENCE, future).await else {
        panic!("waited in vain: {what}")
    };
    done
}
