//! How often one caller may ask: token buckets by account, address and login name.

use std::hash::Hash;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use governor::clock::{Clock as _, DefaultClock};
use governor::middleware::{StateInformationMiddleware, StateSnapshot};
use governor::state::keyed::DashMapStateStore;
use governor::{Quota, RateLimiter};
use metrics::counter;
use parking_lot::RwLock;

use super::App;
use super::caller::principal;
use super::peer::Peer;
use crate::auth::digest;
use crate::domain::id::UserId;
use crate::domain::identity::Role;
use crate::error::{Kind, Result};
use crate::telemetry::names;

/// In how long a reader's allowance of letters is whole again.
const LETTERS_EVERY: Duration = Duration::from_mins(15);

const LIMIT: &str = "ratelimit-limit";

/// Requests a minute; a bucket holds one minute's worth.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    pub enabled: bool,
    /// Per address without good credentials.
    pub anonymous: u32,
    /// Per account.
    pub account: u32,
    /// Sign-ins and registrations per address; per login name half of it. As many letters, but per
    /// reader in a quarter of an hour.
    pub login: u32,
}

/// Where gateways ask on behalf of others.
const INTROSPECTION: &str = "/auth/introspect";

type Buckets<K> = RateLimiter<K, DashMapStateStore<K>, DefaultClock, StateInformationMiddleware>;

/// The limits of this node. They may change while it runs.
pub struct Limits {
    in_force: RwLock<Arc<InForce>>,
}

/// Limits and their buckets.
struct InForce {
    enabled: bool,
    anonymous: Buckets<IpAddr>,
    account: Buckets<UserId>,
    login_address: Buckets<IpAddr>,
    /// By digest, so that no names are kept.
    login_name: Buckets<String>,
    letter_address: Buckets<IpAddr>,
    letter_reader: Buckets<String>,
    clock: DefaultClock,
}

impl Limits {
    pub fn new(settings: Settings) -> Self {
        Self { in_force: RwLock::new(Arc::new(InForce::new(settings))) }
    }

    /// Takes other limits over; every bucket starts full.
    pub fn configure(&self, settings: Settings) {
        *self.in_force.write() = Arc::new(InForce::new(settings));
    }

    /// One more attempt to sign in or register from an address and, if told, under a name.
    pub fn sign_in(&self, peer: Peer, name: &str) -> Result<()> {
        let limits = self.in_force();
        if limits.enabled {
            limits.take(&limits.login_address, &peer.key(), "login")?;
            limits.take(&limits.login_name, &digest(&name.to_lowercase()), "login")?;
        }
        Ok(())
    }

    /// One more letter asked for from an address, to be read by whoever goes by that name. Readers
    /// are protected from floods whoever sends them.
    pub fn letter(&self, peer: Peer, reader: &str) -> Result<()> {
        let limits = self.in_force();
        if limits.enabled {
            limits.take(&limits.letter_address, &peer.key(), "letter")?;
            limits.take(&limits.letter_reader, &digest(reader), "letter")?;
        }
        Ok(())
    }

    /// Forgets callers whose buckets are full again.
    pub fn sweep(&self) {
        let limits = self.in_force();
        limits.anonymous.retain_recent();
        limits.account.retain_recent();
        limits.login_address.retain_recent();
        limits.login_name.retain_recent();
        limits.letter_address.retain_recent();
        limits.letter_reader.retain_recent();
    }

    fn in_force(&self) -> Arc<InForce> {
        Arc::clone(&self.in_force.read())
    }
}

impl InForce {
    fn new(settings: Settings) -> Self {
        Self {
            enabled: settings.enabled,
            anonymous: buckets(settings.anonymous),
            account: buckets(settings.account),
            login_address: buckets(settings.login),
            login_name: buckets(settings.login.div_ceil(2)),
            letter_address: buckets(settings.login),
            letter_reader: RateLimiter::dashmap(letters(settings.login.div_ceil(2)))
                .with_middleware(),
            clock: DefaultClock::default(),
        }
    }

    /// Takes one from a bucket; `reason` is what a refusal is counted under.
    fn take<K: Hash + Eq + Clone>(
        &self,
        buckets: &Buckets<K>,
        key: &K,
        reason: &'static str,
    ) -> Result<StateSnapshot> {
        buckets.check_key(key).map_err(|refused| {
            counter!(names::RATE_LIMITED, "surface" => "http", "reason" => reason).increment(1);
            let wait = refused.wait_time_from(self.clock.now());
            let limit = Some(refused.quota().burst_size().get());
            Kind::RateLimited { retry_after: whole_seconds(wait), limit }.into()
        })
    }
}

/// Counts a request against its caller. Probes, metrics, service keys and what
/// gateways ask for known callers are not counted.
pub async fn throttle(State(app): State<App>, request: Request, next: Next) -> Response {
    let path = request.uri().path();
    let limits = app.limits.in_force();
    // What the media server tells is held to its signature instead.
    let is_signed = path.starts_with("/webhooks/");
    if !limits.enabled || path.starts_with("/health") || path == "/metrics" || is_signed {
        return next.run(request).await;
    }
    let outcome = match principal(request.extensions()) {
        Some(service) if service.has(Role::Service) => return next.run(request).await,
        // A gateway takes any answer but yes and no for a failure of its own; it counts by itself.
        Some(_) if path == INTROSPECTION => return next.run(request).await,
        Some(member) => limits.take(&limits.account, &member.user, "requests"),
        None => {
            let trusted = &app.settings.trusted_proxies;
            let peer = Peer::of(request.headers(), request.extensions(), trusted);
            limits.take(&limits.anonymous, &peer.key(), "requests")
        }
    };
    match outcome {
        Ok(snapshot) => {
            let mut response = next.run(request).await;
            // A stricter bucket behind this one may have refused, and said so.
            if !response.headers().contains_key(LIMIT) {
                announce(response.headers_mut(), &snapshot);
            }
            response
        }
        Err(error) => error.into_response(),
    }
}

fn announce(headers: &mut HeaderMap, snapshot: &StateSnapshot) {
    let (limit, left) = (snapshot.quota().burst_size().get(), snapshot.remaining_burst_capacity());
    let refill = snapshot.quota().replenish_interval() * (limit - left.min(limit));
    write(headers, limit, left, whole_seconds(refill));
}

/// What a caller is told whose bucket of `limit` is empty until `retry_after` seconds from now.
pub(super) fn announce_refusal(headers: &mut HeaderMap, limit: u32, retry_after: u64) {
    write(headers, limit, 0, retry_after);
}

fn write(headers: &mut HeaderMap, limit: u32, left: u32, reset: u64) {
    headers.insert(LIMIT, HeaderValue::from(limit));
    headers.insert("ratelimit-remaining", HeaderValue::from(left));
    headers.insert("ratelimit-reset", HeaderValue::from(reset));
}

fn whole_seconds(span: Duration) -> u64 {
    span.as_millis().div_ceil(1000).try_into().unwrap_or(u64::MAX)
}

fn buckets<K: Hash + Eq + Clone>(per_minute: u32) -> Buckets<K> {
    let quota = Quota::per_minute(NonZeroU32::new(per_minute).unwrap_or(NonZeroU32::MIN));
    RateLimiter::dashmap(quota).with_middleware()
}

/// So many at once, and again after a quarter of an hour.
fn letters(burst: u32) -> Quota {
    let burst = NonZeroU32::new(burst).unwrap_or(NonZeroU32::MIN);
    let quota = Quota::with_period(LETTERS_EVERY / burst.get());
    quota.map_or(Quota::per_minute(burst), |quota| quota.allow_burst(burst))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits() -> Limits {
        Limits::new(Settings { enabled: true, anonymous: 2, account: 2, login: 4 })
    }

    #[test]
    fn a_login_name_is_guarded_from_every_address() {
        let limits = limits();
        let from = |last: u8| Peer(IpAddr::from([203, 0, 113, last]));

        assert!(limits.sign_in(from(1), "ana").is_ok());
        assert!(limits.sign_in(from(2), "ANA").is_ok());

        let refused = limits.sign_in(from(3), "Ana").unwrap_err();
        assert!(matches!(refused.kind(),
            Kind::RateLimited { retry_after, limit: Some(2) } if *retry_after >= 1));
        assert!(limits.sign_in(from(3), "luis").is_ok());
    }

    #[test]
    fn a_reader_is_sent_few_letters_whoever_asks_for_them() {
        let limits = limits();
        let from = |last: u8| Peer(IpAddr::from([203, 0, 113, last]));

        assert!(limits.letter(from(1), "ana").is_ok());
        assert!(limits.letter(from(2), "ana").is_ok());

        let refused = limits.letter(from(3), "ana").unwrap_err();
        let Kind::RateLimited { retry_after, .. } = refused.kind() else { panic!("{refused}") };
        assert!((400..=450).contains(retry_after), "{retry_after}");
        assert!(limits.sign_in(from(3), "ana").is_ok(), "who forgot a password may try another");
    }

    #[test]
    fn the_headers_say_what_is_left() {
        let limits = limits();
        let mut headers = HeaderMap::new();

        let limits = limits.in_force();
        let snapshot = limits.take(&limits.account, &UserId(1), "requests").unwrap();
        announce(&mut headers, &snapshot);

        assert_eq!(headers["ratelimit-limit"], "2");
        assert_eq!(headers["ratelimit-remaining"], "1");
        assert_eq!(headers["ratelimit-reset"], "30");
    }
}
