//! The `consultation_removals` table: up to when what somebody was handed opens a call no more, and whether
//! the media server has still to be looked at for it.

use sqlx::FromRow;

use super::parties;
use crate::domain::id::{ConsultationId, UserId};
use crate::domain::time::Timestamp;
use crate::error::Result;
use crate::persistence::{Store, Tx};

/// Somebody for whom the media server is to be looked at.
#[derive(Debug, Clone, FromRow)]
pub struct Due {
    pub consultation_id: ConsultationId,
    pub identity: String,
    pub due_at: Timestamp,
    /// Looks in a row that did not settle it.
    pub attempts: i64,
}

impl Due {
    pub fn new(consultation: &ConsultationId, identity: &str, due_at: Timestamp) -> Self {
        let (consultation_id, identity) = (consultation.clone(), identity.to_owned());
        Self { consultation_id, identity, due_at, attempts: 0 }
    }
}

/// Notes that what somebody was handed up to a moment opens nothing any more, and has the media server
/// looked at for them.
pub async fn note(tx: &mut Tx, due: &Due, until: Timestamp) -> Result<()> {
    const SQL: &str = "
        insert into consultation_removals as known (consultation_id, identity, due_at, removed_at)
        values ($1, $2, $3, $4)
        on conflict (consultation_id, identity) do update
        set due_at = excluded.due_at, attempts = 0,
            removed_at = case when excluded.removed_at > known.removed_at
                then excluded.removed_at else known.removed_at end";
    Ok(on!(tx, |conn| sqlx::query(SQL)
        .bind(&due.consultation_id)
        .bind(&due.identity)
        .bind(due.due_at)
        .bind(until)
        .execute(conn)
        .await
        .map(drop))?)
}

/// Has the media server looked at for somebody, whatever they were handed.
pub async fn review(tx: &mut Tx, due: &Due) -> Result<()> {
    note(tx, due, Timestamp(0)).await
}

/// Has the media server looked at for an account, wherever it may be in a call.
pub async fn review_account(tx: &mut Tx, user: UserId, now: Timestamp) -> Result<()> {
    note_account(tx, user, Timestamp(0), now).await
}

/// The same, and what the account was handed up to a moment opens nothing any more.
pub async fn note_account(
    tx: &mut Tx,
    user: UserId,
    until: Timestamp,
    now: Timestamp,
) -> Result<()> {
    for (id, identity) in parties::places(tx, user).await? {
        note(tx, &Due::new(&id, &identity, now), until).await?;
    }
    Ok(())
}

/// Up to when what somebody was handed opens nothing.
pub async fn at(store: &Store, id: &ConsultationId, identity: &str) -> Result<Option<Timestamp>> {
    const SQL: &str = "
        select removed_at from consultation_removals
        where consultation_id = $1 and identity = $2";
    Ok(on!(store, |conn| sqlx::query_scalar(SQL)
        .bind(id)
        .bind(identity)
        .fetch_optional(conn)
        .await)?)
}

/// For whom the media server is to be looked at now, the longest due first.
pub async fn due(store: &Store, now: Timestamp, limit: i64) -> Result<Vec<Due>> {
    const SQL: &str = "
        select consultation_id, identity, due_at, attempts from consultation_removals
        where due_at <= $1 order by due_at limit $2";
    Ok(on!(store, |conn| sqlx::query_as(SQL).bind(now).bind(limit).fetch_all(conn).await)?)
}

/// Takes a look upon oneself, which is due again at a later time unless it is settled. None when another
/// node did.
pub async fn attempt(tx: &mut Tx, seen: Due, again_at: Timestamp) -> Result<Option<Due>> {
    const SQL: &str = "
        update consultation_removals set due_at = $4, attempts = attempts + 1
        where consultation_id = $1 and identity = $2 and due_at = $3";
    let taken = on!(tx, |conn| sqlx::query(SQL)
        .bind(&seen.consultation_id)
        .bind(&seen.identity)
        .bind(seen.due_at)
        .bind(again_at)
        .execute(conn)
        .await
        .map(|done| done.rows_affected()))?;
    Ok((taken == 1).then_some(Due { due_at: again_at, ..seen }))
}

/// Notes that there is nothing more to see to, unless there is anew.
pub async fn settle(tx: &mut Tx, seen: &Due) -> Result<()> {
    const SQL: &str = "
        update consultation_removals set due_at = null, attempts = 0
        where consultation_id = $1 and identity = $2 and due_at = $3";
    Ok(on!(tx, |conn| sqlx::query(SQL)
        .bind(&seen.consultation_id)
        .bind(&seen.identity)
        .bind(seen.due_at)
        .execute(conn)
        .await
        .map(drop))?)
}
