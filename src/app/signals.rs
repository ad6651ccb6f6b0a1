//! What the operating system says: SIGTERM and SIGINT stop the node, SIGHUP reads settings again.

use std::io;

use tokio::signal::unix::{SignalKind, signal};
use tracing::{error, info};

use super::{Running, assembly};
use crate::config::{Config, Sources};

/// Waits for the signal to stop, and obeys the others meanwhile.
pub(super) async fn until_told_to_stop(node: &Running, demo: bool) -> io::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut hangup = signal(SignalKind::hangup())?;
    loop {
        tokio::select! {
            _ = terminate.recv() => return Ok(()),
            _ = interrupt.recv() => return Ok(()),
            _ = hangup.recv() => reload(node, demo),
        }
    }
}

/// Takes over `CORS_ORIGIN`, `LOG_LEVEL` and `RATE_LIMIT_*`; with any problem nothing changes.
fn reload(node: &Running, demo: bool) {
    match Config::load(&Sources::of_process(demo)) {
        Ok(config) => {
            node.live.level.set(config.observability.log_level);
            node.live.limits.configure(assembly::limits(&config));
            node.hub.allow(assembly::allowances(&config));
            node.live.origins.replace(config.server.cors_origin);
            info!("settings read again");
        }
        Err(problems) => {
            for problem in problems {
                error!(%problem, "settings not read again");
            }
        }
    }
}
