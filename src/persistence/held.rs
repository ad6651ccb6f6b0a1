//! Notifications on their way out: to the outbox, or kept while their reader is in focus mode
//! (contract §5.3).
//!
//! Whoever writes a `notification` emits it here. What is held comes out in its order, in the
//! transaction that ends focus mode, so a restart in between loses nothing.

use serde::Deserialize;
use sqlx::types::Json;

use super::{Tx, outbox};
use crate::domain::event::Event;
use crate::domain::events::ServerEvent as _;
use crate::domain::events::accounts::Notified;
use crate::domain::id::{NodeId, UserId};
use crate::domain::time::Timestamp;
use crate::domain::topic::Topic;
use crate::error::Result;

/// What decides whether a notification may wait.
#[derive(Deserialize)]
struct Kind {
    kind: String,
}

/// Appends a notification to the outbox for those of its topics who hear it now; the others find it
/// when they leave focus mode. Answers the outbox row, none when everyone is to wait.
pub async fn emit(tx: &mut Tx, event: Event, origin: Option<&NodeId>) -> Result<Option<i64>> {
    let now = hold(tx, event).await?;
    if now.topics.is_empty() {
        return Ok(None);
    }
    outbox::append(tx, &now, origin).await.map(Some)
}

/// Keeps a notification for users in focus mode, and leaves the rest of its topics on it. Those that
/// are not users' own, other events, and what must not wait are left alone.
pub async fn hold(tx: &mut Tx, mut event: Event) -> Result<Event> {
    if !may_wait(&event) {
        return Ok(event);
    }
    let mut topics = Vec::with_capacity(event.topics.len());
    for topic in std::mem::take(&mut event.topics) {
        match topic {
            Topic::User(user) if is_in_focus(tx, user).await? => keep(tx, user, &event).await?,
            topic => topics.push(topic),
        }
    }
    Ok(Event { topics, ..event })
}

/// Whether the account's push, e-mail and notifications wait. Until the transaction ends they go on
/// doing so: focus mode is not left meanwhile.
pub async fn is_in_focus(tx: &mut Tx, user: UserId) -> Result<bool> {
    const SQLITE: &str = "select 1 from user_settings where user_id = $1 and focus_mode";
    const POSTGRES: &str = "
        select 1::bigint from user_settings where user_id = $1 and focus_mode for share";
    let sql = tx.text(SQLITE, POSTGRES);
    let found: Option<i64> =
        on!(tx, |conn| sqlx::query_scalar(sql).bind(user).fetch_optional(conn).await)?;
    Ok(found.is_some())
}

/// Hands what waited for an account to the outbox, the oldest first. The settings that end focus
/// mode are written before, so nobody adds to it any more.
pub async fn release(tx: &mut Tx, user: UserId, origin: &NodeId, now: Timestamp) -> Result<()> {
    const MOVE: &str = "
        insert into outbox (event, rooms, payload, audience, origin_node, created_at)
        select $2, $3, payload, $3, $4, $5
        from held_notifications where user_id = $1 order by id";
    const CLEAR: &str = "delete from held_notifications where user_id = $1";
    let rooms = Json([Topic::User(user).to_string()]);
    on!(tx, |conn| sqlx::query(MOVE)
        .bind(user)
        .bind(Notified::NAME)
        .bind(&rooms)
        .bind(origin)
        .bind(now)
        .execute(conn)
        .await
        .map(drop))?;
    Ok(on!(tx, |conn| sqlx::query(CLEAR).bind(user).execute(conn).await.map(drop))?)
}

async fn keep(tx: &mut Tx, user: UserId, event: &Event) -> Result<()> {
    const SQL: &str =
        "insert into held_notifications (user_id, payload, created_at) values ($1, $2, $3)";
    Ok(on!(tx, |conn| sqlx::query(SQL)
        .bind(user)
        .bind(Json(&event.payload))
        .bind(Timestamp::now())
        .execute(conn)
        .await
        .map(drop))?)
}

fn may_wait(event: &Event) -> bool {
    event.name == Notified::NAME
        && serde_json::from_str(event.payload.get())
            .is_ok_and(|Kind { kind }| Notified::may_wait(&kind))
}
