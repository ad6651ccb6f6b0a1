//! Requests this node makes of other services: one client, so one TLS stack and one set of rules.
//!
//! Certificates are checked against Mozilla's roots. Redirects are not followed and proxies of the
//! environment not used: an answer comes from the address that was configured, or not at all.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use reqwest::redirect::Policy;
use rustls::{ClientConfig, RootCertStore};

use crate::error::{Error, Kind, Result};

pub use reqwest::{Client, Response};

/// How long a connection may take to open.
const CONNECT: Duration = Duration::from_secs(5);

/// A client whose requests take at most `patience`, the whole answer included.
///
/// # Errors
/// A TLS stack that cannot be set up.
pub fn client(patience: Duration) -> Result<Client> {
    Client::builder()
        .tls_backend_preconfigured(tls()?)
        .user_agent(concat!("latido/", env!("CARGO_PKG_VERSION")))
        .redirect(Policy::none())
        .no_proxy()
        .connect_timeout(CONNECT.min(patience))
        .timeout(patience)
        .build()
        .map_err(Error::internal)
}

/// Why there is no answer to work with. The cause is for the log; it names no address.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    #[error("not reached: {0}")]
    Unreached(#[source] reqwest::Error),
    #[error("no answer in time")]
    TimedOut,
    #[error("bad answer: {0}")]
    Bad(String),
}

impl Failure {
    /// What a caller is told of a service that goes by this name.
    pub fn of(&self, service: &'static str) -> Kind {
        match self {
            Self::TimedOut => Kind::UpstreamTimeout(service),
            Self::Unreached(_) | Self::Bad(_) => Kind::UpstreamFailed(service),
        }
    }
}

impl From<reqwest::Error> for Failure {
    fn from(error: reqwest::Error) -> Self {
        if error.is_timeout() {
            Self::TimedOut
        } else if error.is_connect() {
            Self::Unreached(error.without_url())
        } else {
            Self::Bad(error.without_url().to_string())
        }
    }
}

/// The whole body of an answer, of at most `limit` bytes.
pub async fn body(mut answer: Response, limit: usize) -> Result<Bytes, Failure> {
    let mut body = BytesMut::new();
    while let Some(chunk) = answer.chunk().await? {
        if body.len() + chunk.len() > limit {
            return Err(Failure::Bad(format!("more than {limit} bytes")));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.freeze())
}

fn tls() -> Result<ClientConfig> {
    let roots: RootCertStore = webpki_roots::TLS_SERVER_ROOTS.iter().cloned().collect();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    Ok(ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(Error::internal)?
        .with_root_certificates(roots)
        .with_no_client_auth())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_can_be_made_without_a_provider_of_the_process() {
        assert!(client(Duration::from_secs(1)).is_ok());
    }
}
