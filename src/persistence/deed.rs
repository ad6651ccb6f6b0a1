//! A change as the audit trail keeps it and, when it was made in the name of the house, as
//! administrators hear of it; both written with the change.

use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::domain::events::ServerEvent as _;
use crate::domain::events::admin::AdminEvent;
use crate::domain::events::values::EntityRef;
use crate::domain::id::{NodeId, SessionId};
use crate::domain::identity::Principal;
use crate::domain::provenance::Provenance;
use crate::domain::time::Timestamp;
use crate::error::Result;
use crate::persistence::audit::AuditEntry;
use crate::persistence::{Tx, audit, outbox};

/// What someone did to which row.
#[derive(Debug, Clone)]
pub struct Deed {
    /// A past participle: `updated`.
    pub action: &'static str,
    /// The table's noun in the singular.
    pub entity_type: &'static str,
    pub entity_id: EntityRef,
    /// Ids and closed words, never health data.
    pub data: Map<String, Value>,
}

impl Deed {
    /// Something done to a session of the caller's.
    pub fn of_session(session: &SessionId, action: &'static str) -> Self {
        let (entity_type, entity_id) = ("session", session.as_str().into());
        Self { action, entity_type, entity_id, data: Map::new() }
    }

    /// Writes the deed into the transaction of its change: a line of the trail, and an `admin:event`
    /// when the caller is an administrator or a service.
    pub async fn record(
        self,
        tx: &mut Tx,
        node: &NodeId,
        caller: &Principal,
        from: &Provenance,
    ) -> Result<()> {
        let now = Timestamp::now();
        let mut entry = AuditEntry {
            action: self.action,
            entity_type: self.entity_type,
            entity_id: Some(self.entity_id.to_string()),
            ..AuditEntry::from_where(from).by(caller)
        };
        entry.data.extend(self.data.clone());
        audit::append(tx, &entry, now).await?;
        if !caller.acts_for_the_house() {
            return Ok(());
        }

        let mut event =
            AdminEvent::new(self.entity_type, self.entity_id, self.action, caller.user, now);
        event.data = (!self.data.is_empty()).then(|| self.data.into());
        outbox::append(tx, &event.event(), Some(node)).await?;
        Ok(())
    }
}

/// What a change of state is recorded with.
pub fn passage(from: impl Serialize, to: impl Serialize) -> Map<String, Value> {
    Map::from_iter([("from".to_owned(), json!(from)), ("to".to_owned(), json!(to))])
}
