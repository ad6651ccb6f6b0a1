//! Listeners, the node they belong to, and the cluster it joins.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;

use super::key::{Key, section};
use super::reader::Reader;
use super::values::{Environment, HttpUrl, Ports};
use crate::domain::origin::OriginList;
use crate::domain::secret::Secret;

section! {
    /// What this process listens on, and for whom.
    pub struct Server {
        /// `development` or `production`; production refuses unsafe settings.
        pub environment: Environment = Key::new("NODE_ENV")
            .aliases(&["LATIDO_ENV"])
            .or("production"),
        /// The main listener.
        pub port: u16 = Key::new("PORT").range(1, 65_535).or("8888"),
        /// The address every listener binds to.
        pub bind_addr: IpAddr = Key::new("BIND_ADDR").or("0.0.0.0"),
        /// More listeners with the same routes: ports, ranges such as `8000-8006`, or the word `legacy`.
        pub extra_ports: Ports = Key::new("EXTRA_PORTS").or(""),
        /// The address by which browsers and providers reach this hub.
        pub public_url: HttpUrl = Key::new("PUBLIC_URL")
            .or_else("http://localhost:$PORT", |reader| {
                let port = reader.peek::<u16>("PORT").unwrap_or(8888);
                Some(format!("http://localhost:{port}"))
            }),
        /// Addresses and CIDR blocks of the proxies whose `X-Forwarded-*` headers are believed.
        pub trusted_proxies: Vec<IpNet> = Key::new("TRUSTED_PROXIES").or(""),
        /// PEM chain of the certificate; set it together with `TLS_KEY_FILE` to serve TLS.
        pub tls_cert_file: Option<PathBuf> = Key::new("TLS_CERT_FILE"),
        /// PEM private key of the certificate.
        pub tls_key_file: Option<PathBuf> = Key::new("TLS_KEY_FILE"),
        /// Origins whose pages may call the hub; `https://*.example.com` stands for one label.
        pub cors_origin: OriginList = Key::new("CORS_ORIGIN").or_in("", OriginList::LOCAL),
        /// The largest request body in bytes, uploads excepted.
        pub max_body_bytes: usize = Key::new("MAX_BODY_BYTES").range(1, 1 << 30).or("1048576"),
        /// How long requests in flight may take once shutdown has begun.
        pub shutdown_grace: Duration = Key::new("SHUTDOWN_GRACE_SECONDS").range(0, 3600).or("20"),
        /// How long rarely changing answers are kept.
        pub cache_ttl: Duration = Key::new("CACHE_TTL_SECONDS").range(0, 86_400).or("60"),
        /// Lets outbound webhooks reach private addresses.
        pub webhook_allow_private: bool = Key::new("WEBHOOK_ALLOW_PRIVATE").or("false"),
    }
}

section! {
    /// This node and its cluster.
    pub struct Cluster {
        /// Redis that joins nodes into a cluster and keeps sessions and caches: `redis://`, `rediss://` or `redis-cluster://`.
        pub redis_url: Option<Secret> = Key::new("REDIS_URL").check(is_redis_url),
        /// What every Redis key and channel of this cluster begins with.
        pub redis_prefix: String = Key::new("REDIS_PREFIX").or("latido:"),
        /// The key of stock Socket.IO emitters in other back ends.
        pub redis_emitter_prefix: String = Key::new("REDIS_EMITTER_PREFIX").or("socket.io"),
        /// The name of this node: letters, digits, dots, dashes and underscores.
        pub node_id: String = Key::new("NODE_ID")
            .check(is_node_id)
            .or_else("host name and a random suffix", |_| Some(random_node_id())),
        /// The address by which other nodes reach this one.
        pub node_url: Option<HttpUrl> = Key::new("NODE_URL"),
        /// What nodes show each other when one forwards a request to another.
        pub cluster_secret: Option<Secret> = Key::new("CLUSTER_SECRET"),
        /// The name of the region this cluster runs in.
        pub region: String = Key::new("REGION").or("local"),
        /// How long a lost connection may be resumed without loss.
        pub recovery_window: Duration = Key::new("RECOVERY_WINDOW_SECONDS").range(0, 86_400).or("120"),
    }
}

fn is_redis_url(text: &str) -> Result<(), &'static str> {
    const SCHEMES: [&str; 4] = ["redis://", "rediss://", "redis-cluster://", "rediss-cluster://"];
    if SCHEMES.iter().any(|scheme| text.starts_with(scheme)) {
        Ok(())
    } else {
        Err("must be a redis://, rediss:// or redis-cluster:// URL")
    }
}

fn is_node_id(text: &str) -> Result<(), &'static str> {
    let is_name = text.len() <= 64 && text.chars().all(is_name_character);
    if is_name {
        Ok(())
    } else {
        Err("must be at most 64 letters, digits, dots, dashes or underscores")
    }
}

fn is_name_character(c: char) -> bool {
    c.is_ascii_alphanumeric() || "._-".contains(c)
}

fn random_node_id() -> String {
    let uname = rustix::system::uname();
    let host: String = uname
        .nodename()
        .to_string_lossy()
        .chars()
        .filter(|c| is_name_character(*c))
        .take(48)
        .collect();
    format!("{host}-{:08x}", rand::random::<u32>())
}

impl Server {
    pub fn is_production(&self) -> bool {
        self.environment == Environment::Production
    }

    /// Every port to bind, the main one first, each once.
    pub fn ports(&self) -> Vec<u16> {
        let others = self.extra_ports.0.iter().copied().filter(|port| *port != self.port);
        std::iter::once(self.port).chain(others).collect()
    }

    /// Whether browsers come by TLS, ended here or at a proxy.
    pub fn is_reached_by_tls(&self) -> bool {
        self.tls().is_some() || self.public_url.as_str().starts_with("https://")
    }

    /// Certificate and key, when the binary terminates TLS itself.
    pub fn tls(&self) -> Option<(&PathBuf, &PathBuf)> {
        self.tls_cert_file.as_ref().zip(self.tls_key_file.as_ref())
    }
}

pub(super) fn rules(reader: &mut Reader) {
    reader.all_or_none(&["TLS_CERT_FILE", "TLS_KEY_FILE"]);
}
