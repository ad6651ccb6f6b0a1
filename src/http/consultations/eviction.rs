//! Taking people out of the media server who may not be there (invariant I3: within a second).
//!
//! Whatever takes the right away leaves a note in the transaction of its cause. The server is looked at for
//! it until it is known to have nobody of that name there, or somebody who may be: a server that is away, or
//! a node that dies in between, only puts it off.

use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream;
use serde::Deserialize;
use serde_json::json;
use tracing::warn;

use super::rooms::record;
use crate::domain::consultations::issue::Issue;
use crate::domain::events::signaling::SeatRole;
use crate::domain::events::values::MediaMode;
use crate::domain::time::Timestamp;
use crate::error::{Kind, Result};
use crate::http::App;
use crate::http::author::Author;
use crate::http::rounds::rounds;
use crate::media::LiveKit;
use crate::media::webhook::Participant;
use crate::persistence::consultations::consultations::{self, Name, Whose};
use crate::persistence::consultations::holders::{self, Named};
use crate::persistence::consultations::removals::{self, Due};
use crate::persistence::consultations::{Consultation, invites};

/// How often it is looked for what is due.
const EVERY: Duration = Duration::from_millis(250);
/// The wait after a first look that came to nothing; it doubles with each one.
const FIRST_WAIT: Duration = Duration::from_millis(500);
const LONGEST_WAIT: Duration = Duration::from_secs(30);
/// How long whoever puts somebody out sees to it alone.
const OWN_ATTEMPT: Duration = Duration::from_secs(10);
/// Clocks of nodes differ, and transactions wait: look back this far for invitations that were taken back.
const OVERLAP: Duration = Duration::from_secs(15);
/// Notes taken in one round, and seen to at once.
const BATCH: i64 = 64;
const AT_ONCE: usize = 8;

/// Sees to what is due until its task is aborted.
pub async fn run(app: App) {
    let mut rounds = rounds(EVERY);
    let mut since = Timestamp::now();
    loop {
        rounds.tick().await;
        let now = Timestamp::now();
        match round(&app, since.minus(OVERLAP)).await {
            Ok(()) => since = now,
            // The next round looks back to where this one failed.
            Err(error) => warn!(%error, "people who may not be in a call may still be there"),
        }
    }
}

async fn round(app: &App, since: Timestamp) -> Result<()> {
    for (id, invite) in invites::revoked_since(&app.store, since).await? {
        app.hub.dismiss_guest(&id, invite);
    }
    let due = removals::due(&app.store, Timestamp::now(), BATCH).await?;
    let seen = stream::iter(due).map(|due| retry(app, due)).buffer_unordered(AT_ONCE);
    seen.collect::<Vec<_>>().await.into_iter().collect()
}

async fn retry(app: &App, due: Due) -> Result<()> {
    let id = due.consultation_id.clone();
    let doublings = u32::try_from(due.attempts).unwrap_or(u32::MAX);
    let wait = FIRST_WAIT.saturating_mul(2_u32.saturating_pow(doublings)).min(LONGEST_WAIT);
    let mut tx = app.store.begin().await?;
    let taken = removals::attempt(&mut tx, due, Timestamp::now().plus(wait)).await?;
    tx.commit().await?;
    let Some(due) = taken else { return Ok(()) };
    let consultation = consultations::find(&app.store, Name::Id(&id), Whose::Everyones).await?;
    if let Err(error) = see_to(app, &consultation, &due).await {
        warn!(%error, consultation.id = %id, attempt = due.attempts + 1,
            "the media server was not looked at for somebody who may not be there");
    }
    Ok(())
}

/// Keeps somebody out who was put out of a room: at the media server, and by the tokens they have. False
/// when nobody of that identity is at the media server. A failure is tried again behind the answer.
pub(super) async fn keep_out(
    author: &Author<'_>,
    consultation: &Consultation,
    identity: &str,
    reason: Option<String>,
) -> Result<bool> {
    let (app, now) = (author.app, Timestamp::now());
    // In a call between browsers nobody should be there.
    let is_carried = consultation.mode == MediaMode::Sfu;
    let due_at = if is_carried { now.plus(OWN_ATTEMPT) } else { now };
    let due = Due::new(&consultation.id, identity, due_at);
    let mut tx = app.store.begin().await?;
    removals::note(&mut tx, &due, now).await?;
    tx.commit().await?;
    let deed =
        ("participant_disconnected", [("identity", json!(identity)), ("reason", json!(reason))]);
    record(author, consultation, deed).await?;
    if is_carried { see_to(app, consultation, &due).await } else { Ok(false) }
}

/// Takes somebody out of the media server who may not be there. True when it did.
async fn see_to(app: &App, consultation: &Consultation, due: &Due) -> Result<bool> {
    let was_there = match app.calls.media.livekit() {
        Some(server) => take_out(app, server, consultation, &due.identity).await?,
        None => false,
    };
    let mut tx = app.store.begin().await?;
    removals::settle(&mut tx, due).await?;
    tx.commit().await?;
    Ok(was_there)
}

async fn take_out(
    app: &App,
    server: &LiveKit,
    consultation: &Consultation,
    identity: &str,
) -> Result<bool> {
    let room = &consultation.room_name;
    let participants = server.participants(room).await?;
    let Some(found) = participants.into_iter().find(|it| it.identity == identity) else {
        return Ok(false);
    };
    if is_welcome(app, consultation, identity, role(&found.metadata), &found.attributes).await? {
        return Ok(false);
    }
    match server.remove(room, identity).await {
        // They went by themselves.
        Err(error) if matches!(error.kind(), Kind::NotFound(_)) => Ok(false),
        removed => removed.map(|()| true),
    }
}

/// Whether somebody who comes to a room of the media server may be there; also true of rooms of others.
pub(super) async fn is_welcome_in(app: &App, room: &str, who: &Participant) -> Result<bool> {
    let known = consultations::find(&app.store, Name::Room(room), Whose::Everyones).await;
    match known {
        Ok(consultation) => {
            let role = role(&who.metadata);
            is_welcome(app, &consultation, &who.identity, role, &who.attributes).await
        }
        Err(error) if matches!(error.kind(), Kind::NotFound(_)) => Ok(true),
        Err(error) => Err(error),
    }
}

/// What a token of ours says its bearer is.
pub(super) fn role(metadata: &str) -> Option<SeatRole> {
    #[derive(Deserialize)]
    struct Metadata {
        role: SeatRole,
    }
    serde_json::from_str::<Metadata>(metadata).ok().map(|it| it.role)
}

/// Whether somebody may be at the media server by the token they came with.
pub(super) async fn is_welcome(
    app: &App,
    consultation: &Consultation,
    identity: &str,
    role: Option<SeatRole>,
    issue: &Issue,
) -> Result<bool> {
    if consultation.status.is_over() || consultation.mode == MediaMode::P2p {
        return Ok(false);
    }
    let removed_at = removals::at(&app.store, &consultation.id, identity).await?;
    if removed_at.is_some_and(|at| !issue.is_after(at)) {
        return Ok(false);
    }
    // Whoever has no token of ours is nobody we know.
    let Some(role) = role else { return Ok(true) };
    let (consultation, session) = (&consultation.id, issue.session.as_ref());
    let named = Named { consultation, identity, role, session };
    match holders::find(&app.store, named, Timestamp::now()).await {
        Ok(_) => Ok(true),
        Err(error) => match error.kind() {
            Kind::Unauthenticated(_) | Kind::AccountInactive { .. } | Kind::Forbidden(_) => {
                Ok(false)
            }
            _ => Err(error),
        },
    }
}
