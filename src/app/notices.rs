//! Notifications that nobody's request caused.

use serde_json::{Map, Value};

use crate::domain::events::ServerEvent as _;
use crate::domain::events::accounts::Notified;
use crate::domain::id::{NodeId, UserId};
use crate::domain::time::Timestamp;
use crate::domain::topic::Topic;
use crate::error::Result;
use crate::persistence::notifications::{self, NewNotification};
use crate::persistence::{Tx, held};

/// Something to tell one account on its portals.
pub(super) struct Notice<'a> {
    pub to: UserId,
    /// Such as `appointment.reminder`.
    pub kind: &'static str,
    pub title: &'static str,
    pub body: &'a str,
    /// Ids and closed words, never clinical content.
    pub data: &'a Map<String, Value>,
}

/// Writes a notice down and tells it, in the transaction that claims it.
pub(super) async fn notify(
    tx: &mut Tx,
    node: &NodeId,
    notice: Notice<'_>,
    now: Timestamp,
) -> Result<()> {
    let new = NewNotification {
        user: notice.to,
        kind: notice.kind,
        title: notice.title,
        body: notice.body,
        data: notice.data,
        channels: &["inapp"],
    };
    let id = notifications::insert(tx, &new, now).await?;
    let told = Notified {
        id,
        kind: notice.kind.to_owned(),
        title: notice.title.to_owned(),
        body: notice.body.to_owned(),
        data: notice.data.clone().into(),
        timestamp: now,
    };
    let event = told.event_to(vec![Topic::User(notice.to)]);
    held::emit(tx, event, Some(node)).await.map(drop)
}
