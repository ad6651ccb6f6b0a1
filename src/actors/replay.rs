//! What a socket missed: all of it, or the word that it is not all.
//!
//! Every durable event between the last one a client saw and the first it will get live is replayed
//! in order. Where that cannot be done (the event is older than the log, unknown to it, or too many
//! followed) nothing is replayed and `connected` says `gap`, so the client loads anew or asks for
//! pages by `sync`. There is no hole that nobody is told of (contract §6.10, §6.12).

use super::frame::Frame;
use super::relay;
use super::socket::Socket;
use crate::domain::event::Class;
use crate::domain::id::EventId;
use crate::error::Result;
use crate::persistence::{Store, outbox};

/// Events given to one arrival at most. They wait in its queue, which must hold what is published
/// meanwhile too.
const MAX_EVENTS: usize = 500;
/// Bytes of them at most.
const MAX_BYTES: usize = 2 * 1024 * 1024;

/// What an arrival is given of the past.
#[derive(Debug, Default)]
pub(super) struct Replay {
    pub frames: Vec<Frame>,
    /// It is not all that was missed.
    pub has_gap: bool,
}

impl Replay {
    const GAP: Self = Self { frames: Vec::new(), has_gap: true };

    /// What followed `since`, as the client named it, up to `last`, and may be seen by the socket now.
    pub(super) async fn of(
        store: &Store,
        socket: &Socket,
        since: &str,
        last: EventId,
    ) -> Result<Self> {
        let Ok(since) = since.parse().map(EventId) else { return Ok(Self::GAP) };
        if since > last || outbox::is_forgotten(store, since).await? {
            return Ok(Self::GAP);
        }
        let rooms: Vec<_> = socket.topics().iter().map(ToString::to_string).collect();
        let most = i64::try_from(MAX_EVENTS + 1).unwrap_or(i64::MAX);
        let rows = outbox::visible(store, since, Some(&rooms), most).await?;
        let missed: Vec<_> = rows.iter().take_while(|row| row.seq <= last).collect();
        let bytes: usize = missed.iter().map(|row| row.payload.get().len()).sum();
        if missed.len() > MAX_EVENTS || bytes > MAX_BYTES {
            return Ok(Self::GAP);
        }
        let events = missed.into_iter().filter_map(relay::event);
        let frames = events
            .map(|event| socket.frame_of(Class::Durable, event.name, event.payload.get()))
            .collect();
        Ok(Self { frames, has_gap: false })
    }
}
