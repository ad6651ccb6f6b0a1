//! The key files a configuration names, read together so that all that is wrong is said at once.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::auth::{KeyPair, PublicKey};
use crate::config::{KeyPaths, Problem};

const CERTIFICATE: &str = "TLS_CERT_FILE";
const CERTIFICATE_KEY: &str = "TLS_KEY_FILE";
const SIGNING: &str = "JWT_PRIVATE_KEY_FILE";
const PREVIOUS: &str = "JWT_PREVIOUS_PUBLIC_KEY_FILE";

/// What the files hold.
#[derive(Clone, Default)]
pub struct KeyFiles {
    /// The certificate to serve TLS with, and its key.
    pub tls: Option<Arc<rustls::ServerConfig>>,
    /// Signs access tokens.
    pub signing: Option<KeyPair>,
    /// Verifies access tokens from before the keys were changed.
    pub previous: Option<PublicKey>,
}

impl KeyFiles {
    /// # Errors
    /// Every file that cannot be used, by the key that names it.
    pub fn read(paths: &KeyPaths) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        let signing = used(SIGNING, paths.signing.as_deref(), &mut problems, |file| {
            KeyPair::from_pem(&std::fs::read(file)?).map_err(Into::into)
        });
        let previous = used(PREVIOUS, paths.previous.as_deref(), &mut problems, |file| {
            PublicKey::from_pem(&std::fs::read(file)?).map_err(Into::into)
        });
        let chain = used(CERTIFICATE, paths.certificate.as_deref(), &mut problems, |file| {
            let chain = CertificateDer::pem_file_iter(file)?.collect::<Result<Vec<_>, _>>()?;
            if chain.is_empty() { Err("no certificate in it".into()) } else { Ok(chain) }
        });
        let key = used(CERTIFICATE_KEY, paths.certificate_key.as_deref(), &mut problems, |file| {
            Ok(PrivateKeyDer::from_pem_file(file)?)
        });
        let tls = chain.zip(key).and_then(|(chain, key)| {
            server(chain, key)
                .map_err(|cause| problems.push(unusable(at_fault(&cause), &cause)))
                .ok()
        });
        if problems.is_empty() { Ok(Self { tls, signing, previous }) } else { Err(problems) }
    }
}

type Read<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// What a file holds, if one is named.
fn used<T>(
    key: &'static str,
    file: Option<&Path>,
    problems: &mut Vec<Problem>,
    read: impl FnOnce(&Path) -> Read<T>,
) -> Option<T> {
    read(file?).map_err(|cause| problems.push(unusable(key, &cause))).ok()
}

fn unusable(key: &'static str, cause: &dyn fmt::Display) -> Problem {
    Problem::new(key, format!("cannot be used: {cause}"))
}

fn server(
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
) -> Result<Arc<rustls::ServerConfig>, rustls::Error> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut server = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    server.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(server))
}

/// Which of the two files TLS cannot be served with; a key that is another's is the wrong key.
fn at_fault(cause: &rustls::Error) -> &'static str {
    match cause {
        rustls::Error::NoCertificatesPresented | rustls::Error::InvalidCertificate(_) => {
            CERTIFICATE
        }
        _ => CERTIFICATE_KEY,
    }
}
