//! The hub with rooms that fail when they are told to, for tests in which a call outlives its room.
//!
//! It serves as `latido serve` does, from the same environment. Each line of standard input is the id of
//! a consultation whose room panics; the end of the input ends the process.

use std::error::Error;
use std::io;
use std::net::SocketAddr;

use latido::actors::hub::Failing;
use latido::app::{self, Running};
use latido::config::{Config, Sources};
use latido::telemetry::logs;
use latido::transport::listener;
use tokio::runtime::Builder;

fn main() -> Result<(), Box<dyn Error>> {
    let runtime = Builder::new_multi_thread().enable_all().build()?;
    let node = runtime.block_on(serve())?;
    for id in io::stdin().lines() {
        let _inside = runtime.enter();
        node.hub.inject_failure(&Failing::Room(id?.as_str().into()));
    }
    runtime.block_on(node.stop());
    Ok(())
}

async fn serve() -> Result<Running, Box<dyn Error>> {
    let config = Config::load(&Sources::of_process(false)).map_err(|problems| {
        problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    })?;
    let address = SocketAddr::new(config.server.bind_addr, config.server.port);
    let how = &config.observability;
    let level = logs::start(how.log_level, how.log_format, &config.cluster.node_id)?;
    Ok(app::start_on(config, vec![listener::bind(address)?], level).await?)
}
