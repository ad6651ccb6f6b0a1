//! Ways into a room: a token, and where to take it.

use std::time::Duration;

use serde::Serialize;
use utoipa::ToSchema;

use crate::auth::Audience;
use crate::domain::consultations::grant::Pass;
use crate::domain::events::signaling::requests::LobbyStatus;
use crate::domain::events::signaling::{IceServer, SeatRole};
use crate::domain::events::values::MediaMode;
use crate::domain::time::Timestamp;
use crate::error::Result;
use crate::http::App;
use crate::persistence::consultations::Consultation;

/// A token for one room, and how long it lives.
pub(super) struct Token {
    pub text: String,
    pub expires_at: Timestamp,
}

/// What somebody who joins is given.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
pub(super) enum Entry {
    Seat(Seat),
    Lobby(Lobby),
}

/// The way into the room.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Seat {
    token: String,
    role: SeatRole,
    identity: String,
    room_name: String,
    mode: MediaMode,
    /// Null where calls go from browser to browser.
    livekit_url: Option<String>,
    livekit_ws_url: Option<String>,
    ice_servers: Vec<IceServer>,
    expires_at: Timestamp,
}

/// The way into the lobby, where the doctor lets people in from.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Lobby {
    status: LobbyStatus,
    token: String,
    role: SeatRole,
    identity: String,
    room_name: String,
    mode: MediaMode,
    expires_at: Timestamp,
}

impl Token {
    /// For somebody, in the mode the consultation is in.
    pub(super) fn of(
        app: &App,
        consultation: &Consultation,
        pass: &Pass,
        life: Option<Duration>,
        now: Timestamp,
    ) -> Result<Self> {
        let audience = match consultation.mode {
            MediaMode::Sfu => Audience::MediaServer,
            MediaMode::P2p => Audience::Signaling,
        };
        let life = life.unwrap_or(app.calls.settings.token_ttl);
        let text = app.calls.tokens.issue(pass, audience, life, now)?;
        Ok(Self { text, expires_at: Timestamp(now.plus(life).seconds() * 1000) })
    }
}

impl Entry {
    pub(super) fn of(app: &App, consultation: &Consultation, pass: Pass) -> Result<Self> {
        let now = Timestamp::now();
        let Token { text: token, expires_at } = Token::of(app, consultation, &pass, None, now)?;
        let Pass { identity, room: room_name, role, .. } = pass;
        let mode = consultation.mode;
        if pass.is_waiting {
            let status = LobbyStatus::Waiting;
            return Ok(Self::Lobby(Lobby {
                status,
                token,
                role,
                identity,
                room_name,
                mode,
                expires_at,
            }));
        }
        let (livekit_url, livekit_ws_url) = addresses(app, mode);
        let ice_servers = app.calls.ice.servers(&identity, now);
        Ok(Self::Seat(Seat {
            token,
            role,
            identity,
            room_name,
            mode,
            livekit_url,
            livekit_ws_url,
            ice_servers,
            expires_at,
        }))
    }
}

/// Where the media server is, for a call that goes through it.
pub(super) fn addresses(app: &App, mode: MediaMode) -> (Option<String>, Option<String>) {
    let addresses = app.calls.settings.addresses.as_ref();
    let addresses = addresses.filter(|_| mode == MediaMode::Sfu);
    (addresses.map(|it| it.http.clone()), addresses.map(|it| it.ws.clone()))
}
