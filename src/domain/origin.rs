//! Which web origins may call the hub: `CORS_ORIGIN` as a rule.
//!
//! The same list answers CORS, guards Engine.IO and plain WebSocket handshakes, and guards cookie
//! requests. A request without an `Origin` header is not a browser's and is not this rule's business.

use std::fmt;
use std::sync::Arc;

use parking_lot::RwLock;

/// The origins that are allowed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OriginList(Vec<Pattern>);

/// The list in force, shared by every edge and replaced when the configuration is read again.
#[derive(Debug, Clone, Default)]
pub struct Origins(Arc<RwLock<OriginList>>);

impl Origins {
    pub fn new(list: OriginList) -> Self {
        Self(Arc::new(RwLock::new(list)))
    }

    pub fn allows(&self, origin: &str) -> bool {
        self.0.read().allows(origin)
    }

    /// The list as `/health` shows it.
    pub fn names(&self) -> Vec<String> {
        self.0.read().names()
    }

    pub fn replace(&self, list: OriginList) {
        *self.0.write() = list;
    }
}

/// The origin an address belongs to, as it is written there: scheme, host and port.
pub fn of_address(address: &str) -> Option<&str> {
    let host = address.find("://")? + 3;
    let end = address[host..].find(['/', '?', '#']).map_or(address.len(), |at| host + at);
    Some(&address[..end])
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Pattern {
    /// Scheme, host and port, as a browser writes them.
    Exact(String),
    /// `https://*.example.com[:port]`: one label in place of the star.
    OneLabel { scheme: String, parent: String },
    /// `http://localhost:*`, `http://127.0.0.1:*`: this machine on any port.
    AnyPort(&'static str),
}

/// The origins that may stand with any port.
const THIS_MACHINE: [&str; 2] = ["http://localhost", "http://127.0.0.1"];

/// The text is not a comma list of origins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be a comma list of scheme://host[:port], where the host may begin with one *. label")]
pub struct NotAnOrigin;

impl OriginList {
    /// What development allows when nothing is listed; production then allows nothing.
    pub const LOCAL: &str = "http://localhost:*,http://127.0.0.1:*";

    /// Reads a comma list. Empty items are skipped.
    pub fn parse(text: &str) -> Result<Self, NotAnOrigin> {
        text.split(',')
            .map(str::trim)
            .filter(|item| !item.is_empty())
            .map(Pattern::parse)
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// Whether a browser page of this origin may call the hub.
    pub fn allows(&self, origin: &str) -> bool {
        // Browsers already write origins in canonical form; other clients get the same courtesy.
        canonical(origin).is_some_and(|origin| self.0.iter().any(|known| known.matches(&origin)))
    }

    /// The list as `/health` shows it, in the order it was given.
    pub fn names(&self) -> Vec<String> {
        self.0.iter().map(ToString::to_string).collect()
    }
}

impl Pattern {
    fn parse(text: &str) -> Result<Self, NotAnOrigin> {
        if let Some(base) = text.strip_suffix(":*") {
            let known = THIS_MACHINE.iter().find(|known| known.eq_ignore_ascii_case(base));
            return known.map(|base| Self::AnyPort(base)).ok_or(NotAnOrigin);
        }
        match text.split_once("://*.") {
            None => canonical(text).map(Self::Exact).ok_or(NotAnOrigin),
            Some((scheme, parent)) => {
                let whole = canonical(&format!("{scheme}://{parent}")).ok_or(NotAnOrigin)?;
                let (scheme, parent) = whole.split_once("://").ok_or(NotAnOrigin)?;
                Ok(Self::OneLabel { scheme: scheme.to_owned(), parent: parent.to_owned() })
            }
        }
    }

    fn matches(&self, origin: &str) -> bool {
        match self {
            Self::Exact(known) => known == origin,
            Self::OneLabel { scheme, parent } => {
                origin.split_once("://").is_some_and(|(given, host)| {
                    given == scheme
                        && host
                            .split_once('.')
                            .is_some_and(|(label, rest)| !label.is_empty() && rest == parent)
                })
            }
            Self::AnyPort(base) => origin
                .strip_prefix(base)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with(':')),
        }
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(origin) => f.write_str(origin),
            Self::OneLabel { scheme, parent } => write!(f, "{scheme}://*.{parent}"),
            Self::AnyPort(base) => write!(f, "{base}:*"),
        }
    }
}

/// Lower case, without the scheme's own port (RFC 6454 §6.2). `None` when it is not an origin.
pub fn canonical(text: &str) -> Option<String> {
    let text = text.trim_end_matches('/').to_ascii_lowercase();
    let (scheme, authority) = text.split_once("://")?;
    let is_scheme = scheme.starts_with(|c: char| c.is_ascii_lowercase())
        && scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c));
    let (host, port) = split_port(authority)?;
    if !is_scheme || !is_host(host) {
        return None;
    }
    let standard = match scheme {
        "http" => Some(80),
        "https" => Some(443),
        _ => None,
    };
    match port {
        Some(port) if Some(port) != standard => Some(format!("{scheme}://{host}:{port}")),
        _ => Some(format!("{scheme}://{host}")),
    }
}

fn split_port(authority: &str) -> Option<(&str, Option<u16>)> {
    match authority.rsplit_once(':') {
        // The last colon of `[::1]` belongs to the address.
        Some((host, port)) if !port.ends_with(']') => {
            Some((host, Some(port.parse().ok().filter(|port| *port > 0)?)))
        }
        _ => Some((authority, None)),
    }
}

fn is_host(host: &str) -> bool {
    match host.strip_prefix('[') {
        Some(rest) => rest
            .strip_suffix(']')
            .is_some_and(|address| address.parse::<std::net::Ipv6Addr>().is_ok()),
        None => host.split('.').all(|label| {
            !label.is_empty()
                && label.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c))
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(text: &str) -> OriginList {
        OriginList::parse(text).unwrap()
    }

    #[test]
    fn scheme_host_and_port_must_all_agree() {
        let list = list("https://app.example.com, http://localhost:3001");

        assert!(list.allows("https://app.example.com"));
        assert!(list.allows("http://localhost:3001"));
        for other in [
            "http://app.example.com",
            "https://app.example.com:8443",
            "https://app.example.com.evil.test",
            "https://evil.test/https://app.example.com",
            "http://localhost:3002",
            "null",
            "",
        ] {
            assert!(!list.allows(other), "{other}");
        }
    }

    #[test]
    fn the_standard_port_and_the_case_of_the_host_make_no_difference() {
        let list = list("HTTPS://App.Example.com:443/");

        assert!(list.allows("https://app.example.com"));
        assert!(list.allows("https://app.example.com:443"));
        assert!(!list.allows("https://app.example.com:80"));
    }

    #[test]
    fn a_star_stands_for_exactly_one_label() {
        let list = list("https://*.example.com");

        assert!(list.allows("https://clinic.example.com"));
        for other in [
            "https://example.com",
            "https://a.b.example.com",
            "https://.example.com",
            "https://clinic.example.com:8443",
            "http://clinic.example.com",
            "https://clinicexample.com",
        ] {
            assert!(!list.allows(other), "{other}");
        }
    }

    #[test]
    fn development_allows_this_machine_on_any_port_and_production_nothing() {
        let local = list(OriginList::LOCAL);

        assert!(local.allows("http://localhost:5173"));
        assert!(local.allows("http://127.0.0.1:3001"));
        assert!(local.allows("http://localhost"));
        assert!(!local.allows("https://localhost:5173"));
        assert!(!local.allows("http://localhost.evil.test"));
        assert!(!OriginList::default().allows("http://localhost:5173"));
    }

    #[test]
    fn what_is_not_an_origin_is_refused() {
        for text in [
            "*",
            "example.com",
            "https://",
            "https://*",
            "https://a.*.example.com",
            "https://*.*.example.com",
            "https://example.com/path",
            "https://user@example.com",
            "https://example.com:0",
            "https://example.com:99999",
            "https://[zz]",
            "https://example.com:*",
        ] {
            assert_eq!(OriginList::parse(text), Err(NotAnOrigin), "{text}");
        }
    }

    #[test]
    fn an_address_belongs_to_one_origin() {
        for (address, expected) in [
            ("https://a.example/cb?x=1", "https://a.example"),
            ("http://localhost:3001", "http://localhost:3001"),
            ("https://a.example?x=/", "https://a.example"),
        ] {
            assert_eq!(of_address(address), Some(expected));
        }
        assert_eq!(of_address("/cb"), None);
    }

    #[test]
    fn the_list_is_shown_as_it_was_given() {
        assert_eq!(
            list("http://localhost:3001,https://*.example.com,http://[::1]:80").names(),
            ["http://localhost:3001", "https://*.example.com", "http://[::1]"]
        );
    }
}
