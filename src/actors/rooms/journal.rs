//! What rooms find out about their consultations, on its way to the database, in order.
//!
//! A room leaves a note and goes on. The [`Writer`] writes one note after the other, each in one
//! transaction with its events, and tries again when the database is away. The notes stand outside the
//! actor, so one that is restarted goes on where it was; writing a note twice changes nothing but the
//! time spent in the lobby.

use std::collections::VecDeque;
use std::sync::Arc;

use parking_lot::Mutex;
use ractor::{Actor, ActorRef};
use tokio::sync::oneshot;
use tracing::{error, warn};

use super::table::RoomTable;
use crate::actors::Outcome;
use crate::actors::pause::pause;
use crate::actors::relay::Progress;
use crate::domain::consultations::notice::Step;
use crate::domain::consultations::status::Move;
use crate::domain::id::{ConsultationId, NodeId};
use crate::domain::identity::Principal;
use crate::domain::provenance::Provenance;
use crate::domain::state::State as _;
use crate::domain::time::Timestamp;
use crate::error::{Kind, Result};
use crate::persistence::audit::{self, AuditEntry};
use crate::persistence::consultations::participants::Arrival;
use crate::persistence::consultations::removals::Due;
use crate::persistence::consultations::{
    Consultation, consultations, news, participants, progress, removals,
};
use crate::persistence::deed::{Deed, passage};
use crate::persistence::{Store, Tx};

/// Notes that wait to be written.
#[derive(Debug, Default)]
pub(in crate::actors) struct Journal {
    entries: Mutex<VecDeque<Entry>>,
    actor: Mutex<Option<ActorRef<Message>>>,
}

#[derive(Debug)]
struct Entry {
    note: Note,
    /// Who waits to learn what became of it.
    reply: Option<oneshot::Sender<Result<()>>>,
}

#[derive(Debug, Clone)]
struct Note {
    id: ConsultationId,
    steps: Vec<Step>,
    /// Absent for what came about by itself.
    by: Option<Doer>,
    at: Timestamp,
}

/// Who moves a consultation on, from where.
#[derive(Debug, Clone)]
pub(super) struct Doer {
    pub(super) principal: Arc<Principal>,
    pub(super) provenance: Provenance,
}

/// The actor that writes. Restarted with a growing pause.
pub(in crate::actors) struct Writer;

pub(in crate::actors) enum Message {
    /// There may be notes.
    Look,
    /// The first note was written, or not.
    Written(Result<()>),
    /// A failure was waited out.
    Rested,
    /// Panics, so that tests can watch the recovery.
    Fail,
}

pub(in crate::actors) struct Arguments {
    pub store: Store,
    pub node: NodeId,
    pub rooms: Arc<RoomTable>,
    pub progress: Arc<Progress>,
}

pub(in crate::actors) struct State {
    given: Arguments,
    /// A note is being written, or a failure is waited out.
    is_writing: bool,
    failures: u32,
}

impl Journal {
    /// Leaves a note of what came about by itself in one turn.
    pub(super) fn note(&self, id: &ConsultationId, steps: Vec<Step>) {
        self.push(id, steps, None, None);
    }

    /// Moves a consultation on for somebody, and waits until that is written.
    pub(super) async fn advance(&self, id: &ConsultationId, to: Move, by: Doer) -> Result<()> {
        let (reply, written) = oneshot::channel();
        self.push(id, vec![Step::Reached(to)], Some(by), Some(reply));
        written.await.unwrap_or_else(|_| Err(Kind::Unavailable { retry_after: 1 }.into()))
    }

    fn push(
        &self,
        id: &ConsultationId,
        steps: Vec<Step>,
        by: Option<Doer>,
        reply: Option<oneshot::Sender<Result<()>>>,
    ) {
        let note = Note { id: id.clone(), steps, by, at: Timestamp::now() };
        self.entries.lock().push_back(Entry { note, reply });
        self.cast(Message::Look);
    }

    /// Makes the actor panic.
    pub(in crate::actors) fn fail(&self) {
        self.cast(Message::Fail);
    }

    fn cast(&self, message: Message) {
        if let Some(actor) = self.actor.lock().as_ref() {
            // One that is being restarted looks when it starts.
            drop(actor.cast(message));
        }
    }

    /// Whether somebody waits for the first note, who can be told to try again.
    fn is_awaited(&self) -> bool {
        self.entries.lock().front().is_some_and(|entry| entry.reply.is_some())
    }

    fn first(&self) -> Option<Note> {
        self.entries.lock().front().map(|entry| entry.note.clone())
    }

    fn done(&self, written: Result<()>) {
        let entry = self.entries.lock().pop_front();
        match (entry.and_then(|entry| entry.reply), written) {
            // Whoever asked may have gone.
            (Some(reply), written) => drop(reply.send(written)),
            (None, Err(error)) => error!(%error, "a note on a consultation was dropped"),
            (None, Ok(())) => {}
        }
    }
}

impl Actor for Writer {
    type Msg = Message;
    type State = State;
    type Arguments = Arguments;

    async fn pre_start(&self, me: ActorRef<Message>, given: Arguments) -> Outcome<State> {
        *given.rooms.journal().actor.lock() = Some(me.clone());
        me.cast(Message::Look)?;
        Ok(State { given, is_writing: false, failures: 0 })
    }

    async fn handle(&self, me: ActorRef<Message>, message: Message, state: &mut State) -> Outcome {
        match message {
            Message::Look => {}
            Message::Written(Err(error))
                if matches!(error.kind(), Kind::Unavailable { .. })
                    && !state.given.rooms.journal().is_awaited() =>
            {
                state.failures += 1;
                warn!(%error, "the journal of consultations is not writable");
                me.send_after(pause(state.failures), || Message::Rested);
                return Ok(());
            }
            Message::Written(written) => {
                (state.is_writing, state.failures) = (false, 0);
                state.given.rooms.journal().done(written);
            }
            Message::Rested => state.is_writing = false,
            Message::Fail => panic!("failure injected into the journal"),
        }
        state.write(me);
        Ok(())
    }
}

impl State {
    fn write(&mut self, me: ActorRef<Message>) {
        if self.is_writing {
            return;
        }
        let Some(note) = self.given.rooms.journal().first() else { return };
        self.is_writing = true;
        let (store, origin) = (self.given.store.clone(), self.given.node.clone());
        let (progress, rooms) = (Arc::clone(&self.given.progress), Arc::clone(&self.given.rooms));
        tokio::spawn(async move {
            let written = write(&store, &origin, note).await;
            progress.look();
            if let Ok(Some(moved)) = &written
                && let Some(server) = rooms.media_server()
            {
                server.follow(moved);
            }
            let written = written.map(drop);
            // One that stopped meanwhile is restarted and writes it again.
            drop(me.cast(Message::Written(written)));
        });
    }
}

/// Writes a note, and answers the consultation if that moved it on.
async fn write(store: &Store, origin: &NodeId, note: Note) -> Result<Option<Consultation>> {
    let Note { id, steps, by, at } = note;
    let mut tx = store.begin().await?;
    let mut current = consultations::hold(&mut tx, &id).await?;
    let (mut has_moved, mut is_untold) = (false, false);
    for step in steps {
        match step {
            // Somebody was quicker: what came about by itself is behind that, and the rest still counts.
            Step::Reached(to)
                if by.is_none() && current.status.check_move(to.status()).is_err() => {}
            Step::Reached(to) if current.status == to.status() => {}
            Step::Reached(to) => {
                current = reach(&mut tx, origin, &current, to, by.as_ref(), at).await?;
                (has_moved, is_untold) = (true, false);
            }
            Step::Invite { callee, from } if !current.status.is_over() => {
                news::invite(&mut tx, origin, &current, callee, from, at).await?;
            }
            Step::Waited(waited) => consultations::note_wait(&mut tx, &id, waited).await?,
            // Who comes when it is over is about to be told so.
            Step::Entered { identity, user, role } if !current.status.is_over() => {
                let arrival = Arrival { identity: &identity, user, role, at };
                is_untold |= participants::enter(&mut tx, &id, &arrival).await?;
            }
            Step::Left { identity } => {
                is_untold |= participants::leave(&mut tx, &id, &identity, at, at).await?;
            }
            Step::KeptOut { identity, since } => {
                removals::note(&mut tx, &Due::new(&id, &identity, at), since).await?;
            }
            Step::Invite { .. } | Step::Entered { .. } => {}
        }
    }
    if is_untold {
        let consultation = consultations::touch(&mut tx, &id, at).await?;
        news::announce(&mut tx, origin, &consultation).await?;
    }
    tx.commit().await?;
    Ok(has_moved.then_some(current))
}

/// What peers bring about by coming is the trail's `updated`; what one of them did is their deed.
async fn reach(
    tx: &mut Tx,
    node: &NodeId,
    current: &Consultation,
    to: Move,
    by: Option<&Doer>,
    now: Timestamp,
) -> Result<Consultation> {
    let moved = progress::advance(tx, node, current, to, None, now).await?;
    let status = to.status();
    let data = passage(current.status, status);
    if let Some(Doer { principal, provenance }) = by {
        let entity_id = current.id.as_str().into();
        let deed = Deed { action: status.name(), entity_type: "consultation", entity_id, data };
        deed.record(tx, node, principal, provenance).await?;
    } else {
        let entry = AuditEntry {
            action: "updated",
            entity_type: "consultation",
            entity_id: Some(current.id.to_string()),
            data,
            ..AuditEntry::default()
        };
        audit::append(tx, &entry, now).await?;
    }
    Ok(moved)
}
