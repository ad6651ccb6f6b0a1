//! What somebody who comes in is handed: relays, and a way into the media server.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::auth::{Audience, RoomTokens};
use crate::domain::consultations::grant::Pass;
use crate::domain::events::signaling::IceServer;
use crate::domain::events::signaling::requests::SfuGrant;
use crate::domain::time::Timestamp;
use crate::error::Result;
use crate::media::Ice;

/// Hands it out. Cheap to clone.
#[derive(Clone)]
pub struct Entrance {
    pub tokens: Arc<RoomTokens>,
    pub ice: Ice,
    /// Where the media server is, where there is one.
    pub media: Option<MediaAddress>,
    /// How long a token of a room lives.
    pub token_ttl: Duration,
    /// Whether a call that nobody made is made when somebody comes, and whoever comes takes part.
    /// Development only.
    pub takes_anybody: bool,
}

/// The media server as browsers reach it by HTTP and by WebSocket.
#[derive(Debug, Clone)]
pub struct MediaAddress {
    pub http: String,
    pub ws: String,
}

impl fmt::Debug for Entrance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entrance").field("media", &self.media).finish_non_exhaustive()
    }
}

impl Entrance {
    /// The relays that somebody may use.
    pub(super) fn ice_servers(&self, pass: &Pass) -> Vec<IceServer> {
        self.ice.servers(&pass.identity, Timestamp::now())
    }

    /// A way into the media server for somebody who is inside since a moment. None where there is none.
    pub(super) fn sfu(&self, pass: &Pass, since: Timestamp) -> Result<Option<SfuGrant>> {
        let Some(media) = &self.media else { return Ok(None) };
        let (audience, now) = (Audience::MediaServer, Timestamp::now().max(since));
        // Whoever is handed it was let in.
        let pass = Pass { is_waiting: false, ..pass.clone() };
        Ok(Some(SfuGrant {
            livekit_url: media.http.clone(),
            livekit_ws_url: media.ws.clone(),
            room_name: None,
            token: self.tokens.issue(&pass, audience, self.token_ttl, now)?,
        }))
    }
}

#[cfg(test)]
impl Entrance {
    /// Into calls from browser to browser.
    pub(crate) fn between_browsers(secret: &[u8]) -> Self {
        let keys = crate::auth::rooms::Settings { secret, previous_secret: None, media: None };
        Self {
            tokens: Arc::new(RoomTokens::new(&keys)),
            ice: Ice::default(),
            media: None,
            token_ttl: Duration::from_hours(2),
            takes_anybody: false,
        }
    }
}
