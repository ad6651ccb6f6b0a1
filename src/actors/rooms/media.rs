//! What a room needs of a media server: moving the call, recording it.
//!
//! The rules and records of recordings are above this layer, like those of files; whoever has them
//! takes the place. As long as nobody does, what is asked is not configured.

use serde_json::{Map, Value};

use crate::actors::desk::Waiting;
use crate::domain::consultations::seat::Seat;
use crate::domain::events::signaling::requests::{
    ControlRecording, RecordingConsent, RequestHandOver,
};
use crate::domain::events::values::MediaMode;
use crate::domain::id::ConsultationId;

/// A seat inside, and of which room.
#[derive(Debug, Clone)]
pub struct Sitting {
    pub consultation: ConsultationId,
    pub mode: MediaMode,
    pub seat: Seat,
    /// How its holder is known outside the hub; observers are not.
    pub identity: Option<String>,
}

/// What a peer asks of the media server. Its role allows it.
#[derive(Debug)]
pub enum MediaRequest {
    HandOver(RequestHandOver),
    Record(ControlRecording),
    Consent(RecordingConsent),
}

/// Carries and records calls.
pub trait MediaServer: Send + Sync + 'static {
    /// Does what a peer asks; the answer is what its ack says beside `ok`.
    fn ask<'a>(&'a self, by: &'a Sitting, asked: MediaRequest) -> Waiting<'a, Map<String, Value>>;
}
