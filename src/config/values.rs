//! Setting types that only the configuration knows.

use std::collections::BTreeSet;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::key::Key;
use super::setting::{Rule, Setting, items, words};
use crate::domain::secret::Secret;

/// Where the process runs. Production refuses what would be unsafe there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Environment {
    Development,
    Production,
}

words!(Environment {
    "development" => Self::Development,
    "production" => Self::Production,
});

/// Whether calls may go through LiveKit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UseLivekit {
    /// When `LIVEKIT_*` is set.
    Auto,
    On,
    /// Never, even when it is configured.
    Off,
}

words!(UseLivekit { "auto" => Self::Auto, "true" => Self::On, "false" => Self::Off });

/// Who moves the money.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PaymentsMode {
    Live,
    /// Payments are approved by hand; refused in production.
    Mock,
}

words!(PaymentsMode { "live" => Self::Live, "mock" => Self::Mock });

/// How professionals near a point are found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GeoBackend {
    /// `PostGIS` where the database has it.
    Auto,
    Postgis,
    /// A bounding box on the indexed columns, then the great-circle distance.
    Haversine,
}

words!(GeoBackend {
    "auto" => Self::Auto,
    "postgis" => Self::Postgis,
    "haversine" => Self::Haversine,
});

/// Ports in ascending order, each once.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Ports(pub BTreeSet<u16>);

/// What the word `legacy` stands for in `EXTRA_PORTS`.
const LEGACY_PORTS: &str = "4000,3005,4312,8000-8006";

impl Setting for Ports {
    fn parse(text: &str, _: &Key) -> Result<Self, Rule> {
        let is_legacy = |item: &str| item.eq_ignore_ascii_case("legacy");
        let expanded = items(text).map(|item| if is_legacy(item) { LEGACY_PORTS } else { item });
        let mut ports = BTreeSet::new();
        for item in expanded.flat_map(items) {
            let (first, last) = item.split_once('-').unwrap_or((item, item));
            match (first.trim().parse::<u16>(), last.trim().parse::<u16>()) {
                (Ok(first), Ok(last)) if 0 < first && first <= last => ports.extend(first..=last),
                _ => {
                    return Err("must be a comma list of ports, ranges such as 8000-8006, or the word legacy".into());
                }
            }
        }
        Ok(Self(ports))
    }
}

/// One server-to-server caller.
#[derive(Debug, Clone)]
pub struct ServiceKey {
    pub name: String,
    pub key: Secret,
}

/// The fewest characters a service key may have.
const SERVICE_KEY_CHARS: usize = 32;

impl Setting for Vec<ServiceKey> {
    const IS_SECRET: bool = true;

    fn parse(text: &str, _: &Key) -> Result<Self, Rule> {
        let mut names = BTreeSet::new();
        items(text)
            .map(|item| {
                let (name, key) = item
                    .split_once(':')
                    .filter(|(name, _)| !name.trim().is_empty())
                    .ok_or("must be a comma list of name:key")?;
                if key.chars().count() < SERVICE_KEY_CHARS {
                    return Err("each key must have at least 32 characters".into());
                }
                if !names.insert(name.trim()) {
                    return Err("each name may stand only once".into());
                }
                Ok(ServiceKey { name: name.trim().to_owned(), key: Secret::new(key) })
            })
            .collect()
    }
}

/// 32 bytes, written in base64: an AES-256 key.
#[derive(Clone)]
pub struct EncryptionKey(pub [u8; 32]);

impl EncryptionKey {
    /// The key of development, where stored files should survive a restart but need no secrecy.
    pub(super) const DEVELOPMENT: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
}

impl Setting for EncryptionKey {
    const IS_SECRET: bool = true;

    fn parse(text: &str, _: &Key) -> Result<Self, Rule> {
        STANDARD
            .decode(text)
            .ok()
            .and_then(|bytes| bytes.try_into().ok())
            .map(Self)
            .ok_or_else(|| "must be 32 bytes in base64".into())
    }
}

impl fmt::Debug for EncryptionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

/// A share between 0 and 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ratio(pub f64);

impl Setting for Ratio {
    fn parse(text: &str, _: &Key) -> Result<Self, Rule> {
        text.parse()
            .ok()
            .filter(|share| (0.0..=1.0).contains(share))
            .map(Self)
            .ok_or_else(|| "must be a number from 0 to 1".into())
    }
}

/// The base address of an HTTP service, without a slash at the end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpUrl(String);

impl HttpUrl {
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Host and port to connect to, the scheme's port when none is written.
    pub fn host_and_port(&self) -> Option<(String, u16)> {
        let uri: http::Uri = self.0.parse().ok()?;
        let standard = if uri.scheme_str() == Some("https") { 443 } else { 80 };
        Some((uri.host()?.to_owned(), uri.port_u16().unwrap_or(standard)))
    }
}

impl Setting for HttpUrl {
    fn parse(text: &str, _: &Key) -> Result<Self, Rule> {
        let address = text.trim_end_matches('/');
        let is_http = address.parse::<http::Uri>().is_ok_and(|uri| {
            matches!(uri.scheme_str(), Some("http" | "https"))
                && uri.authority().is_some_and(|who| !who.as_str().contains('@'))
        });
        if is_http {
            Ok(Self(address.to_owned()))
        } else {
            Err("must be an http or https URL without credentials".into())
        }
    }
}

/// The base address of a media server, kept as that of its HTTP service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MediaUrl(HttpUrl);

impl std::ops::Deref for MediaUrl {
    type Target = HttpUrl;

    fn deref(&self) -> &HttpUrl {
        &self.0
    }
}

impl Setting for MediaUrl {
    fn parse(text: &str, key: &Key) -> Result<Self, Rule> {
        let by_http = match text.split_once("://") {
            Some(("wss", rest)) => format!("https://{rest}"),
            Some(("ws", rest)) => format!("http://{rest}"),
            _ => text.to_owned(),
        };
        HttpUrl::parse(&by_http, key)
            .map(Self)
            .map_err(|_| "must be an http, https, ws or wss URL without credentials".into())
    }
}

/// An ISO 4217 currency code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Currency(pub String);

impl Setting for Currency {
    fn parse(text: &str, _: &Key) -> Result<Self, Rule> {
        let is_code = text.len() == 3 && text.bytes().all(|b| b.is_ascii_uppercase());
        if is_code {
            Ok(Self(text.to_owned()))
        } else {
            Err("must be a three-letter ISO 4217 code".into())
        }
    }
}
