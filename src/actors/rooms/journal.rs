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

use crate::actors::Outcome;
use crate::actors::pause::pause;
use crate::actors::relay::Progress;
use crate::domain::consultations::notice::Step;
use crate::domain::consultations::status::ConsultationStatus;
use crate::domain::id::{ConsultationId, NodeId};
use crate::domain::time::Timestamp;
use crate::error::{Kind, Result};
use crate::persistence::Store;
use crate::persistence::audit::AuditEntry;
use crate::persistence::rooms::progress;

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
    step: Step,
    by: AuditEntry,
    at: Timestamp,
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
    pub journal: Arc<Journal>,
    pub progress: Arc<Progress>,
}

pub(in crate::actors) struct State {
    given: Arguments,
    /// A note is being written, or a failure is waited out.
    is_writing: bool,
    failures: u32,
}

impl Journal {
    /// Leaves a note of what came about by itself.
    pub(super) fn note(&self, id: &ConsultationId, step: Step) {
        self.push(id, step, AuditEntry::default(), None);
    }

    /// Moves a consultation on for somebody, and waits until that is written.
    pub(super) async fn advance(
        &self,
        id: &ConsultationId,
        to: ConsultationStatus,
        by: AuditEntry,
    ) -> Result<()> {
        let (reply, written) = oneshot::channel();
        self.push(id, Step::Reached(to), by, Some(reply));
        written.await.unwrap_or_else(|_| Err(Kind::Unavailable { retry_after: 1 }.into()))
    }

    fn push(
        &self,
        id: &ConsultationId,
        step: Step,
        by: AuditEntry,
        reply: Option<oneshot::Sender<Result<()>>>,
    ) {
        let note = Note { id: id.clone(), step, by, at: Timestamp::now() };
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
        *given.journal.actor.lock() = Some(me.clone());
        me.cast(Message::Look)?;
        Ok(State { given, is_writing: false, failures: 0 })
    }

    async fn handle(&self, me: ActorRef<Message>, message: Message, state: &mut State) -> Outcome {
        match message {
            Message::Look => {}
            Message::Written(Err(error))
                if matches!(error.kind(), Kind::Unavailable { .. })
                    && !state.given.journal.is_awaited() =>
            {
                state.failures += 1;
                warn!(%error, "the journal of consultations is not writable");
                me.send_after(pause(state.failures), || Message::Rested);
                return Ok(());
            }
            Message::Written(written) => {
                (state.is_writing, state.failures) = (false, 0);
                state.given.journal.done(written);
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
        let Some(note) = self.given.journal.first() else { return };
        self.is_writing = true;
        let (store, origin) = (self.given.store.clone(), self.given.node.clone());
        let progress = Arc::clone(&self.given.progress);
        tokio::spawn(async move {
            let written = write(&store, &origin, note).await;
            progress.look();
            // One that stopped meanwhile is restarted and writes it again.
            drop(me.cast(Message::Written(written)));
        });
    }
}

async fn write(store: &Store, origin: &NodeId, note: Note) -> Result<()> {
    let Note { id, step, by, at } = note;
    let mut tx = store.begin().await?;
    match step {
        Step::Reached(status) => progress::advance(&mut tx, &id, status, by, origin, at).await?,
        Step::Invite { callee, from } => {
            progress::invite(&mut tx, &id, callee, from, origin, at).await?;
        }
        Step::Waited(waited) => progress::note_wait(&mut tx, &id, waited).await?,
    }
    tx.commit().await
}
