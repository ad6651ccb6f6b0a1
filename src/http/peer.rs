//! Where a request comes from.
//!
//! `X-Forwarded-For` is read from the right and only as far as our own proxies wrote it, so a
//! caller cannot choose its address.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use axum::extract::ConnectInfo;
use axum::http::Extensions;
use axum::http::HeaderMap;
use ipnet::{IpNet, Ipv4Net, Ipv6Net};

/// The address of the caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Peer(pub IpAddr);

impl Peer {
    /// Nobody told.
    pub const UNKNOWN: Self = Self(IpAddr::V6(Ipv6Addr::UNSPECIFIED));

    /// The nearest address that is not one of our proxies; the unspecified address when the
    /// listener told none.
    pub fn of(headers: &HeaderMap, extensions: &Extensions, trusted: &[IpNet]) -> Self {
        let connected = connected(extensions).unwrap_or(IpAddr::V6(Ipv6Addr::UNSPECIFIED));
        let is_proxy = |ip: &IpAddr| trusted.iter().any(|net| net.contains(ip));
        if !is_proxy(&connected) {
            return Self(connected);
        }
        let hops = headers.get_all("x-forwarded-for").iter().rev();
        let hops = hops.flat_map(|line| line.to_str().unwrap_or_default().rsplit(','));
        let mut nearest = connected;
        for hop in hops {
            let Ok(ip) = hop.trim().parse::<IpAddr>() else { break };
            nearest = ip.to_canonical();
            if !is_proxy(&nearest) {
                break;
            }
        }
        Self(nearest)
    }

    /// What counts as one caller: an IPv4 address, or the /64 an IPv6 caller can move in.
    pub fn key(self) -> IpAddr {
        match self.0 {
            IpAddr::V4(_) => self.0,
            IpAddr::V6(ip) => IpAddr::V6(Ipv6Net::new_assert(ip, 64).trunc().addr()),
        }
    }

    /// The part of the address a session remembers: `203.0.113.0/24`, or the /48.
    pub fn prefix(self) -> String {
        match self.0 {
            IpAddr::V4(ip) => Ipv4Net::new_assert(ip, 24).trunc().to_string(),
            IpAddr::V6(ip) => Ipv6Net::new_assert(ip, 48).trunc().to_string(),
        }
    }
}

/// Whether one of our proxies says that it was reached by TLS.
pub fn came_by_tls(headers: &HeaderMap, extensions: &Extensions, trusted: &[IpNet]) -> bool {
    let told = headers.get_all("x-forwarded-proto").iter().next_back();
    // The nearest proxy wrote the last word.
    let told = told.and_then(|line| line.to_str().ok()?.rsplit(',').next());
    told.is_some_and(|scheme| scheme.trim().eq_ignore_ascii_case("https"))
        && connected(extensions).is_some_and(|ip| trusted.iter().any(|net| net.contains(&ip)))
}

fn connected(extensions: &Extensions) -> Option<IpAddr> {
    extensions.get::<ConnectInfo<SocketAddr>>().map(|info| info.0.ip().to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(connected: &str, forwarded: &[&str]) -> String {
        let mut headers = HeaderMap::new();
        for line in forwarded {
            headers.append("x-forwarded-for", line.parse().unwrap());
        }
        let mut extensions = Extensions::new();
        extensions.insert(ConnectInfo(SocketAddr::new(connected.parse().unwrap(), 1)));
        let trusted = ["10.0.0.0/8".parse().unwrap()];
        Peer::of(&headers, &extensions, &trusted).0.to_string()
    }

    #[test]
    fn only_what_our_proxies_wrote_is_believed() {
        assert_eq!(peer("203.0.113.9", &["1.2.3.4"]), "203.0.113.9");
        assert_eq!(peer("10.0.0.1", &["1.2.3.4, 203.0.113.9, 10.0.0.2"]), "203.0.113.9");
        assert_eq!(peer("10.0.0.1", &["1.2.3.4", "203.0.113.9"]), "203.0.113.9");
        assert_eq!(peer("::ffff:10.0.0.1", &["203.0.113.9"]), "203.0.113.9");
        assert_eq!(peer("10.0.0.1", &["nonsense"]), "10.0.0.1");
    }

    #[test]
    fn only_a_proxy_of_ours_tells_the_scheme() {
        let by_tls = |connected: &str, told: &str| {
            let mut headers = HeaderMap::new();
            headers.insert("x-forwarded-proto", told.parse().unwrap());
            let mut extensions = Extensions::new();
            extensions.insert(ConnectInfo(SocketAddr::new(connected.parse().unwrap(), 1)));
            came_by_tls(&headers, &extensions, &["10.0.0.0/8".parse().unwrap()])
        };

        assert!(by_tls("10.0.0.1", "https"));
        assert!(by_tls("10.0.0.1", "http, HTTPS"));
        assert!(!by_tls("10.0.0.1", "https, http"));
        assert!(!by_tls("203.0.113.9", "https"));
    }

    #[test]
    fn a_caller_is_its_address_or_its_64() {
        let v6 = Peer("2001:db8:1:2:3:4:5:6".parse().unwrap());

        assert_eq!(v6.key().to_string(), "2001:db8:1:2::");
        assert_eq!(v6.prefix(), "2001:db8:1::/48");
        assert_eq!(Peer("203.0.113.9".parse().unwrap()).prefix(), "203.0.113.0/24");
    }
}
