//! HTTP load from a few keep-alive connections, each with one request outstanding.

use std::{
    io,
    net::SocketAddr,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
};

use crate::http::Connection;

/// Sends requests while `goes_on` and returns how many were answered with success; any other answer
/// is an error. `request` is told the request's number.
pub(crate) fn load(
    address: SocketAddr,
    connections: usize,
    request: &(impl Fn(usize) -> Vec<u8> + Sync),
    goes_on: &(impl Fn() -> bool + Sync),
) -> io::Result<u64> {
    let next = AtomicUsize::new(0);
    let work = || {
        let mut connection = Connection::open(address)?;
        let mut answered = 0;
        while goes_on() {
            let request = request(next.fetch_add(1, Ordering::Relaxed));
            let (status, body) = connection.exchange(&request)?;
            if !(200..300).contains(&status) {
                return Err(io::Error::other(format!("answered {status}: {body}")));
            }
            answered += 1;
        }
        Ok(answered)
    };
    thread::scope(|scope| {
        let workers: Vec<_> = (0..connections).map(|_| scope.spawn(work)).collect();
        workers.into_iter().try_fold(0, |sum, worker| {
            let answered = worker.join().map_err(|_| io::Error::other("a connection panicked"))?;
            Ok(sum + answered?)
        })
    })
}
