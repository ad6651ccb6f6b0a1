//! What portals need to know before anyone signs in.

use axum::extract::State;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::VERSION;
use crate::http::App;
use crate::http::json::Json;

/// Flags for portals that depend on the configuration; filled by `app.rs`.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Flags {
    /// Whether calls go through `LiveKit`.
    pub use_livekit: bool,
    pub use_mock_video: bool,
    pub livekit_url: Option<String>,
    pub livekit_ws_url: Option<String>,
    /// `RTCIceServer` objects.
    #[schema(value_type = Vec<Object>)]
    pub ice_servers: Vec<Value>,
    pub auth_dev_bypass: bool,
    pub mercadopago_public_key: Option<String>,
}

/// The runtime flags of portals.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = PortalFlags)]
pub struct Portal {
    #[serde(flatten)]
    flags: Flags,
    media: Encoding,
    events_path: &'static str,
    socket_path: &'static str,
    version: &'static str,
}

/// What a portal asks of a camera and its encoder.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Encoding {
    min_bitrate_kbps: u32,
    max_bitrate_kbps: u32,
    max_resolution: &'static str,
    frame_rate: u32,
    simulcast: bool,
}

/// The figures of contract §13.
const ENCODING: Encoding = Encoding {
    min_bitrate_kbps: 500,
    max_bitrate_kbps: 2500,
    max_resolution: "1920x1080",
    frame_rate: 30,
    simulcast: true,
};

/// The runtime flags of portals.
#[utoipa::path(get, path = "/api/config", tag = "Platform", operation_id = "portalConfig",
    responses((status = 200, description = "Flags", body = Portal, example = json!({
        "useLivekit": true, "useMockVideo": false, "livekitUrl": "https://livekit.example",
        "livekitWsUrl": "wss://livekit.example",
        "iceServers": [{"urls": ["stun:stun.example:3478"]}],
        "media": {"minBitrateKbps": 500, "maxBitrateKbps": 2500, "maxResolution": "1920x1080",
            "frameRate": 30, "simulcast": true},
        "authDevBypass": false, "eventsPath": "/events", "socketPath": "/socket.io/",
        "mercadopagoPublicKey": null, "version": "1.0.0"}))))]
pub(super) async fn flags(State(app): State<App>) -> Json<Portal> {
    Json(Portal {
        flags: app.platform.settings.flags.clone(),
        media: ENCODING,
        events_path: "/events",
        socket_path: "/socket.io/",
        version: VERSION,
    })
}
