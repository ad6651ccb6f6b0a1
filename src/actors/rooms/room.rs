//! The actor of one consultation's room on this node: the single authority over its seats.
//!
//! The rules are those of [`Room`]; the actor gives them the time and brings what follows to the
//! sockets and the journal. After every turn that changed something it leaves a copy outside, from
//! which [`super::supervisor::Rooms`] starts it again.

use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use tokio::task::AbortHandle;
use tracing::error;

use super::media::Sitting;
use super::relaying::Signal;
use super::table::RoomTable;
use super::tally::Tally;
use super::telling;
use crate::actors::Reply;
use crate::actors::on_demand::Turn;
use crate::domain::consultations::carrying::ModeChange;
use crate::domain::consultations::grant::Pass;
use crate::domain::consultations::notice::{Effect, Notice, Refused};
use crate::domain::consultations::room::Room;
use crate::domain::consultations::seat::{Arrival, Place, Seat, may_sit};
use crate::domain::consultations::status::ConsultationStatus;
use crate::domain::consultations::steering::{self, Deed};
use crate::domain::event::Class;
use crate::domain::events::signaling::MediaKind;
use crate::domain::events::signaling::notices::{EndReason, RecordingChanged, RecordingRequest};
use crate::domain::events::signaling::requests::{JoinAnswer, Joined, SfuGrant};
use crate::domain::events::values::MediaMode;
use crate::domain::id::{PeerId, SocketId};
use crate::domain::time::Timestamp;

/// Everything a room can be asked to do.
pub(in crate::actors) enum Message {
    Join {
        arrival: Box<Arrival>,
        reply: Reply<Result<JoinAnswer, Refused>>,
    },
    Act {
        by: SocketId,
        deed: Deed,
        reply: Reply<Result<(), Refused>>,
    },
    /// A description or a candidate for one other peer.
    Relay {
        signal: Signal,
        reply: Reply<Result<(), Refused>>,
    },
    /// Who sits inside by that socket?
    Find {
        by: SocketId,
        reply: Reply<Result<Sitting, Refused>>,
    },
    /// Who is that peer, to somebody inside?
    Meet {
        by: SocketId,
        peer: PeerId,
        reply: Reply<Result<Sitting, Refused>>,
    },
    /// Somebody outside puts a party out.
    SendAway {
        identity: String,
        reason: Option<String>,
        reply: Reply<Result<(), Refused>>,
    },
    /// Somebody outside silences a party.
    Silence {
        identity: String,
        by: String,
        kind: MediaKind,
        muted: bool,
        reply: Reply<Result<(), Refused>>,
    },
    /// The call is carried otherwise.
    HandOver(ModeChange),
    /// A recording came that far.
    Recording {
        changed: RecordingChanged,
        runs: bool,
        /// This node alone announces it.
        is_ours: bool,
    },
    AskForConsent(RecordingRequest),
    /// Whether the patient is asked, by the row that the room opened by, read again.
    ConfirmAsked(Option<RecordingRequest>),
    /// A message that is stored.
    Say {
        by: Box<Seat>,
        message: steering::Message,
    },
    /// The socket is gone and may come back.
    Lose(SocketId),
    /// The socket is gone and may not.
    Expel(SocketId),
    /// The socket lives on by another room token.
    Renew {
        socket: SocketId,
        pass: Box<Pass>,
        device: Option<Box<str>>,
    },
    /// The socket's user may be other things than before.
    Review(SocketId),
    /// The consultation came that far.
    Reached(ConsultationStatus),
    End(EndReason),
    /// Something may have waited long enough.
    Tick,
    /// The actor before failed.
    Resume,
    /// Panics, so that tests can watch the recovery.
    Fail,
}

/// What outlives the actor.
#[derive(Debug)]
pub(super) struct Kept {
    pub(super) room: Room,
    pub(super) tally: Tally,
}

/// The room's actor.
pub(in crate::actors) struct RoomActor {
    room: Room,
    kept: Arc<Mutex<Kept>>,
    table: Weak<RoomTable>,
    timer: Option<Timer>,
}

/// Wakes the room once; gone with it.
struct Timer {
    at: Timestamp,
    task: AbortHandle,
}

impl Drop for Timer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Turn for RoomActor {
    type Message = Message;

    fn handle(&mut self, message: Message) {
        // Without a table the node is going down.
        let Some(table) = self.table.upgrade() else { return };
        let now = Timestamp::now();
        // Whoever asked may have gone while it waited; then nobody is owed an answer.
        match message {
            Message::Relay { signal, reply } => {
                drop(reply.send(self.relay(&table, &signal)));
                return;
            }
            Message::Find { by, reply } => {
                drop(reply.send(self.find(&by)));
                return;
            }
            Message::Join { arrival, reply } => {
                self.lose_if_gone(&table, &arrival.pass.identity, now);
                let mut answer = self.room.join(*arrival, now);
                if let Ok(JoinAnswer::Joined(joined)) = &mut answer {
                    self.equip(&table, joined);
                }
                self.conclude(&table);
                drop(reply.send(answer));
                return;
            }
            Message::Meet { by, peer, reply } => {
                drop(reply.send(self.meet(&by, &peer)));
                return;
            }
            Message::SendAway { identity, reason, reply } => {
                let done = self.room.send_away(&identity, reason, now);
                self.conclude(&table);
                drop(reply.send(done));
                return;
            }
            Message::Silence { identity, by, kind, muted, reply } => {
                let done = self.room.silence_party(&identity, by, kind, muted);
                self.conclude(&table);
                drop(reply.send(done));
                return;
            }
            Message::HandOver(moved) => self.room.hand_over(moved),
            Message::Recording { changed, runs, is_ours } => {
                self.room.note_recording(changed, runs, is_ours);
            }
            Message::AskForConsent(request) => self.room.ask_for_consent(request),
            Message::ConfirmAsked(asked) => self.room.confirm_asked(asked),
            Message::Act { by, deed, reply } => {
                let done = self.room.act(&by, deed, now);
                self.conclude(&table);
                drop(reply.send(done));
                return;
            }
            Message::Say { by, message } => self.room.say(&by, message),
            Message::Lose(socket) => self.room.lose(&socket, now),
            Message::Expel(socket) => self.room.expel(&socket, now),
            Message::Renew { socket, pass, device } => self.room.renew(&socket, *pass, device),
            Message::Review(socket) => self.review(&table, &socket, now),
            Message::Reached(status) => self.room.note_status(status),
            Message::End(reason) => self.room.end(reason, now),
            Message::Tick => {
                self.timer = None;
                self.room.tick(now);
            }
            Message::Resume => {
                self.room.resume(|socket| table.registry().get(socket).is_some(), now);
                let seats = self.room.seats().iter();
                for socket in seats.map(|seat| seat.socket.clone()).collect::<Vec<_>>() {
                    self.review(&table, &socket, now);
                }
            }
            Message::Fail => panic!("failure injected into a room"),
        }
        self.conclude(&table);
    }
}

impl RoomActor {
    pub(super) fn new(kept: Arc<Mutex<Kept>>, table: Weak<RoomTable>) -> Self {
        let room = kept.lock().room.clone();
        Self { room, kept, table, timer: None }
    }

    /// Whoever comes back may be quicker than the news that their socket is gone.
    fn lose_if_gone(&mut self, table: &RoomTable, identity: &str, now: Timestamp) {
        let seat = self.room.seats().iter().find(|seat| seat.pass.identity == identity);
        let gone = seat.filter(|seat| table.registry().get(&seat.socket).is_none());
        if let Some(socket) = gone.map(|seat| seat.socket.clone()) {
            self.room.lose(&socket, now);
        }
    }

    /// Hands a signal to the one peer it is for.
    fn relay(&self, table: &RoomTable, signal: &Signal) -> Result<(), Refused> {
        let (from, socket) = self.room.route(&signal.by, &signal.to)?;
        let receiver = table.registry().get(socket).ok_or(Refused::NoSuchPeer)?;
        let room = serde_json::Value::from(self.room.id().as_str());
        let payload = format!("{{\"roomId\":{room},\"from\":\"{from}\",{}}}", signal.content);
        let frame = receiver.frame_of(Class::Volatile, signal.kind.name(), &payload);
        if !receiver.outbound().offer(frame) {
            return Err(Refused::NoSuchPeer);
        }
        table.relay_times().record(signal);
        Ok(())
    }

    fn find(&self, by: &SocketId) -> Result<Sitting, Refused> {
        Ok(self.sitting(self.room.seat_of(by)?))
    }

    fn meet(&self, by: &SocketId, peer: &PeerId) -> Result<Sitting, Refused> {
        self.room.seat_of(by)?;
        Ok(self.sitting(self.room.peer(peer)?))
    }

    fn sitting(&self, seat: &Seat) -> Sitting {
        let (consultation, mode) = (self.room.id().clone(), self.room.mode());
        Sitting { consultation, mode, seat: seat.clone() }
    }

    /// A way into the media server for a peer, where it carries the call.
    fn sfu(&self, table: &RoomTable, peer: &str) -> Option<SfuGrant> {
        if self.room.mode() == MediaMode::P2p {
            return None;
        }
        let seat = self.room.seats().iter().find(|seat| seat.peer.as_str() == peer)?;
        let Place::Inside { joined_at, .. } = seat.place else { return None };
        table.entrance().sfu(&seat.pass, joined_at).unwrap_or_else(|error| {
            error!(%error, "no token for the media server");
            None
        })
    }

    /// Gives somebody inside the relays, and the way into the media server, that are theirs from now on.
    fn equip(&self, table: &RoomTable, joined: &mut Joined) {
        joined.sfu = self.sfu(table, &joined.peer_id);
        let mut seats = self.room.seats().iter();
        if let Some(seat) = seats.find(|seat| seat.peer.as_str() == joined.peer_id) {
            joined.ice_servers = table.entrance().ice_servers(&seat.pass);
        }
    }

    /// Gives those who are let in, or called to the media server, what they need.
    fn complete(&self, table: &RoomTable, to: &[SocketId], notice: &mut Notice) {
        let peer = |to: &SocketId| self.room.seats().iter().find(|seat| seat.socket == *to);
        let peer = to.first().and_then(peer).map(|seat| seat.peer.to_string());
        match (notice, peer) {
            (Notice::Admitted(admitted), _) => self.equip(table, &mut admitted.0),
            (Notice::HandOver(hand_over), Some(peer)) => {
                let room_name = Some(self.room.name().to_owned());
                hand_over.sfu = self.sfu(table, &peer).map(|grant| SfuGrant { room_name, ..grant });
            }
            _ => {}
        }
    }

    fn review(&mut self, table: &RoomTable, socket: &SocketId, now: Timestamp) {
        let seat = self.room.seats().iter().find(|seat| seat.socket == *socket);
        let (Some(seat), Some(live)) = (seat, table.registry().get(socket)) else { return };
        if !may_sit(&live.principal(), seat.role) {
            self.room.dismiss(socket, now);
        }
    }

    /// Brings what followed from a turn to where it belongs, and keeps the room as it is now.
    fn conclude(&mut self, table: &RoomTable) {
        let mut steps = Vec::new();
        for effect in self.room.take_effects() {
            match effect {
                Effect::Tell { to, mut notice } => {
                    self.complete(table, &to, &mut notice);
                    telling::tell(table.registry(), &to, &notice);
                }
                Effect::Announce { notice, except } => {
                    table.announce(self.room.id(), telling::event(&notice), except);
                }
                Effect::Write(step) => steps.push(step),
            }
        }
        if !steps.is_empty() {
            table.journal().note(self.room.id(), steps);
        }
        let tally = Tally::of(&self.room);
        let mut kept = self.kept.lock();
        if kept.tally != tally {
            table.totals().change(table.registry(), &kept.tally, &tally);
        }
        *kept = Kept { room: self.room.clone(), tally };
        drop(kept);
        self.wait(table);
        if self.room.is_over() {
            table.remove(self.room.id(), &self.kept);
        }
    }

    /// Sees to it that the room is woken when something is due.
    fn wait(&mut self, table: &RoomTable) {
        let due = self.room.next_due();
        if self.timer.as_ref().map(|timer| timer.at) != due {
            self.timer = due.map(|at| Timer { at, task: table.wake(self.room.id().clone(), at) });
        }
    }
}
