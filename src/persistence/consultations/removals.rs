//! The `consultation_removals` table: who was sent out of a call and has not been let in anew.

use crate::domain::id::ConsultationId;
use crate::domain::time::Timestamp;
use crate::error::Result;
use crate::persistence::{Store, Tx};

/// Notes that somebody was sent out.
pub async fn note(tx: &mut Tx, id: &ConsultationId, identity: &str, now: Timestamp) -> Result<()> {
    const SQL: &str = "
        insert into consultation_removals (consultation_id, identity, removed_at)
        values ($1, $2, $3)
        on conflict (consultation_id, identity) do update set removed_at = excluded.removed_at";
    Ok(on!(tx, |conn| sqlx::query(SQL)
        .bind(id)
        .bind(identity)
        .bind(now)
        .execute(conn)
        .await
        .map(drop))?)
}

/// Lets somebody in anew as of a moment. Who was sent out after it stays out: rooms write down a moment
/// later whom they let in.
pub async fn lift(tx: &mut Tx, id: &ConsultationId, identity: &str, at: Timestamp) -> Result<()> {
    const SQL: &str = "
        delete from consultation_removals
        where consultation_id = $1 and identity = $2 and removed_at <= $3";
    Ok(on!(tx, |conn| sqlx::query(SQL)
        .bind(id)
        .bind(identity)
        .bind(at)
        .execute(conn)
        .await
        .map(drop))?)
}

/// When somebody was sent out who has not been let in anew.
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

/// Whether somebody was sent out who has not been let in anew, within a transaction.
pub async fn is_out(tx: &mut Tx, id: &ConsultationId, identity: &str) -> Result<bool> {
    const SQL: &str = "
        select exists (
            select 1 from consultation_removals where consultation_id = $1 and identity = $2)";
    Ok(on!(tx, |conn| sqlx::query_scalar(SQL).bind(id).bind(identity).fetch_one(conn).await)?)
}
