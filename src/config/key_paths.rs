//! Where the key files are, also when the rest of the configuration cannot be used.

use std::path::PathBuf;

use super::reader::Reader;
use super::values::Environment;
use super::{Config, ENVIRONMENT, SECTIONS, Sources};

/// The files that hold keys and certificates.
#[derive(Debug, Clone, Default)]
pub struct KeyPaths {
    pub certificate: Option<PathBuf>,
    pub certificate_key: Option<PathBuf>,
    pub signing: Option<PathBuf>,
    pub previous: Option<PathBuf>,
}

impl KeyPaths {
    /// What the sources say of them alone.
    pub fn of(sources: &Sources) -> Self {
        let keys = SECTIONS.iter().flat_map(|(_, keys)| *keys).collect();
        let reader = Reader::new(keys, sources, ENVIRONMENT, Environment::Production);
        let path = |name| reader.text(name).map(PathBuf::from);
        Self {
            certificate: path("TLS_CERT_FILE"),
            certificate_key: path("TLS_KEY_FILE"),
            signing: path("JWT_PRIVATE_KEY_FILE"),
            previous: path("JWT_PREVIOUS_PUBLIC_KEY_FILE"),
        }
    }
}

impl Config {
    /// Where the key files are.
    pub fn key_paths(&self) -> KeyPaths {
        KeyPaths {
            certificate: self.server.tls_cert_file.clone(),
            certificate_key: self.server.tls_key_file.clone(),
            signing: self.identity.jwt_private_key_file.clone(),
            previous: self.identity.jwt_previous_public_key_file.clone(),
        }
    }
}
