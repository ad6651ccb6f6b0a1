//! A certificate of one test, and clients that trust it alone.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use rcgen::{CertifiedKey, KeyPair, generate_simple_self_signed};
use rustls::crypto::ring::default_provider;
use rustls::pki_types::{PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore, ServerConfig, SupportedProtocolVersion};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::directory::Directory;
use super::within;

/// Signed by itself, for 127.0.0.1.
pub(crate) struct Certificate {
    issued: CertifiedKey<KeyPair>,
    files: [String; 2],
    _directory: Directory,
}

impl Certificate {
    pub(crate) fn fresh() -> Self {
        let issued = generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
        let directory = Directory::fresh();
        let files = [
            directory.write("certificate.pem", &issued.cert.pem()),
            directory.write("key.pem", &issued.signing_key.serialize_pem()),
        ];
        Self { issued, files, _directory: directory }
    }

    /// The settings of a node that terminates TLS with it.
    pub(crate) fn settings(&self) -> [(&str, &str); 2] {
        [("TLS_CERT_FILE", &self.files[0]), ("TLS_KEY_FILE", &self.files[1])]
    }

    /// The same for a listener in this process.
    pub(crate) fn server(&self) -> Arc<ServerConfig> {
        let key = PrivateKeyDer::try_from(self.issued.signing_key.serialize_der()).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![self.issued.cert.der().clone()], key);
        Arc::new(config.unwrap())
    }

    /// A connection by that version of TLS.
    pub(crate) async fn connect(
        &self,
        address: SocketAddr,
        version: &'static SupportedProtocolVersion,
    ) -> TlsStream<TcpStream> {
        let mut roots = RootCertStore::empty();
        roots.add(self.issued.cert.der().clone()).unwrap();
        let mut config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
            .with_protocol_versions(&[version])
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let stream = TcpStream::connect(address).await.unwrap();
        let name = ServerName::IpAddress(IpAddr::V4(Ipv4Addr::LOCALHOST).into());
        let handshake = TlsConnector::from(Arc::new(config)).connect(name, stream);
        within("a TLS handshake", handshake).await.unwrap()
    }
}
