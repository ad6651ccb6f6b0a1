//! The room actors of this node, found by consultation, and which sockets went into which.

use std::sync::{Arc, OnceLock, Weak};
use std::time::{Duration, Instant};

use dashmap::DashMap;
use dashmap::mapref::entry::Entry;
use metrics::{Histogram, gauge};
use parking_lot::Mutex;
use ractor::ActorRef;
use tokio::task::AbortHandle;

use super::entrance::Entrance;
use super::entry::device;
use super::journal::Journal;
use super::media::{Announcement, MediaServer};
use super::relaying::RelayTimes;
use super::room::{Kept, Message, RoomActor};
use super::supervisor::RoomFailed;
use super::tally::{Tally, Totals};
use crate::actors::Reply;
use crate::actors::ack::{Code, Refusal};
use crate::actors::mailbox;
use crate::actors::on_demand::OnDemand;
use crate::actors::pause::pause;
use crate::actors::registry::Registry;
use crate::actors::socket::Socket;
use crate::domain::closure::Closure;
use crate::domain::consultations::draft::ROOM_PREFIX;
use crate::domain::consultations::facts::Facts;
use crate::domain::consultations::notice::Refused;
use crate::domain::consultations::room::{Room, Rules};
use crate::domain::consultations::seat::Seat;
use crate::domain::event::Event;
use crate::domain::events::values::MediaMode;
use crate::domain::id::{ConsultationId, SocketId};
use crate::domain::time::Timestamp;
use crate::telemetry::names;

/// Failures of a room that follow each other faster than this count as one crash loop.
const CALM: Duration = Duration::from_secs(10);
/// Restarts of such a loop that happen at once.
const AT_ONCE: u32 = 5;

/// Which actor is which room.
#[derive(Debug)]
pub(in crate::actors) struct RoomTable {
    me: Weak<Self>,
    rooms: DashMap<ConsultationId, Entered>,
    /// The rooms that a socket asked to enter and did not leave.
    of_sockets: DashMap<SocketId, Vec<ConsultationId>>,
    rules: Arc<Rules>,
    entrance: Entrance,
    /// Weak: the server has a hub of its own.
    media_server: OnceLock<Weak<dyn MediaServer>>,
    registry: Arc<Registry>,
    journal: Arc<Journal>,
    supervisor: OnceLock<ActorRef<RoomFailed>>,
    totals: Totals,
    relay_times: RelayTimes,
    depth: Histogram,
}

#[derive(Debug)]
struct Entered {
    actor: OnDemand<RoomActor>,
    kept: Arc<Mutex<Kept>>,
    crashes: u32,
    crashed_at: Option<Instant>,
}

impl RoomTable {
    pub(in crate::actors) fn new(
        rules: Rules,
        entrance: Entrance,
        registry: Arc<Registry>,
    ) -> Arc<Self> {
        Arc::new_cyclic(|me| Self {
            me: me.clone(),
            rooms: DashMap::new(),
            of_sockets: DashMap::new(),
            rules: Arc::new(rules),
            entrance,
            media_server: OnceLock::new(),
            registry,
            journal: Arc::default(),
            supervisor: OnceLock::new(),
            totals: Totals::default(),
            relay_times: RelayTimes::new(),
            depth: mailbox::depth("room"),
        })
    }

    /// Names the supervisor of the rooms; once, at start.
    pub(in crate::actors) fn supervise_by(&self, supervisor: ActorRef<RoomFailed>) {
        // Set a second time only by a second start, which does not happen.
        drop(self.supervisor.set(supervisor));
    }

    /// Has this server carry and record calls, as long as somebody else keeps it. The first one stays.
    pub(in crate::actors) fn carry_calls_by(&self, server: &Arc<dyn MediaServer>) {
        self.media_server.get_or_init(|| Arc::downgrade(server));
    }

    pub(super) fn media_server(&self) -> Option<Arc<dyn MediaServer>> {
        self.media_server.get()?.upgrade()
    }

    /// Has the media server tell who is there without a socket.
    pub(super) fn announce(&self, id: &ConsultationId, event: Event, except: Vec<String>) {
        if let Some(server) = self.media_server() {
            server.announce(Announcement { consultation: id.clone(), event, except });
        }
    }

    pub(super) fn entrance(&self) -> &Entrance {
        &self.entrance
    }

    pub(super) fn registry(&self) -> &Registry {
        &self.registry
    }

    pub(in crate::actors) fn journal(&self) -> &Arc<Journal> {
        &self.journal
    }

    pub(in crate::actors) fn totals(&self) -> &Totals {
        &self.totals
    }

    pub(super) fn relay_times(&self) -> &RelayTimes {
        &self.relay_times
    }

    /// Leaves a socket's first message for a room, which opens if it is not there. True when it did.
    pub(super) fn enter(&self, facts: Facts, socket: &SocketId, message: Message) -> bool {
        let id = facts.id.clone();
        // From now on the room hears when the socket goes, and it hears that after this message.
        let mut rooms = self.of_sockets.entry(socket.clone()).or_default();
        if !rooms.contains(&id) {
            rooms.push(id.clone());
        }
        drop(rooms);
        match self.rooms.entry(id) {
            Entry::Occupied(entry) => {
                entry.get().actor.cast(message);
                false
            }
            Entry::Vacant(entry) => {
                let room = Room::open(Arc::new(facts), Arc::clone(&self.rules), Timestamp::now());
                let kept = Arc::new(Mutex::new(Kept { room, tally: Tally::default() }));
                let actor = self.spawn(entry.key().clone(), Arc::clone(&kept));
                actor.cast(message);
                entry.insert(Entered { actor, kept, crashes: 0, crashed_at: None });
                true
            }
        }
    }

    /// Asks a room by its name or its consultation's id.
    pub(super) async fn ask<T: Send + 'static>(
        &self,
        room: &str,
        question: impl FnOnce(Reply<Result<T, Refused>>) -> Message,
    ) -> Result<T, Refusal> {
        match self.find(room).ok_or(Refused::NotHere)?.call(question).await {
            Some(answer) => Ok(answer?),
            // It closed before it came to the question.
            None if self.find(room).is_none() => Err(Refused::NotHere.into()),
            None => Err(restarting()),
        }
    }

    fn find(&self, room: &str) -> Option<OnDemand<RoomActor>> {
        let by_id = |id: &str| self.rooms.get(&ConsultationId::from(id));
        let found = by_id(room).or_else(|| by_id(room.strip_prefix(ROOM_PREFIX)?));
        found.map(|entered| entered.actor.clone())
    }

    pub(super) fn holds(&self, id: &ConsultationId) -> bool {
        self.rooms.contains_key(id)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rooms.is_empty()
    }

    pub(super) fn cast(&self, id: &ConsultationId, message: Message) {
        if let Some(entered) = self.rooms.get(id) {
            entered.actor.cast(message);
        }
    }

    /// Makes a room panic.
    pub(in crate::actors) fn fail(&self, id: &ConsultationId) {
        self.cast(id, Message::Fail);
    }

    /// The socket is in that room no longer.
    pub(super) fn left(&self, socket: &SocketId, room: &str) {
        let id = room.strip_prefix(ROOM_PREFIX).unwrap_or(room);
        self.of_sockets.remove_if_mut(socket, |_, rooms| {
            rooms.retain(|it| it.as_str() != room && it.as_str() != id);
            rooms.is_empty()
        });
    }

    /// Tells the rooms of a socket that it is gone. Their seats are kept if it may come back.
    pub(in crate::actors) fn lost(&self, socket: &SocketId, closure: Closure) {
        let Some((_, rooms)) = self.of_sockets.remove(socket) else { return };
        for id in rooms {
            let gone = if may_come_back(closure) { Message::Lose } else { Message::Expel };
            self.cast(&id, gone(socket.clone()));
        }
    }

    /// Has the seat of a socket be its bearer's by the room token that it lives on by now.
    pub(in crate::actors) fn renew(&self, socket: &Socket) {
        let by = socket.principal();
        let rooms = self.of_sockets.get(socket.id()).map(|rooms| rooms.clone());
        for id in rooms.into_iter().flatten() {
            let Some(admission) = by.admission.as_ref() else { return };
            let (pass, device) = (Box::new(admission.pass.clone()), device(&by));
            self.cast(&id, Message::Renew { socket: socket.id().clone(), pass, device });
        }
    }

    /// Has the rooms of a socket look again at what its user may.
    pub(in crate::actors) fn review(&self, socket: &SocketId) {
        let rooms = self.of_sockets.get(socket).map(|rooms| rooms.clone());
        for id in rooms.into_iter().flatten() {
            self.cast(&id, Message::Review(socket.clone()));
        }
    }

    /// The rooms of calls that the media server carries.
    pub(super) fn carried_by_server(&self) -> Vec<ConsultationId> {
        let is_carried = |entered: &Entered| entered.kept.lock().room.mode() == MediaMode::Sfu;
        let rooms = self.rooms.iter().filter(|entry| is_carried(entry.value()));
        rooms.map(|entry| entry.key().clone()).collect()
    }

    /// The seats of a room inside and in its lobby, as far as is known here.
    pub(super) fn seats(&self, id: &ConsultationId) -> Vec<Seat> {
        let entered = self.rooms.get(id);
        entered.map_or_else(Vec::new, |entered| entered.kept.lock().room.seats().to_vec())
    }

    /// Whether somebody of that identity is inside, as far as is known here.
    pub(super) fn is_inside(&self, id: &ConsultationId, identity: &str) -> bool {
        let is_them = |seat: &Seat| seat.is_inside() && seat.pass.identity == identity;
        let entered = self.rooms.get(id);
        entered.is_some_and(|entered| entered.kept.lock().room.seats().iter().any(is_them))
    }

    /// How many are inside, as far as is known here.
    pub(super) fn peers(&self, id: &ConsultationId) -> usize {
        self.rooms.get(id).map_or(0, |entered| entered.kept.lock().room.peers())
    }

    /// Has a room look at the time when something is due.
    pub(super) fn wake(&self, id: ConsultationId, at: Timestamp) -> AbortHandle {
        let (table, wait) = (self.me.clone(), at.since(Timestamp::now()));
        let task = tokio::spawn(async move {
            tokio::time::sleep(wait).await;
            if let Some(table) = table.upgrade() {
                table.cast(&id, Message::Tick);
            }
        });
        task.abort_handle()
    }

    /// Forgets a room that closed for good.
    pub(super) fn remove(&self, id: &ConsultationId, kept: &Arc<Mutex<Kept>>) {
        let removed = self.rooms.remove_if(id, |_, entered| Arc::ptr_eq(&entered.kept, kept));
        if let Some((_, entered)) = removed {
            entered.actor.stop();
            running(-1.0);
        }
    }

    /// How long to wait before a room that failed starts again.
    pub(super) fn pause(&self, id: &ConsultationId) -> Duration {
        let Some(mut entered) = self.rooms.get_mut(id) else { return Duration::ZERO };
        let is_loop = entered.crashed_at.is_some_and(|at| at.elapsed() < CALM);
        entered.crashes = if is_loop { entered.crashes + 1 } else { 1 };
        entered.crashed_at = Some(Instant::now());
        pause(entered.crashes.saturating_sub(AT_ONCE))
    }

    /// Puts another actor in the place of one that failed, which goes on from what was kept.
    pub(super) fn restart(&self, id: &ConsultationId) {
        if let Some(entered) = self.rooms.get(id) {
            let actor = RoomActor::new(Arc::clone(&entered.kept), self.me.clone());
            entered.actor.replace(actor, Message::Resume);
        }
    }

    fn spawn(&self, id: ConsultationId, kept: Arc<Mutex<Kept>>) -> OnDemand<RoomActor> {
        running(1.0);
        let supervisor = self.supervisor.get().cloned();
        let failed = move |cause| {
            if let Some(supervisor) = &supervisor {
                // Without one the node is going down.
                drop(supervisor.cast(RoomFailed::new(id.clone(), cause)));
            }
        };
        OnDemand::new(RoomActor::new(kept, self.me.clone()), self.depth.clone(), failed)
    }
}

pub(super) fn restarting() -> Refusal {
    Refusal::new(Code::Internal, "the room is restarting; try again")
}

impl From<Refused> for Refusal {
    fn from(refused: Refused) -> Self {
        let code = match refused {
            Refused::NotHere | Refused::NoSuchPeer => Code::NotFound,
            Refused::InLobby | Refused::Forbidden(_) => Code::Forbidden,
            Refused::Invalid(_) => Code::Invalid,
            Refused::Full => Code::RoomFull,
            Refused::Over => Code::Conflict,
        };
        Self::new(code, refused.to_string())
    }
}

/// Whether the user of a socket that ended so keeps the seat for a while. Whose token ran out comes back by
/// another one, which is looked at like anybody's.
fn may_come_back(closure: Closure) -> bool {
    !matches!(
        closure,
        Closure::Unauthenticated | Closure::Forbidden | Closure::SessionRevoked | Closure::Kicked
    )
}

/// Counts room actors up or down.
fn running(change: f64) {
    gauge!(names::ACTORS, "kind" => "room").increment(change);
}
