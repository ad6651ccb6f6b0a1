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
pub const DEADLINE_MS: u64 = 15_000;

/// That a call is carried otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ModeChange {
    pub to: MediaMode,
    pub reason: HandOverReason,
    /// The consultation's by the move.
    pub version: i64,
}

impl Room {
    /// Moves the call. Everybody inside is told, each with a way in of their own; seats and chat stay.
    /// Nothing happens where it is carried so already, or was moved since: news of two moves may pass each
    /// other.
    pub fn hand_over(&mut self, ModeChange { to, reason, version }: ModeChange) {
        if self.is_over() || version <= self.moved_by {
            return;
        }
        self.moved_by = version;
        if self.mode == to {
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
                version: None,
            };
            self.tell(vec![socket], Notice::HandOver(hand_over));
        }
    }

    /// Tells everybody inside how the recording stands; and everybody in the call where no other node does.
    pub fn note_recording(&mut self, changed: RecordingChanged, runs: bool, is_ours: bool) {
        self.is_recorded = runs;
        let notice = Notice::Recording(changed);
        if is_ours {
            self.tell_call(notice);
        } else {
            self.tell(self.sockets(|_| true), notice);
        }
    }

    /// Asks the patient to agree to a recording.
    pub fn ask_for_consent(&mut self, request: RecordingRequest) {
        self.tell(self.sockets(Seat::consents), Notice::RecordingRequest(request));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::domain::consultations::notice::Effect;
    use crate::domain::consultations::room_tests::{DOCTOR, PATIENT, Scene};
    use crate::domain::time::Timestamp;

    #[test]
    fn of_two_moves_the_later_one_counts_in_whichever_order_they_are_told() {
        let mut scene = Scene::new(false);
        scene.seat(PATIENT, "p");
        scene.room.take_effects();

        // The room opened by the first version.
        for (to, version) in [(MediaMode::Sfu, 1), (MediaMode::Sfu, 3), (MediaMode::P2p, 2)] {
            scene.hand_over(to, HandOverReason::Requested, version);
        }

        assert_eq!(scene.told("p"), ["hand-over Sfu Requested"]);
        assert_eq!(scene.room.mode(), MediaMode::Sfu);
    }

    /// Whom the media server is to spare, of what is announced at a recording.
    fn spared(scene: &mut Scene, is_ours: bool) -> Vec<Vec<String>> {
        scene.room.take_effects();
        let changed = RecordingChanged {
            room_id: "c".into(),
            recording_id: 1,
            status: "starting".into(),
            by: "1".into(),
            mock: false,
            timestamp: Timestamp(0),
        };
        scene.room.note_recording(changed, true, is_ours);
        let effects = scene.room.take_effects().into_iter();
        let spared = effects.filter_map(|effect| match effect {
            Effect::Announce { except, .. } => Some(except),
            _ => None,
        });
        spared.collect()
    }

    #[test]
    fn the_media_server_tells_whom_no_socket_does_but_nobody_in_the_lobby() {
        let mut scene = Scene::new(true);
        scene.seat(DOCTOR, "d");
        scene.seat(PATIENT, "p");
        assert_eq!(spared(&mut scene, true), [[""; 0]; 0], "browsers carry the call");

        scene.hand_over(MediaMode::Sfu, HandOverReason::Requested, 2);
        assert_eq!(spared(&mut scene, true), [["doctor-1", "patient-2"]]);
        scene.lose("d");
        assert_eq!(spared(&mut scene, true), [["patient-2"]]);
        assert_eq!(spared(&mut scene, false), [[""; 0]; 0], "another node does");
    }

    #[test]
    fn the_media_server_is_told_nothing_of_what_is_encrypted_from_end_to_end() {
        let mut scene = Scene::new(false);
        Arc::make_mut(&mut scene.room.facts).is_encrypted = true;
        scene.seat(DOCTOR, "d");
        scene.hand_over(MediaMode::Sfu, HandOverReason::Requested, 2);

        assert_eq!(spared(&mut scene, true), [[""; 0]; 0]);
    }
}
