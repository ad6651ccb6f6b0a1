//! Calls: LiveKit, peer-to-peer rooms, relays and recording.

use std::time::Duration;

use super::key::{Key, Unit, section};
use super::reader::Reader;
use super::values::{MediaUrl, UseLivekit};
use crate::domain::consultations::ice;
use crate::domain::secret::Secret;

section! {
    /// How calls are carried.
    pub struct Media {
        /// The LiveKit server's address, by HTTP or by WebSocket.
        pub livekit_url: Option<MediaUrl> = Key::new("LIVEKIT_API_URL"),
        /// The LiveKit API key.
        pub livekit_key: Option<Secret> = Key::new("LIVEKIT_API_KEY"),
        /// The LiveKit API secret.
        pub livekit_secret: Option<Secret> = Key::new("LIVEKIT_API_SECRET"),
        /// Life of a LiveKit token.
        pub livekit_token_ttl: Duration = Key::new("LIVEKIT_TOKEN_TTL_SECONDS").range(1, 604_800).or("7200"),
        /// `auto` uses LiveKit where it is configured, `true` insists on it, `false` never uses it.
        pub use_livekit: UseLivekit = Key::new("USE_LIVEKIT")
            .aliases(&["NEXT_PUBLIC_USE_LIVEKIT"])
            .or("auto"),
        /// Tells portals to show a mock video instead of a call.
        pub use_mock_video: bool = Key::new("USE_MOCK_VIDEO")
            .aliases(&["NEXT_PUBLIC_USE_MOCK_VIDEO"])
            .or("false"),
        /// STUN and TURN servers for browsers, a JSON array of `RTCIceServer`.
        pub ice_servers: Vec<serde_json::Value> = Key::new("ICE_SERVERS").check(are_ice_servers).or("[]"),
        /// The secret shared with coturn, from which its credentials are minted.
        pub turn_secret: Option<Secret> = Key::new("TURN_SECRET"),
        /// The relays that accept those credentials, a comma list of `turn:` URLs.
        pub turn_urls: Vec<String> = Key::new("TURN_URLS").check(are_turn_urls).or(""),
        /// Peers at most in a peer-to-peer room.
        pub p2p_max_peers: usize = Key::new("P2P_MAX_PEERS").range(2, 50).or("4"),
        /// Moves a call that goes badly between browsers to LiveKit without being asked.
        pub sfu_auto_handover: bool = Key::new("SFU_AUTO_HANDOVER").or("false"),
        /// How long a lost peer keeps its seat.
        pub signaling_grace: Duration = Key::new("SIGNALING_GRACE_MS").unit(Unit::Milliseconds).range(0, 3_600_000).or("15000"),
        /// How long an empty room stays open.
        pub room_idle: Duration = Key::new("ROOM_IDLE_SECONDS").range(1, 86_400).or("300"),
        /// Records only what every patient has agreed to.
        pub recording_require_consent: bool = Key::new("RECORDING_REQUIRE_CONSENT").or("true"),
    }
}

fn are_ice_servers(text: &str) -> Result<(), &'static str> {
    let servers: Result<Vec<serde_json::Value>, _> = serde_json::from_str(text);
    let are_good = servers.is_ok_and(|servers| servers.iter().all(|it| ice::read(it).is_some()));
    if are_good { Ok(()) } else { Err("must be a JSON array of RTCIceServer objects") }
}

fn are_turn_urls(text: &str) -> Result<(), &'static str> {
    let are_turn = super::setting::items(text)
        .all(|url| ["turn:", "turns:", "stun:"].iter().any(|scheme| url.starts_with(scheme)));
    if are_turn { Ok(()) } else { Err("must be a comma list of turn: URLs") }
}

pub(super) fn rules(reader: &mut Reader) {
    reader.all_or_none(&["LIVEKIT_API_URL", "LIVEKIT_API_KEY", "LIVEKIT_API_SECRET"]);
    reader.all_or_none(&["TURN_SECRET", "TURN_URLS"]);
    let insists = reader.peek("USE_LIVEKIT") == Some(UseLivekit::On);
    if insists && reader.text("LIVEKIT_API_URL").is_none() {
        reader.problem(
            "USE_LIVEKIT",
            "needs LIVEKIT_API_URL, LIVEKIT_API_KEY and LIVEKIT_API_SECRET",
        );
    }
}
