//! The room as its actor sees it: what is answered, and what is told to whom.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;

use super::carrying::ModeChange;
use super::facts::{Doctor, Facts, Party};
use super::grant::Pass;
use super::notice::{Effect, Notice, Refused, Step};
use super::room::{Room, Rules};
use super::seat::Arrival;
use super::status::{ConsultationStatus, Move};
use super::steering::Deed;
use crate::domain::clinical::doctor::DoctorStatus;
use crate::domain::events::signaling::notices::{EndReason, HandOverReason, LeaveReason};
use crate::domain::events::signaling::requests::{JoinAnswer, JoinMedia};
use crate::domain::events::signaling::{MediaKind, SeatRole};
use crate::domain::events::values::MediaMode;
use crate::domain::id::{PeerId, SocketId, UserId};
use crate::domain::time::Timestamp;

const GRACE: Duration = Duration::from_secs(15);
const IDLE: Duration = Duration::from_mins(5);
pub(super) const DOCTOR: i64 = 1;
pub(super) const PATIENT: i64 = 2;

/// A room, its clock, and names nobody had.
pub(super) struct Scene {
    pub(super) room: Room,
    now: Timestamp,
    names: u32,
}

impl Scene {
    pub(super) fn new(has_lobby: bool) -> Self {
        let party = |user| Party { user: UserId(user), reference: user.into(), name: "Ana".into() };
        let facts = Facts {
            id: "c".into(),
            room_name: "consultation-c".into(),
            status: ConsultationStatus::Created,
            mode: MediaMode::P2p,
            version: 1,
            max_participants: 10,
            is_recorded: false,
            is_encrypted: false,
            asked: None,
            takes_anybody: false,
            has_lobby,
            doctor: Some(Doctor { party: party(DOCTOR), status: DoctorStatus::Active }),
            patient: Some(party(PATIENT)),
        };
        let (rules, now) = (Rules::default(), Timestamp(1_000_000));
        Self { room: Room::open(Arc::new(facts), Arc::new(rules), now), now, names: 0 }
    }

    fn fresh(&mut self) -> PeerId {
        self.names += 1;
        format!("p{}", self.names).into()
    }

    fn join(&mut self, user: i64, socket: &str) -> Result<JoinAnswer, Refused> {
        self.join_by(user, socket, None, false)
    }

    /// Joins from a device, by a token of the lobby or not.
    pub(super) fn join_by(
        &mut self,
        user: i64,
        socket: &str,
        device: Option<&str>,
        is_waiting: bool,
    ) -> Result<JoinAnswer, Refused> {
        let arrival = Arrival {
            user: UserId(user),
            pass: Pass { is_waiting, ..pass(user) },
            device: device.map(Into::into),
            socket: socket.into(),
            display_name: format!("user {user}"),
            media: JoinMedia { audio: true, video: true },
            fresh: self.fresh(),
        };
        self.room.join(arrival, self.now)
    }

    /// Joins, and answers the peer's name.
    pub(super) fn seat(&mut self, user: i64, socket: &str) -> PeerId {
        match self.join(user, socket).unwrap() {
            JoinAnswer::Joined(joined) => joined.peer_id.as_str().into(),
            JoinAnswer::Waiting(waiting) => waiting.peer_id.as_str().into(),
        }
    }

    pub(super) fn act(&mut self, socket: &str, deed: Deed) -> Result<(), Refused> {
        self.room.act(&socket.into(), deed, self.now)
    }

    pub(super) fn hand_over(&mut self, to: MediaMode, reason: HandOverReason, version: i64) {
        self.room.hand_over(ModeChange { to, reason, version });
    }

    pub(super) fn lose(&mut self, socket: &str) {
        self.room.lose(&socket.into(), self.now);
    }

    pub(super) fn pass(&mut self, time: Duration) {
        self.now = self.now.plus(time);
        self.room.tick(self.now);
    }

    /// What a socket was told since the last time, as the names of events.
    pub(super) fn told(&mut self, socket: &str) -> Vec<String> {
        let effects = self.room.take_effects();
        let hears = |to: &[SocketId]| to.contains(&socket.into());
        let names = effects.iter().filter_map(|effect| match effect {
            Effect::Tell { to, notice } if hears(to) => Some(name(notice)),
            _ => None,
        });
        names.collect()
    }

    pub(super) fn steps(&mut self) -> Vec<String> {
        let effects = self.room.take_effects();
        let steps = effects.iter().filter_map(|effect| match effect {
            Effect::Write(Step::Reached(to)) => Some(format!("{to:?}")),
            Effect::Write(Step::Invite { callee, .. }) => Some(format!("invite {callee}")),
            Effect::Write(Step::Waited(time)) => Some(format!("waited {}", time.as_secs())),
            Effect::Write(Step::Entered { identity, .. }) => Some(format!("entered {identity}")),
            Effect::Write(Step::Left { identity }) => Some(format!("left {identity}")),
            Effect::Write(Step::KeptOut { identity, .. }) => Some(format!("kept out {identity}")),
            Effect::Tell { .. } | Effect::Announce { .. } => None,
        });
        steps.collect()
    }
}

fn pass(user: i64) -> Pass {
    let role = match user {
        DOCTOR => SeatRole::Doctor,
        PATIENT => SeatRole::Patient,
        _ => SeatRole::Observer,
    };
    Pass::of_party(&"c".into(), "consultation-c", role, &user.into())
}

/// A notice in short: its kind, and for those who leave whom and why.
fn name(notice: &Notice) -> String {
    match notice {
        Notice::PeerLeft(left) => format!("left {} {:?}", left.peer_id, left.reason),
        Notice::PeerJoined(joined) => format!("joined {}", joined.peer.peer_id),
        Notice::RoomEnded(ended) => format!("ended {:?}", ended.reason),
        Notice::Lobby(lobby) => format!("lobby {}", lobby.waiting.len()),
        Notice::RoomState(_) => "state".into(),
        Notice::Muted(_) => "muted".into(),
        Notice::MuteRequest(_) => "mute-request".into(),
        Notice::ScreenShared(_) => "screen".into(),
        Notice::HandRaised(_) => "hand".into(),
        Notice::Said(_) => "said".into(),
        Notice::Kicked(_) => "kicked".into(),
        Notice::Admitted(_) => "admitted".into(),
        Notice::Denied(_) => "denied".into(),
        Notice::HandOver(to) => format!("hand-over {:?} {:?}", to.mode, to.reason),
        Notice::Recording(changed) => format!("recording {}", changed.status),
        Notice::RecordingRequest(_) => "recording-request".into(),
    }
}

#[test]
fn the_later_of_each_two_peers_is_polite() {
    let mut scene = Scene::new(false);
    let answers = [(DOCTOR, "d"), (PATIENT, "p"), (3, "o")].map(|(user, socket)| {
        let JoinAnswer::Joined(joined) = scene.join(user, socket).unwrap() else { panic!() };
        joined
    });

    assert_eq!([answers[0].polite, answers[1].polite, answers[2].polite], [false, true, true]);
    assert!(answers[2].participants.iter().all(|peer| !peer.polite));
    let effects = scene.room.take_effects();
    let told = effects.iter().filter_map(|effect| match effect {
        Effect::Tell { notice: Notice::PeerJoined(joined), .. } => Some(joined.peer.polite),
        _ => None,
    });
    assert_eq!(told.collect::<Vec<_>>(), [true, true]);
    // As each sees the others after one of them came back.
    scene.lose("p");
    scene.seat(PATIENT, "p2");
    let effects = scene.room.take_effects();
    let of_doctor = effects.iter().find_map(|effect| match effect {
        Effect::Tell { to, notice: Notice::RoomState(state) } if *to == ["d".into()] => Some(state),
        _ => None,
    });
    let polite: Vec<_> =
        of_doctor.unwrap().participants.iter().map(|peer| (peer.role, peer.polite)).collect();
    assert_eq!(
        polite,
        [(SeatRole::Doctor, false), (SeatRole::Patient, true), (SeatRole::Observer, true)]
    );
}

#[test]
fn a_seat_is_kept_through_the_grace_and_not_longer() {
    let mut scene = Scene::new(false);
    scene.seat(DOCTOR, "d");
    let patient = scene.seat(PATIENT, "p");
    scene.told("d");

    scene.lose("p");
    scene.pass(GRACE / 2);
    let again = scene.seat(PATIENT, "p2");
    assert_eq!(again, patient);
    assert_eq!(scene.told("d"), ["state"]);

    scene.lose("p2");
    scene.pass(GRACE);
    assert_eq!(scene.told("d"), [format!("left {patient} Disconnected")]);
    assert_ne!(scene.seat(PATIENT, "p3"), patient);
}

#[test]
fn another_device_takes_the_seat_as_another_peer() {
    let mut scene = Scene::new(false);
    scene.seat(DOCTOR, "d");
    let before = scene.seat(PATIENT, "phone");
    scene.told("d");

    let after = scene.seat(PATIENT, "desk");
    assert_ne!(before, after);
    assert_eq!(scene.told("d"), [format!("left {before} Moved"), format!("joined {after}")]);
    assert_eq!(scene.room.route(&"phone".into(), &after), Err(Refused::NotHere));
    // What becomes of the socket it left is no business of the seat.
    scene.lose("phone");
    scene.pass(GRACE * 2);
    assert_eq!(scene.room.peers(), 2);
    // Joining again where one sits changes nothing.
    assert_eq!(scene.seat(PATIENT, "desk"), after);
    assert_eq!(scene.told("d"), [""; 0]);
}

#[test]
fn who_was_put_out_gets_no_old_seat_back() {
    let mut scene = Scene::new(false);
    let doctor = scene.seat(DOCTOR, "d");
    let patient = scene.seat(PATIENT, "p");
    scene.told("p");

    let kick = |peer: &PeerId| Deed::Kick { peer: peer.clone(), reason: None };
    assert!(matches!(scene.act("p", kick(&doctor)), Err(Refused::Forbidden(_))));
    scene.act("d", kick(&patient)).unwrap();
    assert_eq!(scene.told("p"), ["kicked"]);
    assert_eq!(scene.act("d", kick(&patient)), Err(Refused::NoSuchPeer));
    assert_ne!(scene.seat(PATIENT, "p"), patient);
}

#[test]
fn observers_only_watch_and_never_take_the_seats_of_the_parties() {
    let mut scene = Scene::new(false);
    scene.seat(3, "o3");
    scene.seat(4, "o4");
    assert_eq!(scene.join(5, "o5").unwrap_err(), Refused::Full);
    let doctor = scene.seat(DOCTOR, "d");
    scene.seat(PATIENT, "p");
    assert_eq!(scene.join(5, "o5").unwrap_err(), Refused::Full);

    let forbidden = [
        Deed::RaiseHand(true),
        Deed::ShareScreen(true),
        Deed::Mute { kind: MediaKind::Audio, muted: true, target: None },
        Deed::Admit(doctor.clone()),
    ];
    for deed in forbidden {
        assert!(matches!(scene.act("o3", deed), Err(Refused::Forbidden(_))));
    }
    assert!(matches!(scene.room.route(&"o3".into(), &doctor), Err(Refused::Forbidden(_))));
    assert!(matches!(scene.act("p", Deed::ShareScreen(true)), Err(Refused::Forbidden(_))));
    assert!(matches!(scene.act("p", Deed::End), Err(Refused::Forbidden(_))));
    assert_eq!(scene.act("o3", Deed::End), Ok(()));
}

#[test]
fn a_consultation_waits_for_its_second_party_and_then_is_live() {
    let mut scene = Scene::new(false);
    scene.seat(3, "o");
    assert_eq!(scene.steps(), ["entered observer-3"]);
    scene.seat(PATIENT, "p");
    assert_eq!(scene.steps(), ["entered patient-2", "invite 1", "Waiting"]);
    scene.act("p", Deed::Leave).unwrap();
    scene.seat(PATIENT, "p");
    assert_eq!(scene.steps(), ["left patient-2", "entered patient-2"]);
    scene.seat(DOCTOR, "d");
    assert_eq!(scene.steps(), ["entered doctor-1", "Live"]);
    assert_eq!(scene.room.on_call(), [UserId(PATIENT), UserId(DOCTOR)]);
}

#[test]
fn a_room_without_its_parties_closes_after_a_while() {
    let mut scene = Scene::new(false);
    scene.seat(DOCTOR, "d");
    scene.seat(PATIENT, "p");
    scene.seat(3, "o");
    scene.act("d", Deed::Leave).unwrap();
    scene.pass(IDLE * 2);
    assert!(!scene.room.is_over(), "the patient is there");
    scene.act("p", Deed::Leave).unwrap();
    scene.room.take_effects();

    assert_eq!(scene.room.next_due(), Some(scene.now.plus(IDLE)));
    scene.pass(IDLE.checked_sub(Duration::from_millis(1)).unwrap());
    assert!(!scene.room.is_over());
    scene.pass(Duration::from_millis(1));

    assert!(scene.room.is_over());
    assert_eq!(scene.room.next_due(), None);
    let effects = scene.room.take_effects();
    let ended = |effect: &Effect| matches!(effect, Effect::Tell { notice: Notice::RoomEnded(it), .. } if it.reason == EndReason::Idle);
    assert!(effects.iter().any(ended));
    let written = |effect: &Effect| {
        matches!(effect, Effect::Write(Step::Reached(Move::Over(EndReason::Idle))))
    };
    assert!(effects.iter().any(written), "it was live");
    assert_eq!(scene.join(PATIENT, "p").unwrap_err(), Refused::Over);
}

#[test]
fn the_doctor_opens_the_door_and_shuts_it_again() {
    let mut scene = Scene::new(true);
    let guest = scene.seat(PATIENT, "p");
    assert_eq!(scene.steps(), ["kept out patient-2", "invite 1", "Waiting"]);
    scene.seat(DOCTOR, "d");
    assert_eq!(scene.told("d"), ["lobby 1"]);
    assert_eq!(scene.room.peers(), 1);
    assert_eq!(scene.room.route(&"d".into(), &guest), Err(Refused::NoSuchPeer));
    assert_eq!(scene.act("p", Deed::RaiseHand(true)), Err(Refused::InLobby));

    scene.pass(Duration::from_secs(40));
    scene.act("d", Deed::Admit(guest.clone())).unwrap();
    assert_eq!(scene.steps(), ["waited 40", "entered patient-2", "Live"]);
    assert!(scene.room.route(&"p".into(), &"p2".into()).is_ok());

    scene.room.take_effects();
    scene.act("d", Deed::ReturnToLobby(guest.clone(), "again".into())).unwrap();
    assert_eq!(scene.told("p"), [format!("left {guest} {:?}", LeaveReason::Kicked)]);
    assert_eq!(scene.act("p", Deed::RaiseHand(true)), Err(Refused::InLobby));
    // The doctor goes and comes back; the lobby is as it was.
    scene.lose("d");
    scene.seat(DOCTOR, "d2");
    assert_eq!(scene.told("d2"), ["lobby 1"]);
    scene.act("d2", Deed::Deny { peer: "again".into(), reason: None }).unwrap();
    assert_eq!(scene.told("p"), ["denied"]);
    assert_eq!(scene.act("p", Deed::Leave), Err(Refused::NotHere));
}

#[test]
fn after_a_failure_the_room_goes_on_with_those_who_are_left() {
    let mut scene = Scene::new(false);
    scene.seat(DOCTOR, "d");
    let patient = scene.seat(PATIENT, "p");
    scene.told("d");

    scene.room.resume(|socket| socket.as_str() == "d", scene.now);
    assert_eq!(scene.told("d"), ["state"]);
    assert_eq!(scene.room.route(&"d".into(), &patient), Err(Refused::NoSuchPeer));
    assert_eq!(scene.seat(PATIENT, "p2"), patient);
}

/// What somebody does, by the numbers of users and of their devices.
#[derive(Debug, Clone, Copy)]
enum Doing {
    Join(i64, u8),
    Leave(i64),
    Lose(i64),
    Admit(i64),
    Deny(i64),
    Return(i64),
    Kick(i64),
    Pass(u64),
    Fail,
}

fn doing() -> impl Strategy<Value = Doing> {
    let user = 1..=4_i64;
    prop_oneof![
        4 => (user.clone(), 0..2_u8).prop_map(|(user, device)| Doing::Join(user, device)),
        1 => user.clone().prop_map(Doing::Leave),
        2 => user.clone().prop_map(Doing::Lose),
        3 => user.clone().prop_map(Doing::Admit),
        1 => user.clone().prop_map(Doing::Deny),
        1 => user.clone().prop_map(Doing::Return),
        1 => user.prop_map(Doing::Kick),
        2 => (1..20_u64).prop_map(Doing::Pass),
        1 => Just(Doing::Fail),
    ]
}

/// Who was admitted and is still in that seat, told by what was done alone.
#[derive(Default)]
struct Ledger {
    admitted: HashSet<i64>,
    lost: HashMap<i64, Timestamp>,
}

impl Ledger {
    fn out(&mut self, user: i64) {
        self.admitted.remove(&user);
        self.lost.remove(&user);
    }
}

/// The socket somebody sits by, and the peer they are.
fn place(scene: &Scene, user: i64) -> Option<(String, PeerId)> {
    let seat = scene.room.seats().iter().find(|seat| seat.user == UserId(user))?;
    Some((seat.socket.to_string(), seat.peer.clone()))
}

fn perform(scene: &mut Scene, ledger: &mut Ledger, doing: Doing) {
    let doctor = place(scene, DOCTOR).map(|(socket, _)| socket).unwrap_or_default();
    let peer = |user| place(scene, user).map_or_else(|| "none".into(), |(_, peer)| peer);
    match doing {
        Doing::Join(user, device) => {
            // A socket that was lost does not come back; its device has another.
            let socket = format!("u{user}-{device}-{}", scene.names);
            let socket = match place(scene, user) {
                Some((at, _))
                    if at.starts_with(&format!("u{user}-{device}-"))
                        && !ledger.lost.contains_key(&user) =>
                {
                    at
                }
                _ => socket,
            };
            match scene.join(user, &socket) {
                Ok(JoinAnswer::Joined(_)) => {
                    assert!(user == DOCTOR || ledger.admitted.contains(&user), "{user} walked in");
                }
                Ok(JoinAnswer::Waiting(_)) => assert!(!ledger.admitted.contains(&user)),
                Err(refused) => assert_eq!(refused, Refused::Over),
            }
            ledger.lost.remove(&user);
        }
        Doing::Leave(user) => {
            let Some((socket, _)) = place(scene, user) else { return };
            if scene.act(&socket, Deed::Leave).is_ok() {
                ledger.out(user);
            }
        }
        Doing::Lose(user) => {
            let Some((socket, _)) = place(scene, user) else { return };
            scene.lose(&socket);
            let now = scene.now;
            ledger.lost.entry(user).or_insert(now);
        }
        Doing::Admit(user) => {
            let deed = Deed::Admit(peer(user));
            if scene.act(&doctor, deed).is_ok() {
                ledger.admitted.insert(user);
            }
        }
        Doing::Deny(user) => {
            let deed = Deed::Deny { peer: peer(user), reason: None };
            if scene.act(&doctor, deed).is_ok() {
                ledger.out(user);
            }
        }
        Doing::Return(user) => {
            let deed = Deed::ReturnToLobby(peer(user), scene.fresh());
            if scene.act(&doctor, deed).is_ok() {
                ledger.admitted.remove(&user);
            }
        }
        Doing::Kick(user) => {
            let deed = Deed::Kick { peer: peer(user), reason: None };
            if scene.act(&doctor, deed).is_ok() {
                ledger.out(user);
            }
        }
        Doing::Pass(seconds) => {
            scene.pass(Duration::from_secs(seconds));
            let gone = |at: Timestamp| at.plus(GRACE) <= scene.now;
            let gone: Vec<i64> =
                ledger.lost.iter().filter(|(_, at)| gone(**at)).map(|(user, _)| *user).collect();
            for user in gone {
                ledger.out(user);
            }
        }
        Doing::Fail => scene.room.resume(|_| true, scene.now),
    }
}

/// What somebody in front of the door may be told.
fn is_harmless(notice: &Notice) -> bool {
    matches!(
        notice,
        Notice::Denied(_) | Notice::RoomEnded(_) | Notice::PeerLeft(_) | Notice::Kicked(_)
    )
}

proptest! {
    #[test]
    fn no_order_of_events_gets_anybody_past_the_lobby(deeds in prop::collection::vec(doing(), 1..60)) {
        let mut scene = Scene::new(true);
        let mut ledger = Ledger::default();
        for doing in deeds {
            perform(&mut scene, &mut ledger, doing);

            let may_hear = |user: i64| user == DOCTOR || ledger.admitted.contains(&user);
            for effect in scene.room.take_effects() {
                let Effect::Tell { to, notice } = effect else { continue };
                for socket in to {
                    let user: i64 = socket.as_str()[1..2].parse().unwrap();
                    prop_assert!(may_hear(user) || is_harmless(&notice), "{user} heard {notice:?} after {doing:?}");
                }
            }
            let seats = scene.room.seats();
            let users: HashSet<_> = seats.iter().map(|seat| seat.user).collect();
            let peers: HashSet<_> = seats.iter().map(|seat| &seat.peer).collect();
            let sockets: HashSet<_> = seats.iter().map(|seat| &seat.socket).collect();
            prop_assert_eq!([users.len(), peers.len(), sockets.len()], [seats.len(); 3]);
            for seat in seats {
                prop_assert_eq!(seat.is_inside(), may_hear(seat.user.0), "{:?} after {:?}", seat, doing);
                for other in seats {
                    let is_reached = scene.room.route(&seat.socket, &other.peer).is_ok();
                    prop_assert!(!is_reached || (may_hear(seat.user.0) && may_hear(other.user.0)));
                }
            }
        }
    }
}

#[test]
fn the_media_server_silences_whom_peers_can_only_ask() {
    let mut scene = Scene::new(false);
    scene.seat(DOCTOR, "d");
    let patient = scene.seat(PATIENT, "p");
    let mute = |muted| Deed::Mute { kind: MediaKind::Audio, muted, target: Some(patient.clone()) };
    scene.room.take_effects();

    scene.act("d", mute(true)).unwrap();
    assert_eq!(scene.told("p"), ["mute-request"]);
    assert!(scene.room.peer(&patient).unwrap().audio);

    scene.hand_over(MediaMode::Sfu, HandOverReason::Requested, 2);
    scene.room.take_effects();
    scene.act("d", mute(true)).unwrap();
    assert_eq!(scene.told("p"), ["muted"]);
    assert!(!scene.room.peer(&patient).unwrap().audio);
    assert!(matches!(scene.act("d", mute(false)), Err(Refused::Invalid(_))));
}

#[test]
fn who_comes_back_before_the_network_was_missed_keeps_the_seat() {
    let mut scene = Scene::new(false);
    scene.seat(DOCTOR, "d");
    let by = |scene: &mut Scene, device: &str, socket: &str| {
        let arrival = Arrival {
            user: UserId(PATIENT),
            pass: pass(PATIENT),
            device: Some(device.into()),
            socket: socket.into(),
            display_name: "Ana".into(),
            media: JoinMedia::default(),
            fresh: scene.fresh(),
        };
        match scene.room.join(arrival, scene.now).unwrap() {
            JoinAnswer::Joined(joined) => joined.peer_id,
            JoinAnswer::Waiting(_) => panic!("there is no lobby"),
        }
    };
    let first = by(&mut scene, "phone", "wifi");
    scene.room.take_effects();

    assert_eq!(by(&mut scene, "phone", "mobile"), first);

    let told = scene.room.clone();
    assert_eq!(scene.told("d"), ["state"]);
    scene.room = told;
    assert_eq!(scene.told("wifi"), [format!("left {first} Moved")]);
    scene.lose("wifi");
    assert!(
        scene.room.route(&"d".into(), &first.as_str().into()).is_ok(),
        "the seat is the new socket's"
    );
    assert_ne!(by(&mut scene, "desk", "desk"), first);
}
