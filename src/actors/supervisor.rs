//! Supervision: who restarts what, and how fast.
//!
//! [`Core`] keeps the actors every node has exactly one set of; it restarts each one alone, at once
//! the first times, then with a pause that grows, so a crash loop costs little. [`Sessions`] keeps
//! the session actors and gives a restarted one its live sockets back. Neither ever exits with a
//! child, and no restart touches a connection.

use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use metrics::{counter, gauge};
use ractor::{Actor, ActorCell, ActorId, ActorRef, SpawnErr, SupervisionEvent};
use tracing::error;

use super::Outcome;
use super::pause::pause;
use super::sessions::SessionTable;
use crate::domain::id::SessionId;
use crate::telemetry::names;

/// Restarts within [`CALM`] that happen at once.
const AT_ONCE: u32 = 5;
/// A child that ran this long is forgiven its crashes.
const CALM: Duration = Duration::from_secs(10);

type Starting = Pin<Box<dyn Future<Output = Result<ActorCell, SpawnErr>> + Send>>;

/// How to start a child under a supervisor.
pub(super) type Start = Arc<dyn Fn(ActorCell) -> Starting + Send + Sync>;

/// Restarts each of its children alone, whatever ended it.
pub(super) struct Core;

/// One child of [`Core`].
pub(super) struct Child {
    pub kind: &'static str,
    pub start: Start,
}

pub(super) struct CoreState {
    running: HashMap<ActorId, Running>,
}

struct Running {
    child: Arc<Child>,
    crashes: u32,
    since: Instant,
}

pub(super) enum CoreMessage {
    Restart { child: Arc<Child>, crashes: u32 },
}

impl Actor for Core {
    type Msg = CoreMessage;
    type State = CoreState;
    type Arguments = Vec<Child>;

    async fn pre_start(
        &self,
        me: ActorRef<CoreMessage>,
        children: Vec<Child>,
    ) -> Outcome<CoreState> {
        let mut state = CoreState { running: HashMap::new() };
        for child in children {
            state.start(&me, Arc::new(child), 0).await?;
        }
        Ok(state)
    }

    async fn handle(
        &self,
        me: ActorRef<CoreMessage>,
        CoreMessage::Restart { child, crashes }: CoreMessage,
        state: &mut CoreState,
    ) -> Outcome {
        counter!(names::ACTOR_RESTARTS, "kind" => child.kind).increment(1);
        if let Err(cause) = state.start(&me, Arc::clone(&child), crashes).await {
            error!(kind = child.kind, %cause, "actor did not start");
            later(&me, child, crashes + 1);
        }
        Ok(())
    }

    async fn handle_supervisor_evt(
        &self,
        me: ActorRef<CoreMessage>,
        event: SupervisionEvent,
        state: &mut CoreState,
    ) -> Outcome {
        let (who, cause) = match event {
            SupervisionEvent::ActorFailed(who, cause) => (who, cause.to_string()),
            SupervisionEvent::ActorTerminated(who, _, reason) => {
                (who, reason.unwrap_or_else(|| "stopped".to_owned()))
            }
            _ => return Ok(()),
        };
        let Some(ended) = state.running.remove(&who.get_id()) else { return Ok(()) };
        gauge!(names::ACTORS, "kind" => ended.child.kind).decrement(1);
        error!(kind = ended.child.kind, %cause, "actor ended; restarting it");
        let crashes = if ended.since.elapsed() > CALM { 1 } else { ended.crashes + 1 };
        later(&me, ended.child, crashes);
        Ok(())
    }
}

impl CoreState {
    async fn start(
        &mut self,
        me: &ActorRef<CoreMessage>,
        child: Arc<Child>,
        crashes: u32,
    ) -> Result<(), SpawnErr> {
        let cell = (child.start)(me.get_cell()).await?;
        gauge!(names::ACTORS, "kind" => child.kind).increment(1);
        self.running.insert(cell.get_id(), Running { child, crashes, since: Instant::now() });
        Ok(())
    }
}

fn later(me: &ActorRef<CoreMessage>, child: Arc<Child>, crashes: u32) {
    let wait = pause(crashes.saturating_sub(AT_ONCE));
    me.send_after(wait, move || CoreMessage::Restart { child, crashes });
}

/// Restarts a session actor at once and hands it the session's live sockets.
pub(super) struct Sessions;

/// A session's actor panicked.
pub(super) struct SessionFailed {
    pub session: SessionId,
    pub cause: String,
}

impl Actor for Sessions {
    type Msg = SessionFailed;
    type State = Arc<SessionTable>;
    type Arguments = Arc<SessionTable>;

    async fn pre_start(
        &self,
        _: ActorRef<SessionFailed>,
        table: Arc<SessionTable>,
    ) -> Outcome<Self::State> {
        Ok(table)
    }

    async fn handle(
        &self,
        _: ActorRef<SessionFailed>,
        SessionFailed { session, cause }: SessionFailed,
        table: &mut Arc<SessionTable>,
    ) -> Outcome {
        counter!(names::ACTOR_RESTARTS, "kind" => "session").increment(1);
        error!(kind = "session", %cause, "actor ended; restarting it");
        table.restart(&session);
        Ok(())
    }
}
