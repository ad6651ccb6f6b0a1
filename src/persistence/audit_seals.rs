//! `audit_seals`: the hashes over the audit trail, in the order of its lines.

use sqlx::FromRow;
use sqlx::types::Json;

use super::store::Either;
use super::{Store, Tx};
use crate::domain::audit_chain::{Line, ORIGIN, Seal};
use crate::domain::time::Timestamp;
use crate::error::Result;

#[derive(FromRow)]
struct StoredLine {
    id: i64,
    timestamp: i64,
    actor_id: Option<i64>,
    actor_role: Option<String>,
    action: String,
    entity_type: String,
    entity_id: Option<String>,
    ip: Option<String>,
    user_agent: Option<String>,
    request_id: Option<String>,
    data: Json<serde_json::Map<String, serde_json::Value>>,
}

#[derive(FromRow)]
struct StoredSeal {
    audit_id: i64,
    prev_hash: String,
    hash: String,
}

/// Seals up to `limit` lines written before `before`, the oldest first. Answers how many there were;
/// none where another node is sealing.
pub async fn seal(mut tx: Tx, before: Timestamp, limit: i64) -> Result<usize> {
    const LAST: &str = "
        select audit_id, prev_hash, hash from audit_seals order by audit_id desc limit 1";
    const LINES: &str = "
        select id, timestamp, actor_id, actor_role, action, entity_type, entity_id, ip, user_agent,
            request_id, data
        from audit_log where id > $1 order by id limit $2";
    const SEAL: &str = "insert into audit_seals (audit_id, prev_hash, hash) values ($1, $2, $3)";
    if !claim(&mut tx).await? {
        return Ok(0);
    }
    let before = not_under_way(&mut tx, before).await?;
    let last: Option<StoredSeal> = on!(tx, |conn| sqlx::query_as(LAST).fetch_optional(conn).await)?;
    let (after, mut hash) = last.map_or((0, ORIGIN.to_owned()), |seal| (seal.audit_id, seal.hash));
    let lines: Vec<StoredLine> =
        on!(tx, |conn| sqlx::query_as(LINES).bind(after).bind(limit).fetch_all(conn).await)?;
    // A younger line ends the run: what follows it may have gaps that are still being filled.
    let lines = lines.into_iter().take_while(|line| line.timestamp < before.0);
    let mut sealed = 0;
    for line in lines.map(Line::from) {
        let next = line.hash(&hash);
        on!(tx, |conn| sqlx::query(SEAL)
            .bind(line.id)
            .bind(&hash)
            .bind(&next)
            .execute(conn)
            .await
            .map(drop))?;
        (hash, sealed) = (next, sealed + 1);
    }
    tx.commit().await?;
    Ok(sealed)
}

/// Whether any line written before `before` waits to be sealed.
pub async fn is_due(store: &Store, before: Timestamp) -> Result<bool> {
    const SQL: &str = "
        select exists (
            select 1 from audit_log
            where id > (select coalesce(max(audit_id), 0) from audit_seals) and timestamp < $1)";
    Ok(on!(store, |conn| sqlx::query_scalar(SQL).bind(before).fetch_one(conn).await)?)
}

/// Makes this node the one that seals, until the transaction ends.
async fn claim(tx: &mut Tx) -> Result<bool> {
    /// Any number that no other lock of ours has.
    const SEALING: i64 = 0x006c_6174_6964_6f02;
    match tx.engine() {
        // A transaction is the only one that writes.
        Either::Sqlite(_) => Ok(true),
        Either::Postgres(conn) => Ok(sqlx::query_scalar("select pg_try_advisory_xact_lock($1)")
            .bind(SEALING)
            .fetch_one(conn)
            .await?),
    }
}

/// The moment before which no transaction can still write a line: one that is under way may hold an
/// id below those that are there already.
async fn not_under_way(tx: &mut Tx, before: Timestamp) -> Result<Timestamp> {
    const SQL: &str = "
        select (extract(epoch from min(xact_start)) * 1000)::bigint from pg_stat_activity
        where datname = current_database() and pid <> pg_backend_pid() and backend_xid is not null";
    match tx.engine() {
        Either::Sqlite(_) => Ok(before),
        Either::Postgres(conn) => {
            let oldest: Option<i64> = sqlx::query_scalar(SQL).fetch_one(conn).await?;
            Ok(oldest.map_or(before, |oldest| before.min(Timestamp(oldest))))
        }
    }
}

/// The seals after a line, in order.
pub async fn seals(store: &Store, after: i64, limit: i64) -> Result<Vec<Seal>> {
    const SQL: &str = "
        select audit_id, prev_hash, hash from audit_seals
        where audit_id > $1 order by audit_id limit $2";
    let rows: Vec<StoredSeal> =
        on!(store, |conn| sqlx::query_as(SQL).bind(after).bind(limit).fetch_all(conn).await)?;
    Ok(rows.into_iter().map(Seal::from).collect())
}

/// The lines after one up to another, in order.
pub async fn lines(store: &Store, after: i64, to: i64) -> Result<Vec<Line>> {
    const SQL: &str = "
        select id, timestamp, actor_id, actor_role, action, entity_type, entity_id, ip, user_agent,
            request_id, data
        from audit_log where id > $1 and id <= $2 order by id";
    let rows: Vec<StoredLine> =
        on!(store, |conn| sqlx::query_as(SQL).bind(after).bind(to).fetch_all(conn).await)?;
    Ok(rows.into_iter().map(Line::from).collect())
}

/// How many lines there are after one.
pub async fn count_after(store: &Store, after: i64) -> Result<i64> {
    const SQL: &str = "select count(*) from audit_log where id > $1";
    Ok(on!(store, |conn| sqlx::query_scalar(SQL).bind(after).fetch_one(conn).await)?)
}

impl From<StoredLine> for Line {
    fn from(row: StoredLine) -> Self {
        Self {
            id: row.id,
            timestamp: row.timestamp,
            actor_id: row.actor_id,
            actor_role: row.actor_role,
            action: row.action,
            entity_type: row.entity_type,
            entity_id: row.entity_id,
            ip: row.ip,
            user_agent: row.user_agent,
            request_id: row.request_id,
            data: row.data.0,
        }
    }
}

impl From<StoredSeal> for Seal {
    fn from(row: StoredSeal) -> Self {
        Self { audit_id: row.audit_id, prev_hash: row.prev_hash, hash: row.hash }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::audit_chain::Walk;
    use crate::persistence::audit::{self, AuditEntry};
    use crate::persistence::store::tests::stores;

    async fn write(store: &Store, action: &'static str, at: i64) {
        let mut tx = store.begin().await.unwrap();
        let entry = AuditEntry { action, entity_type: "user", ..Default::default() };
        audit::append(&mut tx, &entry, Timestamp(at)).await.unwrap();
        tx.commit().await.unwrap();
    }

    async fn sealed(store: &Store, before: i64) -> usize {
        seal(store.begin().await.unwrap(), Timestamp(before), 100).await.unwrap()
    }

    #[tokio::test]
    async fn old_lines_are_sealed_once_and_make_a_whole_chain() {
        for store in stores().await {
            write(&store, "login", 1).await;
            write(&store, "logout", 2).await;
            write(&store, "login", 9).await;
            assert!(is_due(&store, Timestamp(5)).await.unwrap());

            assert_eq!([sealed(&store, 5).await, sealed(&store, 5).await], [2, 0]);
            assert!(!is_due(&store, Timestamp(5)).await.unwrap());
            assert_eq!(sealed(&store, 10).await, 1);

            let seals = seals(&store, 0, 100).await.unwrap();
            let last = seals.last().unwrap().audit_id;
            let lines = lines(&store, 0, last).await.unwrap();
            let mut walk = Walk::default();
            walk.follow(&seals, &lines).unwrap();
            assert_eq!(walk.sealed, 3);
            assert_eq!(count_after(&store, last).await.unwrap(), 0);
        }
    }

    #[tokio::test]
    async fn a_seal_once_written_cannot_be_changed_or_removed() {
        for store in stores().await {
            write(&store, "login", 1).await;
            sealed(&store, 5).await;

            for sql in ["update audit_seals set hash = 'x'", "delete from audit_seals"] {
                let mut tx = store.begin().await.unwrap();
                let outcome = on!(tx, |conn| sqlx::query(sql).execute(conn).await.map(drop));
                assert!(outcome.unwrap_err().to_string().contains("append-only"), "{sql}");
            }
        }
    }
}
