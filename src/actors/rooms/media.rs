//! What a room needs of a media server: moving the call, recording it, keeping people quiet and out.
//!
//! The rules and records of that are above this layer, like those of files; whoever has them takes the
//! place. As long as nobody does, what is asked is not configured.

use serde_json::{Map, Value};

use crate::actors::desk::{Asker, Waiting};
use crate::domain::consultations::seat::Seat;
use crate::domain::event::Event;
use crate::domain::events::signaling::notices::HandOverReason;
use crate::domain::events::signaling::requests::RecordingAction;
use crate::domain::events::signaling::{MediaKind, QualitySample};
use crate::domain::events::values::MediaMode;
use crate::domain::id::{ConsultationId, RecordingId};
use crate::persistence::consultations::Consultation;

/// A seat inside, and of which room.
#[derive(Debug, Clone)]
pub struct Sitting {
    pub consultation: ConsultationId,
    pub mode: MediaMode,
    pub seat: Seat,
}

/// What is asked of the media server. Whoever asks has the right to.
#[derive(Debug)]
pub enum MediaRequest {
    HandOver {
        to: MediaMode,
        reason: HandOverReason,
    },
    Record {
        action: RecordingAction,
        /// The doctor says that the patient agreed.
        consent: bool,
    },
    /// The patient's answer.
    Consent {
        /// Absent: the one that is asked about.
        recording: Option<RecordingId>,
        consent: bool,
    },
    Silence {
        identity: String,
        kind: MediaKind,
    },
    /// Somebody was put out, and is to stay out.
    SendAway {
        identity: String,
        reason: Option<String>,
    },
    /// What a peer measured.
    Measured(QualitySample),
}

/// What everybody in a call that the media server carries is to hear.
#[derive(Debug)]
pub struct Announcement {
    pub consultation: ConsultationId,
    /// As sockets hear it.
    pub event: Event,
    /// Who heard it by a socket, or waits in the lobby and may not hear it, by their identities.
    pub except: Vec<String>,
}

/// Carries and records calls.
pub trait MediaServer: Send + Sync + 'static {
    /// Does what somebody in a room asks; the answer is what the ack says beside `ok`.
    fn ask<'a>(
        &'a self,
        by: Asker<'a>,
        sitting: &'a Sitting,
        asked: MediaRequest,
    ) -> Waiting<'a, Map<String, Value>>;

    /// Makes place for one more in a call that is full between browsers.
    fn make_place<'a>(&'a self, id: &'a ConsultationId) -> Waiting<'a, ()>;

    /// Sees to it that the media server's room is there, before somebody gets a way into it.
    fn keep_open<'a>(&'a self, id: &'a ConsultationId) -> Waiting<'a, ()>;

    /// Makes the consultation that is not there, for whoever asks for it. Development only.
    fn improvise<'a>(&'a self, by: Asker<'a>, room: &'a str) -> Waiting<'a, ()>;

    /// Tells who is there without a socket, in the order in which it is asked to. Nobody waits for it.
    fn announce(&self, announcement: Announcement);

    /// Draws the conclusions from a consultation that a room moved on.
    fn follow(&self, moved: &Consultation);
}
