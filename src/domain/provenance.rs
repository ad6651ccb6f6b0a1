//! Where a request or a socket came from, as the audit trail tells it.

use std::net::IpAddr;

/// Address, program and name of one request; of a socket, those of the request that opened it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Provenance {
    pub ip: Option<IpAddr>,
    /// Cut to what is kept of it.
    pub user_agent: Option<Box<str>>,
    pub request_id: Box<str>,
}
