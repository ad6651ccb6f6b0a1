//! How the call of a room is carried, and that it is recorded (contract §6.4).
//!
//! Calls go from browser to browser, or through the media server. Whether one may move, and who has the
//! media server ready, is found out before the room is told.

use super::notice::Notice;
use super::recording::RecordingStatus;
use super::room::Room;
use super::seat::Seat;
use crate::domain::events::signaling::notices::{
    HandOver, HandOverReason, RecordingChanged, RecordingRequest,
};
use crate::domain::events::values::MediaMode;
use crate::domain::state::State as _;

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
        let is_answered = changed.status != RecordingStatus::Requested.name();
        self.asked =
            self.asked.take().filter(|it| it.recording_id != changed.recording_id || !is_answered);
        let notice = Notice::Recording(changed);
        if is_ours {
            self.tell_call(notice);
        } else {
            self.tell(self.sockets(|_| true), notice);
        }
    }

    /// Asks the patient to agree to a recording, once.
    pub fn ask_for_consent(&mut self, request: RecordingRequest) {
        if self.asked.as_ref() != Some(&request) {
            self.asked = Some(request.clone());
            self.tell(self.sockets(Seat::consents), Notice::RecordingRequest(request));
        }
    }

    /// Follows what the row says of that, looked at again after the room opened by it.
    pub fn confirm_asked(&mut self, asked: Option<RecordingRequest>) {
        match asked {
            Some(request) => self.ask_for_consent(request),
            // What the room opened by was answered; the row was read before anything later.
            None if self.asked == self.facts.asked => self.asked = None,
            None => {}
        }
    }

    /// Asks the patient too who comes inside, or back, while the answer is waited for.
    pub(super) fn ask_newcomer(&mut self, at: usize) {
        let seat = &self.seats[at];
        if let Some(request) = self.asked.clone()
            && seat.consents()
        {
            self.tell(vec![seat.socket.clone()], Notice::RecordingRequest(request));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;
    use crate::domain::consultations::notice::Effect;
    use crate::domain::consultations::room_tests::{DOCTOR, PATIENT, Scene};
    use crate::domain::consultations::steering::Deed;
    use crate::domain::time::Timestamp;

    fn request() -> RecordingRequest {
        RecordingRequest::new(&"c".into(), 12.into(), None)
    }

    fn changed(recording_id: i64, status: RecordingStatus) -> RecordingChanged {
        RecordingChanged {
            room_id: "c".into(),
            recording_id,
            status: status.name().into(),
            by: "1".into(),
            mock: false,
            timestamp: Timestamp(0),
        }
    }

    /// Whether a socket was asked since the last time.
    fn is_asked(scene: &mut Scene, socket: &str) -> bool {
        scene.told(socket).contains(&"recording-request".to_owned())
    }

    #[test]
    fn a_patient_who_comes_while_consent_is_waited_for_is_asked() {
        let mut scene = Scene::new(false);
        scene.seat(DOCTOR, "d");
        scene.room.ask_for_consent(request());
        scene.room.note_recording(changed(12, RecordingStatus::Requested), false, false);
        assert!(!is_asked(&mut scene, "d"));

        scene.seat(PATIENT, "phone");
        assert!(is_asked(&mut scene, "phone"));
        // What became of another one is no answer.
        scene.room.note_recording(changed(11, RecordingStatus::Completed), false, false);
        scene.seat(PATIENT, "desk");
        assert!(is_asked(&mut scene, "desk"), "by another device");
        scene.lose("desk");
        scene.seat(PATIENT, "back");
        assert!(is_asked(&mut scene, "back"), "after a lost connection");

        scene.room.note_recording(changed(12, RecordingStatus::Declined), false, false);
        scene.act("back", Deed::Leave).unwrap();
        scene.seat(PATIENT, "late");
        assert!(!is_asked(&mut scene, "late"));
    }

    #[test]
    fn who_waits_is_asked_once_admitted() {
        let mut scene = Scene::new(true);
        scene.seat(DOCTOR, "d");
        scene.room.ask_for_consent(request());
        let peer = scene.seat(PATIENT, "p");
        assert!(!is_asked(&mut scene, "p"));

        scene.act("d", Deed::Admit(peer)).unwrap();

        assert_eq!(scene.told("p"), ["admitted", "recording-request"]);
        scene.pass(Duration::from_secs(1));
        scene.room.ask_for_consent(request());
        assert!(!is_asked(&mut scene, "p"), "they were asked");
    }

    #[test]
    fn a_request_that_was_answered_while_the_room_opened_is_forgotten() {
        let mut scene = Scene::new(false);
        let facts = crate::domain::consultations::facts::Facts {
            asked: Some(request()),
            ..scene.room.facts.as_ref().clone()
        };
        scene.room = Room::open(facts.into(), scene.room.rules.clone(), Timestamp(0));

        scene.room.confirm_asked(None);
        scene.seat(PATIENT, "p");

        assert!(!is_asked(&mut scene, "p"));
        scene.room.confirm_asked(Some(request()));
        assert!(is_asked(&mut scene, "p"));
    }

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
        scene.room.note_recording(changed(1, RecordingStatus::Starting), true, is_ours);
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

    #[test]
    fn a_call_that_moves_keeps_its_seats_and_tells_each_peer_once() {
        let mut scene = Scene::new(false);
        let (doctor, patient) = (scene.seat(DOCTOR, "d"), scene.seat(PATIENT, "p"));
        scene.room.take_effects();

        scene.hand_over(MediaMode::Sfu, HandOverReason::Requested, 3);

        assert_eq!(scene.told("p"), ["hand-over Sfu Requested"]);
        scene.hand_over(MediaMode::Sfu, HandOverReason::Requested, 4);
        assert_eq!(scene.told("p"), [""; 0]);
        let peers: Vec<_> = scene.room.seats().iter().map(|seat| seat.peer.clone()).collect();
        assert_eq!(peers, [doctor, patient]);
        scene.hand_over(MediaMode::P2p, HandOverReason::Fallback, 5);
        assert_eq!(scene.steps(), ["entered doctor-1", "entered patient-2"]);
    }
}
