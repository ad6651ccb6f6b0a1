//! The audit trail: who did what to which row, written with the change and never altered.

use serde_json::{Map, Value};
use sqlx::types::Json;

use super::Tx;
use crate::domain::id::UserId;
use crate::domain::time::Timestamp;
use crate::error::Result;

/// One line of the trail. Fields hold ids and closed words, never health data.
#[derive(Debug, Clone, Default)]
pub struct AuditEntry {
    /// Absent for refused strangers and service keys.
    pub actor: Option<UserId>,
    pub actor_role: Option<&'static str>,
    /// A verb of a closed set: `created`, `login`, `login_refused`, …
    pub action: &'static str,
    /// The table's noun in the singular: `user`, `exam`.
    pub entity_type: &'static str,
    pub entity_id: Option<String>,
    pub ip: Option<String>,
    pub user_agent: Option<String>,
    pub request_id: Option<String>,
    pub data: Map<String, Value>,
}

/// Writes one line in the transaction of what it tells of.
pub async fn append(tx: &mut Tx, entry: &AuditEntry, now: Timestamp) -> Result<()> {
    const SQL: &str = "
        insert into audit_log
            (timestamp, actor_id, actor_role, action, entity_type, entity_id, ip, user_agent, request_id, data)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";
    Ok(on!(tx, |conn| sqlx::query(SQL)
        .bind(now)
        .bind(entry.actor)
        .bind(entry.actor_role)
        .bind(entry.action)
        .bind(entry.entity_type)
        .bind(&entry.entity_id)
        .bind(&entry.ip)
        .bind(&entry.user_agent)
        .bind(&entry.request_id)
        .bind(Json(&entry.data))
        .execute(conn)
        .await
        .map(drop))?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::persistence::store::tests::stores;

    #[tokio::test]
    async fn a_line_once_written_cannot_be_changed_or_removed() {
        for store in stores().await {
            let mut tx = store.begin().await.unwrap();
            let entry = AuditEntry { action: "login", entity_type: "user", ..Default::default() };
            append(&mut tx, &entry, Timestamp(1)).await.unwrap();
            tx.commit().await.unwrap();

            for sql in ["update audit_log set action = 'x'", "delete from audit_log"] {
                let mut tx = store.begin().await.unwrap();
                let outcome = on!(tx, |conn| sqlx::query(sql).execute(conn).await.map(drop));
                assert!(outcome.unwrap_err().to_string().contains("append-only"));
            }
        }
    }
}
