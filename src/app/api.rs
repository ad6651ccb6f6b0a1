//! What the HTTP layer is given: its parts and its settings.

use std::sync::Arc;
use std::time::Duration;

use sha2::{Digest, Sha256};

use super::assembly::Parts;
use super::calls::{uses_livekit, with_scheme};
use crate::config::Config;
use crate::domain::origin::{self, OriginList};
use crate::http::body::Bounds;
use crate::http::clinical::catalogue;
use crate::http::platform::config::Flags;
use crate::http::platform::health::Standing;
use crate::http::platform::{self, Platform};
use crate::http::{self, AllowsOrigin, App, CookieSettings};

/// How long a request's body may take to arrive.
const BODY_DEADLINE: Duration = Duration::from_secs(10);

pub(super) fn app(config: &Config, parts: &Parts, allows_origin: AllowsOrigin) -> App {
    let cache = http::cache::Cache::new(config.server.cache_ttl);
    parts.hub.tell_events(catalogue::forgetful(cache.clone()));
    App {
        store: parts.store.clone(),
        hub: parts.hub.clone(),
        auth: parts.authenticator.clone(),
        passwords: parts.passwords.clone(),
        seal: parts.seal.clone(),
        deliveries: parts.deliveries.clone(),
        elsewhere: parts.elsewhere.clone(),
        limits: Arc::clone(&parts.limits),
        cache,
        files: parts.files.clone(),
        openid: Arc::clone(&parts.openid),
        tracer: parts.tracer.clone(),
        settings: Arc::new(settings(config, allows_origin)),
        platform: Arc::new(Platform::new(
            platform_settings(config, parts),
            parts.store.clone(),
            parts.metrics.clone(),
            parts.log_level.clone(),
        )),
        advisor: parts.advisor.clone(),
        calls: Arc::clone(&parts.calls),
    }
}

fn settings(config: &Config, allows_origin: AllowsOrigin) -> http::Settings {
    http::Settings {
        node: config.cluster.node_id.as_str().into(),
        body: Bounds { bytes: config.server.max_body_bytes, within: BODY_DEADLINE },
        allows_origin,
        own_origin: own_origin(config),
        trusted_proxies: config.server.trusted_proxies.clone(),
        cursor_key: cursor_key(config),
        tls: config.server.tls().is_some(),
        cookie: CookieSettings {
            domain: config.identity.session_cookie_domain.clone(),
            secure: config.server.is_production() || config.server.is_reached_by_tls(),
        },
        refresh_ttl: config.identity.refresh_token_ttl,
        portals: http::identity::links::Portals {
            doctors: config.portals.doctors_url.as_str().to_owned(),
            patients: config.portals.patients_url.as_str().to_owned(),
            companies: config.portals.companies_url.as_str().to_owned(),
            house: config.server.public_url.as_str().to_owned(),
        },
        default_currency: config.payments.default_currency.0.clone(),
        relation: config.database.relation,
    }
}

/// The origin of `PUBLIC_URL`; of none when its host is one that no browser would send.
fn own_origin(config: &Config) -> OriginList {
    let origin = origin::of_address(config.server.public_url.as_str()).unwrap_or_default();
    OriginList::parse(origin).unwrap_or_default()
}

fn platform_settings(config: &Config, parts: &Parts) -> platform::Settings {
    let origins = parts.origins.clone();
    // Who configured it counts on other nodes hearing of events, which this one cannot give.
    let redis =
        if config.cluster.redis_url.is_some() { Standing::Down } else { Standing::Disabled };
    platform::Settings {
        region: config.cluster.region.clone(),
        cors_origins: Arc::new(move || origins.names()),
        metrics_public: config.observability.metrics_public,
        redis,
        livekit: parts.livekit.clone(),
        flags: flags(config),
    }
}

fn flags(config: &Config) -> Flags {
    let media = &config.media;
    let url = media.livekit_url.as_ref().map(|url| url.as_str().to_owned());
    Flags {
        use_livekit: uses_livekit(config),
        use_mock_video: media.use_mock_video,
        livekit_url: url.as_deref().map(|url| with_scheme(url, "http")),
        livekit_ws_url: url.as_deref().map(|url| with_scheme(url, "ws")),
        ice_servers: media.ice_servers.clone(),
        auth_dev_bypass: config.identity.auth_dev_bypass,
        mercadopago_public_key: config.payments.public_key.clone(),
    }
}

/// Nodes that share the token secret read each other's cursors.
fn cursor_key(config: &Config) -> Vec<u8> {
    let mut hash = Sha256::new();
    hash.update(b"latido cursor");
    hash.update(config.identity.jwt_secret.expose());
    hash.finalize().to_vec()
}
