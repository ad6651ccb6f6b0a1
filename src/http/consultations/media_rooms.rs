//! The media server's rooms, which are there before anybody is sent to them.
//!
//! The server forgets a room in which nobody is, and opens one by itself for whoever comes with a token, as
//! its own configuration says. So a room is opened once more whenever a way into it is handed out: one that
//! is open stays as it is.

use tracing::warn;

use crate::domain::events::values::MediaMode;
use crate::domain::time::Timestamp;
use crate::error::{Error, Kind, Result};
use crate::http::App;
use crate::media::livekit::NewRoom;
use crate::persistence::consultations::{Consultation, consultations};

/// Opens a room at the media server, and answers its id.
pub(super) async fn open_room(app: &App, name: &str, max_participants: i64) -> Result<String> {
    let livekit = app.calls.media.livekit().ok_or_else(no_media_server)?;
    let idle = app.calls.settings.room_idle;
    livekit.create_room(NewRoom { name, idle, max_participants }).await
}

/// Sees to it that the room is there that carries a consultation, if any does. A server that fails keeps
/// nobody out: whoever is in a call that it does not carry is brought back to the browsers.
pub(super) async fn keep_open(app: &App, consultation: &Consultation) {
    if consultation.mode == MediaMode::P2p {
        return;
    }
    if let Err(error) = reopen(app, consultation).await {
        warn!(%error, consultation.id = %consultation.id, "room not opened again");
    }
}

async fn reopen(app: &App, known: &Consultation) -> Result<()> {
    let sid = open_room(app, &known.room_name, known.max_participants).await?;
    if known.room_sid.as_ref() == Some(&sid) {
        return Ok(());
    }
    let mut tx = app.store.begin().await?;
    let current = consultations::hold(&mut tx, &known.id).await?;
    if current.mode == MediaMode::Sfu && !current.status.is_over() {
        let (mode, now) = (current.mode, Timestamp::now());
        consultations::set_mode(&mut tx, &current.id, mode, Some(&sid), now).await?;
    }
    tx.commit().await
}

pub(super) fn no_media_server() -> Error {
    let missing = vec!["LIVEKIT_API_URL", "LIVEKIT_API_KEY", "LIVEKIT_API_SECRET"];
    Kind::NotConfigured { missing }.into()
}
