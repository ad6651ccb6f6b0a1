//! From the outbox to the channels: events are published in the order of their ids, each once.
//!
//! The relay numbers what committed transactions left in the outbox and publishes it. How far it
//! came is kept outside the actor, so a restarted relay neither skips an event nor repeats one.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use metrics::histogram;
use opentelemetry::KeyValue;
use opentelemetry::trace::SpanKind;
use parking_lot::Mutex;
use ractor::rpc::CallResult;
use ractor::{Actor, ActorRef};
use serde_json::value::RawValue;
use tokio::sync::oneshot;
use tracing::{error, warn};

use super::authority::{self, Authority, Told};
use super::channels::Channels;
use super::hub::Dispatched;
use super::pause::pause;
use super::relations::Related;
use super::{Outcome, Reply};
use crate::auth::Account;
use crate::domain::event::Event;
use crate::domain::events;
use crate::domain::id::EventId;
use crate::domain::time::Timestamp;
use crate::error::Result;
use crate::persistence::{Store, outbox};
use crate::telemetry::tracer::{Report, Step};
use crate::telemetry::{Tracer, names};

/// Rows numbered in one transaction.
const BATCH: i64 = 256;
/// How often to look without being told: rows of other processes, and what a failure left.
const PATROL: Duration = Duration::from_secs(1);
/// Dispatches remembered for callers who ask late.
const REMEMBERED: usize = 256;

/// The relay's actor. Restarted with a growing pause.
pub(super) struct Relay;

/// What outlives a restart, and the way to wake the relay.
pub(super) struct Progress {
    published: AtomicI64,
    is_told: AtomicBool,
    actor: Mutex<Option<ActorRef<Message>>>,
    receipts: Mutex<Receipts>,
    listener: OnceLock<Listener>,
}

/// Is told the name of every durable event before this node publishes it.
pub(super) type Listener = Box<dyn Fn(&str) + Send + Sync>;

/// Who waits for a row's dispatch, and dispatches nobody asked about yet.
#[derive(Debug, Default)]
struct Receipts {
    waiting: HashMap<i64, oneshot::Sender<Receipt>>,
    done: VecDeque<(i64, Receipt)>,
}

/// The event's id, and later the number of sockets it was handed to.
type Receipt = (EventId, oneshot::Receiver<usize>);

pub(super) enum Message {
    /// There may be rows in the outbox.
    Look,
    /// Answers once everything committed before was published.
    CatchUp(Reply<()>),
    /// Rows were numbered and loaded, in a step that publishing them completes.
    Loaded(Step, Box<Result<Loaded>>),
    /// A failed look was waited out.
    Rested,
    /// Panics, so that tests can watch the recovery.
    Fail,
}

/// Events to publish, in order, and which rows they were.
pub(super) struct Loaded {
    events: Vec<outbox::Dispatched>,
    rows: HashMap<EventId, i64>,
    /// Accounts that may other things from an event on.
    accounts: HashMap<EventId, Account>,
    /// Users who have less to do with others from an event on.
    relations: HashMap<EventId, Vec<Related>>,
}

pub(super) struct Arguments {
    pub store: Store,
    pub channels: Channels,
    pub authority: Authority,
    pub progress: Arc<Progress>,
    pub tracer: Tracer,
}

pub(super) struct State {
    store: Store,
    channels: Channels,
    authority: Authority,
    progress: Arc<Progress>,
    tracer: Tracer,
    /// Rows are being read, or a failure to read them is waited out.
    is_loading: bool,
    look_again: bool,
    /// Looks in a row that failed.
    failures: u32,
    /// Who waits for the next look to end, and for the one under way.
    catching_up: Vec<Reply<()>>,
    due: Vec<Reply<()>>,
}

impl Progress {
    /// Starts after the last event already published before this process.
    pub(super) fn after(published: EventId) -> Arc<Self> {
        Arc::new(Self {
            published: AtomicI64::new(published.0),
            is_told: AtomicBool::new(false),
            actor: Mutex::new(None),
            receipts: Mutex::default(),
            listener: OnceLock::new(),
        })
    }

    /// Wakes the relay, unless it is about to look anyway.
    pub(super) fn look(&self) {
        if !self.is_told.swap(true, Ordering::AcqRel)
            && let Some(actor) = self.actor.lock().as_ref()
        {
            // A relay that is being restarted looks when it starts.
            drop(actor.cast(Message::Look));
        }
    }

    /// The first listener stays.
    pub(super) fn tell(&self, listener: Listener) {
        self.listener.get_or_init(|| listener);
    }

    /// Makes the relay panic.
    pub(super) fn fail(&self) {
        if let Some(actor) = self.actor.lock().as_ref() {
            drop(actor.cast(Message::Fail));
        }
    }

    pub(super) fn published(&self) -> EventId {
        EventId(self.published.load(Ordering::Acquire))
    }

    /// Waits until everything committed before was published.
    pub(super) async fn caught_up(&self, within: Duration) -> bool {
        let Some(relay) = self.actor.lock().clone() else { return false };
        matches!(relay.call(Message::CatchUp, Some(within)).await, Ok(CallResult::Success(())))
    }

    /// Waits for the dispatch of an outbox row.
    pub(super) async fn dispatched(&self, row: i64, within: Duration) -> Option<Dispatched> {
        let receipt = self.receipts.lock().ask(row);
        let wait = async {
            let (event, delivered) = receipt.await.ok()?;
            Some(Dispatched { event, delivered: delivered.await.unwrap_or_default() })
        };
        let dispatched = tokio::time::timeout(within, wait).await.ok().flatten();
        self.receipts.lock().waiting.remove(&row);
        dispatched
    }
}

impl Receipts {
    fn ask(&mut self, row: i64) -> oneshot::Receiver<Receipt> {
        let (sender, receiver) = oneshot::channel();
        if let Some(index) = self.done.iter().position(|(done, _)| *done == row)
            && let Some((_, receipt)) = self.done.remove(index)
        {
            drop(sender.send(receipt));
        } else {
            self.waiting.insert(row, sender);
        }
        receiver
    }

    fn file(&mut self, row: i64, receipt: Receipt) {
        if let Some(waiting) = self.waiting.remove(&row) {
            // Whoever waited may have given up.
            drop(waiting.send(receipt));
            return;
        }
        self.done.push_back((row, receipt));
        if self.done.len() > REMEMBERED {
            self.done.pop_front();
        }
    }
}

impl Actor for Relay {
    type Msg = Message;
    type State = State;
    type Arguments = Arguments;

    async fn pre_start(&self, me: ActorRef<Message>, start: Arguments) -> Outcome<State> {
        *start.progress.actor.lock() = Some(me.clone());
        me.send_interval(PATROL, || Message::Look);
        me.cast(Message::Look)?;
        Ok(State {
            store: start.store,
            channels: start.channels,
            authority: start.authority,
            progress: start.progress,
            tracer: start.tracer,
            is_loading: false,
            look_again: false,
            failures: 0,
            catching_up: Vec::new(),
            due: Vec::new(),
        })
    }

    async fn handle(&self, me: ActorRef<Message>, message: Message, state: &mut State) -> Outcome {
        match message {
            Message::Look => state.look(me),
            Message::CatchUp(reply) => {
                state.catching_up.push(reply);
                state.look(me);
            }
            Message::Loaded(step, loaded) => {
                let may_be_more = match *loaded {
                    Ok(loaded) => {
                        state.failures = 0;
                        state.publish(&step, loaded)
                    }
                    Err(error) => {
                        warn!(%error, "outbox not readable");
                        state.tracer.end(&step, || dispatch(0, true));
                        state.failures += 1;
                        me.send_after(pause(state.failures), || Message::Rested);
                        return Ok(());
                    }
                };
                state.is_loading = false;
                if may_be_more || std::mem::take(&mut state.look_again) {
                    state.look(me);
                }
            }
            Message::Rested => {
                state.is_loading = false;
                state.look_again = false;
                state.look(me);
            }
            Message::Fail => panic!("failure injected into the relay"),
        }
        Ok(())
    }
}

impl State {
    fn look(&mut self, me: ActorRef<Message>) {
        self.progress.is_told.store(false, Ordering::Release);
        if std::mem::replace(&mut self.is_loading, true) {
            self.look_again = true;
            return;
        }
        self.due.append(&mut self.catching_up);
        let (store, after) = (self.store.clone(), self.progress.published());
        let authority = self.authority.clone();
        let step = self.tracer.begin(None);
        tokio::spawn(async move {
            let loaded = load(&store, &authority, after).await;
            // A relay that stopped meanwhile is restarted and loads again.
            drop(me.cast(Message::Loaded(step, Box::new(loaded))));
        });
    }

    /// Publishes what was loaded. True when there may be more.
    fn publish(&mut self, step: &Step, loaded: Loaded) -> bool {
        let count = i64::try_from(loaded.events.len()).unwrap_or(BATCH);
        let is_full = count >= BATCH;
        let waited = histogram!(names::OUTBOX_DISPATCH_SECONDS);
        for row in loaded.events {
            let id = row.seq;
            if id <= self.progress.published() {
                continue;
            }
            if let Some(event) = event(&row) {
                if let Some(listener) = self.progress.listener.get() {
                    listener(event.name);
                }
                let delivered = self.channels.publish(event, Some(id));
                if let Some(account) = loaded.accounts.get(&id) {
                    self.authority.changed(account);
                }
                for related in loaded.relations.get(&id).into_iter().flatten() {
                    self.authority.related(related);
                }
                let numbered = loaded.rows.get(&id);
                self.authority.rooms.heed(&row, numbered.is_some());
                if let Some(row) = numbered {
                    self.progress.receipts.lock().file(*row, (id, delivered));
                }
            }
            self.progress.published.store(id.0, Ordering::Release);
            waited.record(Timestamp::now().since(row.created_at));
        }
        if !is_full {
            // Who gave up waiting is owed no answer.
            self.due.drain(..).for_each(|reply| drop(reply.send(())));
        }
        if count > 0 {
            self.tracer.end(step, || dispatch(count, false));
        }
        is_full
    }
}

/// One dispatch as its trace tells it.
fn dispatch(events: i64, is_failure: bool) -> Report {
    Report {
        name: "outbox dispatch".into(),
        kind: SpanKind::Internal,
        attributes: vec![KeyValue::new("messaging.batch.message_count", events)],
        is_failure,
    }
}

/// Numbers what waits, then reads everything not yet published.
async fn load(store: &Store, authority: &Authority, after: EventId) -> Result<Loaded> {
    let pending: Vec<i64> =
        outbox::next_batch(store, BATCH).await?.into_iter().map(|row| row.row_id).collect();
    let mut rows = HashMap::new();
    if !pending.is_empty() {
        let numbered = outbox::dispatch(store.begin().await?, &pending, Timestamp::now()).await;
        if numbered.is_err() {
            let mut tx = store.begin().await?;
            outbox::note_failure(&mut tx, &pending).await?;
            tx.commit().await?;
        }
        rows.extend(numbered?.into_iter().map(|(row, id)| (id, row)));
    }
    let events = outbox::since(store, after, BATCH).await?;
    let (mut accounts, mut relations) = (HashMap::new(), HashMap::new());
    for row in &events {
        match Told::by(row) {
            Told::Rights => {
                let account = authority::account_of(store, row).await?;
                accounts.extend(account.map(|account| (row.seq, account)));
            }
            Told::Relations => {
                relations.insert(row.seq, authority.left_by(store, row).await?);
            }
            Told::Nothing => {}
        }
    }
    Ok(Loaded { events, rows, accounts, relations })
}

/// A stored event as it is published: with its id, and the class of its kind.
pub(super) fn event(row: &outbox::Dispatched) -> Option<Event> {
    let Some(spec) = events::find(&row.event) else {
        error!(event = %row.event, "the outbox holds an unknown event");
        return None;
    };
    let topics = row.rooms.0.iter().filter_map(|room| room.parse().ok()).collect();
    let payload = with_event_id(&row.payload.0, row.seq)?;
    Some(Event { name: spec.name, class: spec.class, topics, payload })
}

/// The payload with its `eventId`, a decimal string.
fn with_event_id(payload: &RawValue, id: EventId) -> Option<Box<RawValue>> {
    let fields = payload.get().trim_end().strip_suffix('}')?.trim_end();
    let comma = if fields.trim_start() == "{" { "" } else { "," };
    RawValue::from_string(format!("{fields}{comma}\"eventId\":\"{id}\"}}")).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(text: &str) -> Box<RawValue> {
        RawValue::from_string(text.to_owned()).unwrap()
    }

    #[test]
    fn the_event_id_joins_the_payload() {
        let with = |text| with_event_id(&raw(text), EventId(9)).unwrap().get().to_owned();

        assert_eq!(with(r#"{"a":1}"#), r#"{"a":1,"eventId":"9"}"#);
        assert_eq!(with("{}"), r#"{"eventId":"9"}"#);
    }

    #[tokio::test]
    async fn a_dispatch_is_told_to_who_asked_before_and_to_who_asks_after() {
        let progress = Progress::after(EventId(0));
        let (early, late) = (oneshot::channel(), oneshot::channel());
        let asked = progress.receipts.lock().ask(1);
        progress.receipts.lock().file(1, (EventId(10), early.1));
        progress.receipts.lock().file(2, (EventId(11), late.1));
        late.0.send(3).unwrap();

        assert_eq!(asked.await.unwrap().0, EventId(10));
        let dispatched = progress.dispatched(2, Duration::from_secs(5)).await;
        assert_eq!(dispatched, Some(Dispatched { event: EventId(11), delivered: 3 }));
    }
}
