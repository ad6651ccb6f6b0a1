//! The audit trail: who did what to which row, written with the change and never altered.

use serde_json::{Map, Value};
use sqlx::FromRow;
use sqlx::types::Json;

use super::{Store, Tx};
use crate::domain::id::UserId;
use crate::domain::identity::Principal;
use crate::domain::provenance::Provenance;
use crate::domain::time::Timestamp;
use crate::error::Result;

/// One line of the trail. Fields hold ids and closed words, never health data.
#[derive(Debug, Clone, Default)]
pub struct AuditEntry {
    /// Absent for refused strangers and for service keys, which `data` names as `service`.
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

impl AuditEntry {
    /// A line of which only the origin is told.
    pub fn from_where(provenance: &Provenance) -> Self {
        Self {
            ip: provenance.ip.map(|ip| ip.to_string()),
            user_agent: provenance.user_agent.as_deref().map(ToOwned::to_owned),
            request_id: Some(provenance.request_id.clone().into())
                .filter(|id: &String| !id.is_empty()),
            ..Self::default()
        }
    }

    /// The same line, by a caller.
    #[must_use]
    pub fn by(mut self, caller: &Principal) -> Self {
        self.actor = caller.user.account();
        self.actor_role = Some(caller.primary_role.user_type());
        if let Some(service) = &caller.service {
            self.data.insert("service".into(), service.as_ref().into());
        }
        self
    }
}

/// One line as it was written.
#[derive(Debug, Clone, FromRow)]
pub struct Recorded {
    pub id: i64,
    pub timestamp: Timestamp,
    pub actor_id: Option<UserId>,
    pub actor_role: Option<String>,
    pub action: String,
    pub entity_type: String,
    pub entity_id: Option<String>,
    pub ip: Option<String>,
    pub request_id: Option<String>,
    pub data: Json<Map<String, Value>>,
    /// Absent until the line is sealed.
    pub hash: Option<String>,
}

/// Which lines are asked for; absent fields ask for any.
#[derive(Debug, Clone, Copy, Default)]
pub struct Filter<'a> {
    pub actor: Option<UserId>,
    pub entity_type: Option<&'a str>,
    pub entity_id: Option<&'a str>,
    pub action: Option<&'a str>,
    /// Not before this moment.
    pub from: Option<Timestamp>,
    /// Before this moment.
    pub to: Option<Timestamp>,
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

/// Lines from the newest on, older than `before`.
pub async fn list(
    store: &Store,
    filter: &Filter<'_>,
    before: Option<i64>,
    limit: i64,
) -> Result<Vec<Recorded>> {
    const SQL: &str = "
        select id, timestamp, actor_id, actor_role, action, entity_type, entity_id, ip, request_id, data,
            (select hash from audit_seals where audit_id = audit_log.id) as hash
        from audit_log
        where ($1 is null or actor_id = $1) and ($2 is null or entity_type = $2)
            and ($3 is null or entity_id = $3) and ($4 is null or action = $4)
            and ($5 is null or timestamp >= $5) and ($6 is null or timestamp < $6)
            and ($7 is null or id < $7)
        order by id desc limit $8";
    Ok(on!(store, |conn| sqlx::query_as(SQL)
        .bind(filter.actor)
        .bind(filter.entity_type)
        .bind(filter.entity_id)
        .bind(filter.action)
        .bind(filter.from)
        .bind(filter.to)
        .bind(before)
        .bind(limit)
        .fetch_all(conn)
        .await)?)
}

/// How many lines there are.
pub async fn count(store: &Store, filter: &Filter<'_>) -> Result<i64> {
    const SQL: &str = "
        select count(*) from audit_log
        where ($1 is null or actor_id = $1) and ($2 is null or entity_type = $2)
            and ($3 is null or entity_id = $3) and ($4 is null or action = $4)
            and ($5 is null or timestamp >= $5) and ($6 is null or timestamp < $6)";
    Ok(on!(store, |conn| sqlx::query_scalar(SQL)
        .bind(filter.actor)
        .bind(filter.entity_type)
        .bind(filter.entity_id)
        .bind(filter.action)
        .bind(filter.from)
        .bind(filter.to)
        .fetch_one(conn)
        .await)?)
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

    #[tokio::test]
    async fn lines_are_found_by_what_they_tell_newest_first() {
        for store in stores().await {
            let lines = [("login", 1), ("sent", 2), ("login", 3), ("login", 4)];
            let mut tx = store.begin().await.unwrap();
            for (action, at) in lines {
                let entry = AuditEntry { action, entity_type: "user", ..Default::default() };
                append(&mut tx, &entry, Timestamp(at)).await.unwrap();
            }
            tx.commit().await.unwrap();
            let filter =
                Filter { action: Some("login"), from: Some(Timestamp(2)), ..Filter::default() };

            let found = list(&store, &filter, None, 10).await.unwrap();
            let older = list(&store, &filter, Some(found[0].id), 10).await.unwrap();

            let times =
                |lines: &[Recorded]| lines.iter().map(|l| l.timestamp.0).collect::<Vec<_>>();
            assert_eq!(times(&found), [4, 3]);
            assert_eq!(times(&older), [3]);
            assert_eq!(count(&store, &filter).await.unwrap(), 2);
        }
    }
}
