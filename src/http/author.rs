//! Who changes something, and what every change of a row leaves behind.

use serde_json::{Map, Value};

use super::App;
use super::context::Context;
use crate::domain::events::ServerEvent as _;
use crate::domain::events::accounts::UserUpdate;
use crate::domain::events::subscription::EntityUpdate;
use crate::domain::events::values::EntityRef;
use crate::domain::id::UserId;
use crate::domain::identity::Principal;
use crate::domain::time::Timestamp;
use crate::domain::topic::Topic;
use crate::error::Result;
use crate::persistence::deed::Deed;
use crate::persistence::{Tx, outbox};

/// A caller who changes something, from where.
#[derive(Clone, Copy)]
pub struct Author<'a> {
    pub app: &'a App,
    pub context: &'a Context,
    pub caller: &'a Principal,
}

impl Author<'_> {
    /// Whose account it is, where it is one.
    pub fn user(&self) -> Option<UserId> {
        self.caller.user.account()
    }

    /// Keeps a change in the audit trail, tells those who follow the row, and the administrators of
    /// what is done in the name of the house. `data` holds ids and closed words.
    pub async fn record(
        &self,
        tx: &mut Tx,
        entity: &'static str,
        id: EntityRef,
        action: &'static str,
        data: Map<String, Value>,
    ) -> Result<()> {
        let mirror = EntityUpdate {
            entity: entity.to_owned(),
            entity_id: id.clone(),
            action: action.to_owned(),
            data: None,
            timestamp: Timestamp::now(),
        };
        outbox::append(tx, &mirror.event(), Some(&self.app.settings.node)).await?;
        let deed = Deed { action, entity_type: entity, entity_id: id, data };
        deed.record(tx, &self.app.settings.node, self.caller, &self.context.provenance()).await
    }

    /// Tells the holder of an account that something of theirs has changed.
    pub async fn tell(
        &self,
        tx: &mut Tx,
        user: UserId,
        kind: &str,
        action: &str,
        changes: Map<String, Value>,
    ) -> Result<()> {
        let update = UserUpdate {
            kind: kind.to_owned(),
            action: action.to_owned(),
            changes: (!changes.is_empty()).then(|| changes.into()),
            timestamp: Timestamp::now(),
        };
        let event = update.event_to(vec![Topic::User(user)]);
        outbox::append(tx, &event, Some(&self.app.settings.node)).await.map(drop)
    }
}
