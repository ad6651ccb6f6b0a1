//! Starts rooms that failed again, each alone, from what they left outside.

use std::sync::Arc;

use metrics::counter;
use ractor::{Actor, ActorRef};
use tracing::error;

use super::table::RoomTable;
use crate::actors::Outcome;
use crate::domain::id::ConsultationId;
use crate::telemetry::names;

/// Restarts a room at once, and with a pause that grows if it keeps failing. Its members stay connected
/// and are told how the room stands.
pub(in crate::actors) struct Rooms;

/// A room's actor panicked.
pub(in crate::actors) struct RoomFailed {
    id: ConsultationId,
    /// Absent once the pause is over.
    cause: Option<String>,
}

impl RoomFailed {
    pub(super) fn new(id: ConsultationId, cause: String) -> Self {
        Self { id, cause: Some(cause) }
    }
}

impl Actor for Rooms {
    type Msg = RoomFailed;
    type State = Arc<RoomTable>;
    type Arguments = Arc<RoomTable>;

    async fn pre_start(
        &self,
        _: ActorRef<RoomFailed>,
        table: Arc<RoomTable>,
    ) -> Outcome<Self::State> {
        Ok(table)
    }

    async fn handle(
        &self,
        me: ActorRef<RoomFailed>,
        RoomFailed { id, cause }: RoomFailed,
        table: &mut Arc<RoomTable>,
    ) -> Outcome {
        let Some(cause) = cause else {
            counter!(names::ACTOR_RESTARTS, "kind" => "room").increment(1);
            table.restart(&id);
            return Ok(());
        };
        error!(kind = "room", consultation.id = %id, %cause, "actor ended; restarting it");
        let pause = table.pause(&id);
        me.send_after(pause, move || RoomFailed { id, cause: None });
        Ok(())
    }
}
