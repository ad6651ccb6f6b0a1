//! What everybody in a call is to hear, for those who came to the media server without a socket.
//!
//! It waits in a queue of its call, so it goes out in order, behind the sockets and in nobody's way. A server
//! that fails costs its hearers that message: what was said can be read, and whether a call is filmed the server
//! shows too. Who may not be there by their token hears nothing, whether or not they are gone by now.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use parking_lot::Mutex;
use serde::Serialize;
use serde_json::value::RawValue;
use tracing::warn;

use super::eviction;
use crate::actors::hub::Announcement;
use crate::domain::events::values::MediaMode;
use crate::domain::id::ConsultationId;
use crate::error::{Error, Result};
use crate::http::App;
use crate::media::LiveKit;
use crate::persistence::consultations::consultations::{self, Name, Whose};

/// What may wait of one call; a server that is that far behind is told no more of it.
const MOST: usize = 100;

/// What waits, by call: those of which there is an entry are seen to.
#[derive(Default)]
pub(super) struct Announcements(Mutex<HashMap<ConsultationId, Vec<Announcement>>>);

/// As it travels.
#[derive(Serialize)]
struct Data<'a> {
    event: &'static str,
    payload: &'a RawValue,
}

impl Announcements {
    /// Makes an announcement, in the background.
    pub(super) fn make(self: &Arc<Self>, app: &App, announcement: Announcement) {
        let Some(server) = app.calls.media.livekit().cloned() else { return };
        let id = announcement.consultation.clone();
        if !self.add(announcement) {
            return;
        }
        let (waiting, app) = (Arc::clone(self), app.clone());
        tokio::spawn(async move {
            while let Some(due) = waiting.take(&id) {
                if let Err(error) = announce(&app, &server, &id, &due).await {
                    warn!(%error, consultation.id = %id,
                        "who is at the media server without a socket was not told");
                }
            }
        });
    }

    /// True when nobody sees to its call yet.
    fn add(&self, announcement: Announcement) -> bool {
        match self.0.lock().entry(announcement.consultation.clone()) {
            Entry::Vacant(entry) => {
                entry.insert(vec![announcement]);
                true
            }
            Entry::Occupied(mut entry) => {
                if entry.get().len() < MOST {
                    entry.get_mut().push(announcement);
                } else {
                    warn!(consultation.id = %entry.key(), "the media server is too slow to be told");
                }
                false
            }
        }
    }

    /// All that waits of a call, in order. None, and nobody sees to the call any more, when nothing does.
    fn take(&self, id: &ConsultationId) -> Option<Vec<Announcement>> {
        let mut waiting = self.0.lock();
        let due = std::mem::take(waiting.get_mut(id)?);
        if due.is_empty() {
            waiting.remove(id);
            return None;
        }
        Some(due)
    }
}

async fn announce(
    app: &App,
    server: &LiveKit,
    id: &ConsultationId,
    due: &[Announcement],
) -> Result<()> {
    let consultation = consultations::find(&app.store, Name::Id(id), Whose::Everyones).await?;
    if consultation.mode == MediaMode::P2p || consultation.status.is_over() {
        return Ok(());
    }
    let room = &consultation.room_name;
    let mut hearers = Vec::new();
    for who in server.participants(room).await? {
        let is_spared = |it: &Announcement| it.except.contains(&who.identity);
        // Recorders and strangers have no token of ours.
        let Some(role) = eviction::role(&who.metadata).filter(|_| !due.iter().all(is_spared))
        else {
            continue;
        };
        let (identity, issue) = (&who.identity, &who.attributes);
        if eviction::is_welcome(app, &consultation, identity, Some(role), issue).await? {
            hearers.push(who.identity);
        }
    }
    for Announcement { event, except, .. } in due {
        let data = Data { event: event.name, payload: &event.payload };
        let data = serde_json::to_vec(&data).map_err(Error::internal)?;
        let to = hearers.iter().filter(|it| !except.contains(it)).map(String::as_str);
        server.send(room, &to.collect::<Vec<_>>(), &data).await?;
    }
    Ok(())
}
