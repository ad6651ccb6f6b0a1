//! What the node tells of itself, from the configuration.

use std::sync::Arc;

use super::Failure;
use crate::config::Config;
use crate::config::values::{HttpUrl, UseLivekit};
use crate::domain::origin::Origins;
use crate::error::Error;
use crate::http::platform::config::Flags;
use crate::http::platform::health::Standing;
use crate::http::platform::{Platform, Settings};
use crate::persistence::Store;
use crate::telemetry::Metrics;
use crate::telemetry::logs::LogLevel;

/// The node's knowledge of itself, as of its start.
pub(super) fn platform(
    config: &Config,
    store: Store,
    origins: Origins,
    level: LogLevel,
) -> Result<Arc<Platform>, Failure> {
    let livekit = if uses_livekit(config) { Standing::Disabled } else { Standing::NotConfigured };
    let settings = Settings {
        region: config.cluster.region.clone(),
        cors_origins: Arc::new(move || origins.names()),
        metrics_public: config.observability.metrics_public,
        redis: Arc::new(|| Standing::Disabled),
        livekit: Arc::new(move || livekit),
        flags: flags(config),
    };
    let metrics = Metrics::start().map_err(Error::internal)?;
    Ok(Arc::new(Platform::new(settings, store, metrics, level)))
}

fn flags(config: &Config) -> Flags {
    let livekit = config.media.livekit_url.as_ref().filter(|_| uses_livekit(config));
    Flags {
        use_livekit: livekit.is_some(),
        use_mock_video: config.media.use_mock_video,
        livekit_url: livekit.map(|url| url.as_str().to_owned()),
        livekit_ws_url: livekit.and_then(socket_address),
        ice_servers: config.media.ice_servers.clone(),
        auth_dev_bypass: config.identity.auth_dev_bypass,
        mercadopago_public_key: config.payments.public_key.clone(),
    }
}

fn uses_livekit(config: &Config) -> bool {
    config.media.livekit_url.is_some() && config.media.use_livekit != UseLivekit::Off
}

/// `http` becomes `ws`, `https` becomes `wss`.
fn socket_address(url: &HttpUrl) -> Option<String> {
    url.as_str().strip_prefix("http").map(|rest| format!("ws{rest}"))
}
