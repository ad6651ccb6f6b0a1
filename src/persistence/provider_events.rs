//! The `provider_events` table: what services told of by themselves, each event once.

use super::Tx;
use crate::domain::time::Timestamp;
use crate::error::Result;

/// Notes an event in the transaction of what it brings about. False when it was noted before; of two
/// that note it at once one waits for the other.
pub async fn note(
    tx: &mut Tx,
    provider: &'static str,
    event: &str,
    body_hash: &str,
    now: Timestamp,
) -> Result<bool> {
    const SQL: &str = "
        insert into provider_events (provider, event_id, body_hash, received_at, processed_at, outcome)
        values ($1, $2, $3, $4, $4, 'done')
        on conflict (provider, event_id) do nothing
        returning 1";
    let noted: Option<i32> = on!(tx, |conn| sqlx::query_scalar(SQL)
        .bind(provider)
        .bind(event)
        .bind(body_hash)
        .bind(now)
        .fetch_optional(conn)
        .await)?;
    Ok(noted.is_some())
}

/// Forgets what was told before `before`.
pub async fn purge(tx: &mut Tx, before: Timestamp) -> Result<()> {
    const SQL: &str = "delete from provider_events where received_at < $1";
    Ok(on!(tx, |conn| sqlx::query(SQL).bind(before).execute(conn).await.map(drop))?)
}
