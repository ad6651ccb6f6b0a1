//! Looking at a token: the server's CPU time for `POST /auth/verify-token`, beside that for
//! `GET /health/live`, which goes the same way through HTTP and looks at nothing.

use std::{io, time::Instant};

use super::{Figure, Settings};
use crate::{
    cpu::{Usage, approximate},
    http,
    load::load,
    servers::{Kind, Running, Stand},
};

pub(super) fn measure(stand: &Stand, settings: &Settings) -> io::Result<Figure> {
    let server = stand.start(Kind::Latido)?;
    let tokens = stand.tokens(Kind::Latido);
    let verify = |number: usize| {
        let body = format!(r#"{{"token":"{}"}}"#, tokens[number % tokens.len()]);
        http::json_request("/auth/verify-token", "", &body)
    };
    let (floor, _) = cost(&server, settings, &|_| http::get_request("/health/live", ""))?;
    let (value, per_second) = cost(&server, settings, &verify)?;
    Ok(Figure { floor, value, per_second })
}

/// Microseconds of CPU time for one request, and requests a second.
fn cost(
    server: &Running,
    settings: &Settings,
    request: &(impl Fn(usize) -> Vec<u8> + Sync),
) -> io::Result<(f64, f64)> {
    let before = Usage::of(server.pid())?;
    let started = Instant::now();
    let goes_on = || started.elapsed() < settings.time;
    let done = load(server.address, settings.connections, request, &goes_on)?;
    let elapsed = started.elapsed().as_secs_f64();
    let spent = Usage::of(server.pid())?.since(&before);
    let done = approximate(done.max(1));
    Ok((spent.total.as_secs_f64() * 1e6 / done, done / elapsed))
}
