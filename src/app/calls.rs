//! What calls are made of, from the configuration.

use std::sync::Arc;

use crate::actors::hub::{Entrance, MediaAddress};
use crate::auth::{RoomTokens, rooms};
use crate::config::Config;
use crate::config::values::UseLivekit;
use crate::domain::consultations::ice;
use crate::domain::secret::Secret;
use crate::error::Result;
use crate::http::consultations::{Calls, MediaKeys, Settings};
use crate::media::livekit::Bucket;
use crate::media::{Ice, LiveKit, Media, Webhooks};

/// The media server that is to be used.
struct Server<'a> {
    url: &'a str,
    key: &'a Secret,
    secret: &'a Secret,
}

pub(super) fn calls(config: &Config) -> Result<Calls> {
    let (media, identity) = (&config.media, &config.identity);
    let server = server(config);
    let tokens = RoomTokens::new(&rooms::Settings {
        secret: identity.jwt_secret.expose().as_bytes(),
        previous_secret: identity.jwt_previous_secret.as_ref().map(|it| it.expose().as_bytes()),
        media: server.as_ref().map(|server| (server.key, server.secret)),
    });
    let webhooks = server.as_ref().map(|server| Webhooks::new(server.key, server.secret));
    let addresses = server.as_ref().map(|server| MediaAddress {
        http: with_scheme(server.url, "http"),
        ws: with_scheme(server.url, "ws"),
    });
    let livekit = match server {
        Some(Server { url, key, secret }) => {
            let url = with_scheme(url, "http");
            Media::LiveKit(LiveKit::new(&url, key, secret, bucket(config))?)
        }
        None => Media::Disabled,
    };
    let relays = media.turn_secret.clone().map(|secret| (media.turn_urls.clone(), secret));
    let servers = media.ice_servers.iter().filter_map(ice::read).collect();
    Ok(Calls {
        tokens: Arc::new(tokens),
        media: livekit,
        webhooks,
        ice: Ice { servers, relays },
        keys: MediaKeys::default(),
        settings: Settings {
            addresses,
            token_ttl: media.livekit_token_ttl,
            needs_consent: media.recording_require_consent,
            room_idle: media.room_idle,
            p2p_max_peers: media.p2p_max_peers,
            moves_bad_calls: media.sfu_auto_handover,
            takes_unknown_references: identity.auth_dev_bypass,
            bucket: config.storage.s3_bucket.clone(),
        },
    })
}

/// What rooms hand to those who come in.
pub(super) fn entrance(calls: &Calls) -> Entrance {
    Entrance {
        tokens: Arc::clone(&calls.tokens),
        ice: calls.ice.clone(),
        media: calls.settings.addresses.clone(),
        token_ttl: calls.settings.token_ttl,
        takes_anybody: calls.settings.takes_unknown_references,
    }
}

/// Whether calls go through the media server.
pub(super) fn uses_livekit(config: &Config) -> bool {
    server(config).is_some()
}

fn server(config: &Config) -> Option<Server<'_>> {
    let media = &config.media;
    if media.use_mock_video || media.use_livekit == UseLivekit::Off {
        return None;
    }
    // All of these are set, or none.
    let (url, key) = (media.livekit_url.as_ref()?, media.livekit_key.as_ref()?);
    Some(Server { url: url.as_str(), key, secret: media.livekit_secret.as_ref()? })
}

/// Where the recorder writes its films.
fn bucket(config: &Config) -> Option<Bucket> {
    let how = &config.storage;
    // All of these are set, or none.
    Some(Bucket {
        name: how.s3_bucket.clone()?,
        region: how.region.clone()?,
        access_key_id: how.access_key_id.clone()?,
        secret_access_key: how.secret_access_key.clone()?,
        endpoint: how.s3_endpoint.as_ref().map(|url| url.as_str().to_owned()),
        path_style: how.s3_force_path_style,
    })
}

/// The same address by another protocol, as secure as it was.
pub(super) fn with_scheme(url: &str, scheme: &str) -> String {
    match url.split_once("://") {
        Some((known, rest)) if known.ends_with('s') => format!("{scheme}s://{rest}"),
        Some((_, rest)) => format!("{scheme}://{rest}"),
        None => url.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_keeps_its_safety_under_another_protocol() {
        assert_eq!(with_scheme("wss://livekit.example", "http"), "https://livekit.example");
        assert_eq!(with_scheme("http://127.0.0.1:7880", "ws"), "ws://127.0.0.1:7880");
    }
}
