//! Who is at the media server: asked for in case what it told was lost (contract §5.13).
//!
//! Whoever may not be there is seen to as if it had been told, and whoever is there no more has left. Who came
//! meanwhile is told of by the next event of theirs, and knows it by the room.

use std::time::Duration;

use tracing::warn;

use super::eviction;
use crate::domain::events::consultation::ParticipantView;
use crate::domain::events::values::MediaMode;
use crate::domain::time::Timestamp;
use crate::error::Result;
use crate::http::App;
use crate::http::rounds::rounds;
use crate::media::LiveKit;
use crate::persistence::consultations::removals::{self, Due};
use crate::persistence::consultations::{Consultation, consultations, list, news, participants};

/// How often the roll is called.
const EVERY: Duration = Duration::from_secs(30);
/// How long somebody may be written down before the server lists them.
const PATIENCE: Duration = Duration::from_secs(10);
/// Calls looked at in one round.
const AT_ONCE: i64 = 500;

/// Calls the roll of the calls that the media server carries, until its task is aborted. Any number of nodes
/// may: what is so already stays so.
pub async fn run(app: App) {
    let Some(livekit) = app.calls.media.livekit().cloned() else { return };
    let mut rounds = rounds(EVERY);
    loop {
        rounds.tick().await;
        if let Err(error) = round(&app, &livekit).await {
            warn!(%error, "the media server was not asked who is there");
        }
    }
}

async fn round(app: &App, livekit: &LiveKit) -> Result<()> {
    let asked_at = Timestamp::now();
    let open = livekit.rooms().await?;
    for consultation in list::carried(&app.store, MediaMode::Sfu, AT_ONCE).await? {
        let is_open = open.iter().any(|room| room.name == consultation.room_name);
        let server = is_open.then_some(livekit);
        if let Err(error) = call(app, server, &consultation, asked_at).await {
            warn!(%error, consultation.id = %consultation.id, "who is in a call is not known");
        }
    }
    Ok(())
}

/// The server is asked where the room is open; in one that is not nobody is.
async fn call(
    app: &App,
    server: Option<&LiveKit>,
    consultation: &Consultation,
    asked_at: Timestamp,
) -> Result<()> {
    let there = match server {
        Some(server) => server.participants(&consultation.room_name).await?,
        None => Vec::new(),
    };
    for who in &there {
        let role = eviction::role(&who.metadata);
        let (identity, issue) = (&who.identity, &who.attributes);
        if !eviction::is_welcome(app, consultation, identity, role, issue).await? {
            let mut tx = app.store.begin().await?;
            removals::review(&mut tx, &Due::new(&consultation.id, identity, asked_at)).await?;
            tx.commit().await?;
        }
    }
    let is_gone = |who: &ParticipantView| !there.iter().any(|it| it.identity == who.identity);
    let stays = participants::of_each(&app.store, std::slice::from_ref(&consultation.id)).await?;
    if stays.iter().any(|(_, who)| who.left_at.is_none() && is_gone(who)) {
        note_gone(app, consultation, asked_at, is_gone).await?;
    }
    Ok(())
}

/// Writes down as gone whoever is, unless the call has moved to the browsers meanwhile.
async fn note_gone(
    app: &App,
    consultation: &Consultation,
    asked_at: Timestamp,
    is_gone: impl Fn(&ParticipantView) -> bool,
) -> Result<()> {
    let mut tx = app.store.begin().await?;
    let current = consultations::hold(&mut tx, &consultation.id).await?;
    if current.mode != MediaMode::Sfu {
        return Ok(());
    }
    let (before, mut has_left) = (asked_at.minus(PATIENCE), false);
    for stay in participants::present(&mut tx, &current.id).await? {
        if is_gone(&stay) {
            let (id, identity) = (&current.id, &stay.identity);
            has_left |= participants::leave(&mut tx, id, identity, before, asked_at).await?;
        }
    }
    if has_left {
        let current = consultations::touch(&mut tx, &current.id, Timestamp::now()).await?;
        news::announce(&mut tx, &app.settings.node, &current).await?;
    }
    tx.commit().await?;
    app.hub.outbox_ready();
    Ok(())
}
