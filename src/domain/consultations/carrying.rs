//! How the call of a room is carried, and that it is recorded (contract §6.4).
//!
//! Calls go from browser to browser, or through the media server. Whether one may move, and who has the
//! media server ready, is found out before the room is told.

use super::notice::Notice;
use super::room::Room;
use super::seat::Seat;
use crate::domain::events::signaling::notices::{
    HandOver, HandOverReason, RecordingChanged, RecordingRequest,
};
use crate::domain::events::values::MediaMode;

/// How long a peer has to arrive where the call moves before it gives its present media up.
const DEADLINE_MS: u64 = 15_000;

impl Room {
    /// Moves the call. Everybody inside is told, each with a way in of their own; seats and chat stay.
    /// Nothing happens where it is carried so already.
    pub fn hand_over(&mut self, to: MediaMode, reason: HandOverReason) {
        if self.is_over() || self.mode == to {
            return;
        }
        let inside: Vec<_> =
            (0..self.seats.len()).filter(|at| self.seats[*at].is_inside()).collect();
        for at in &inside {
            let seat = self.seats[*at].clone();
            self.note_left(&seat);
        }
        self.mode = to;
        for at in inside {
            self.note_entered(at);
        }
        for socket in self.sockets(|_| true) {
            let hand_over = HandOver {
                room_id: self.id().to_string(),
                mode: to,
                reason,
                deadline_ms: DEADLINE_MS,
                sfu: None,
            };
            self.tell(vec![socket], Notice::HandOver(hand_over));
        }
    }

    /// Tells everybody inside how the recording stands.
    pub fn note_recording(&mut self, changed: RecordingChanged, runs: bool) {
        self.is_recorded = runs;
        self.tell(self.sockets(|_| true), Notice::Recording(changed));
    }

    /// Asks the patient to agree to a recording.
    pub fn ask_for_consent(&mut self, request: RecordingRequest) {
        self.tell(self.sockets(Seat::consents), Notice::RecordingRequest(request));
    }
}
