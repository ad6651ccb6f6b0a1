//! Who is at the media server: asked for in case what it told was lost (contract §5.13).
//!
//! Whoever may not be there is seen to as if it had been told, and whoever is there no more has left. Who came
//! meanwhile is told of by the next event of theirs, and knows it by the room.

use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};
use tracing::warn;

use super::eviction;
use crate::domain::events::values::MediaMode;
use crate::domain::time::Timestamp;
use crate::error::Result;
use crate::http::App;
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
    let mut ticks = interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        if let Err(error) = round(&app, &livekit).await {
            warn!(%error, "the media server was not asked who is there");
        }
    }
}

async fn round(app: &App, livekit: &LiveKit) -> Result<()> {
    for consultation in list::carried(&app.store, MediaMode::Sfu, AT_ONCE).await? {
        if let Err(error) = call(app, livekit, &consultation).await {
            warn!(%error, consultation.id = %consultation.id, "who is in a call is not known");
        }
    }
    Ok(())
}

async fn call(app: &App, livekit: &LiveKit, consultation: &Consultation) -> Result<()> {
    let asked_at = Timestamp::now();
    let there = livekit.participants(&consultation.room_name).await?;
    let mut unwelcome = Vec::new();
    for who in &there {
        let role = eviction::role(&who.metadata);
        let (identity, issue) = (&who.identity, &who.attributes);
        if !eviction::is_welcome(app, consultation, identity, role, issue).await? {
            unwelcome.push(identity);
        }
    }
    let mut tx = app.store.begin().await?;
    let current = consultations::hold(&mut tx, &consultation.id).await?;
    for identity in unwelcome {
        removals::review(&mut tx, &Due::new(&current.id, identity, asked_at)).await?;
    }
    let is_gone = |identity: &str| !there.iter().any(|who| who.identity == identity);
    let mut has_left = false;
    if current.mode == MediaMode::Sfu {
        let before = asked_at.minus(PATIENCE);
        for stay in participants::present(&mut tx, &current.id).await? {
            if is_gone(&stay.identity) {
                has_left |=
                    participants::leave(&mut tx, &current.id, &stay.identity, before, asked_at)
                        .await?;
            }
        }
    }
    if has_left {
        let current = consultations::touch(&mut tx, &current.id, asked_at).await?;
        news::announce(&mut tx, &app.settings.node, &current).await?;
    }
    tx.commit().await?;
    app.hub.outbox_ready();
    Ok(())
}
