//! Consultations over HTTP (contract §5.13): created, joined, moved on, recorded and measured.
//!
//! [`access`] says what a caller is to a consultation; every handler asks it before it looks. The call
//! itself is not here: browsers talk over sockets, or to the media server by the tokens of [`entry`].

mod access;
mod announcements;
mod carrier;
mod create;
mod directory;
mod entry;
pub mod eviction;
mod filming;
pub mod films;
mod guests;
pub mod handover;
mod joining;
mod keys;
mod media_rooms;
mod messages;
mod moves;
mod precheck;
mod recorder;
mod recording;
mod recordings;
pub mod roll_call;
mod rooms;
mod stats;
mod video;
mod view;
mod webhook;

use std::sync::Arc;
use std::time::Duration;

use axum::routing::{get, post};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub use carrier::Carrier;
pub use keys::MediaKeys;

use super::App;
use crate::actors::hub::MediaAddress;
use crate::auth::RoomTokens;
use crate::media::{Ice, Media, Webhooks};

/// What calls are made of.
pub struct Calls {
    pub tokens: Arc<RoomTokens>,
    pub media: Media,
    /// Reads what the media server tells by itself.
    pub webhooks: Option<Webhooks>,
    pub ice: Ice,
    pub keys: MediaKeys,
    pub settings: Settings,
}

/// The settings of this context, filled by `app.rs`.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The media server as browsers reach it by HTTP and by WebSocket, where there is one.
    pub addresses: Option<MediaAddress>,
    /// How long a token of a room lives.
    pub token_ttl: Duration,
    /// Records only what the patient agreed to.
    pub needs_consent: bool,
    /// How long an empty room stays open.
    pub room_idle: Duration,
    /// Peers at most where each sends its media to each.
    pub p2p_max_peers: usize,
    /// Whether a call that goes badly moves to the media server by itself.
    pub moves_bad_calls: bool,
    /// Whether references may mean nobody here.
    pub takes_unknown_references: bool,
    /// The bucket of films, where there is one.
    pub bucket: Option<String>,
}

/// The routes of this context. Those the platform's older clients know go by their bare names too.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(create::create))
        .routes(routes!(directory::list))
        .routes(routes!(directory::one))
        .routes(routes!(joining::join))
        .routes(routes!(joining::token))
        .routes(routes!(moves::start))
        .routes(routes!(moves::end))
        .routes(routes!(moves::cancel))
        .routes(routes!(handover::hand_over))
        .routes(routes!(messages::list))
        .routes(routes!(precheck::precheck))
        .routes(routes!(keys::show))
        .routes(routes!(guests::invite))
        .routes(routes!(guests::redeem))
        .routes(routes!(guests::revoke))
        .routes(routes!(recording::start))
        .routes(routes!(recording::stop))
        .routes(routes!(recordings::list))
        .routes(routes!(recordings::one, recordings::patch, recordings::delete))
        .routes(routes!(recordings::url))
        .routes(routes!(rooms::active))
        .routes(routes!(stats::show, stats::report))
        .routes(routes!(video::open_visit))
        .routes(routes!(rooms::disconnect))
        .routes(routes!(rooms::mute))
        .routes(routes!(webhook::receive))
        .route("/consultations", post(create::create))
        .route("/rooms/active", get(rooms::active))
        .route("/rooms/{roomName}/stats", get(stats::show))
}
