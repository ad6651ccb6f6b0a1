//! What is said in a call.

use serde::Serialize;
use sqlx::FromRow;
use utoipa::ToSchema;

use crate::domain::events::signaling::SeatRole;
use crate::domain::id::{ConsultationId, UserId};
use crate::domain::time::Timestamp;
use crate::error::Result;
use crate::persistence::{Store, Tx};

/// Something that was said in a call.
#[derive(Debug, Clone, Serialize, FromRow, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ConsultationMessage, example = json!({"id": 8, "identity": "patient-maria-123",
    "userId": 123, "role": "patient", "text": "¿Me escucha?", "clientMsgId": "m-1",
    "timestamp": "2025-10-05T12:12:30.000Z"}))]
pub struct Message {
    pub id: i64,
    /// How its author is named in the consultation.
    pub identity: String,
    /// Null for those without an account.
    #[schema(value_type = Option<i64>)]
    pub user_id: Option<UserId>,
    pub role: SeatRole,
    pub text: String,
    pub client_msg_id: String,
    pub timestamp: Timestamp,
}

/// A message on its way to the table.
#[derive(Debug)]
pub struct NewMessage<'a> {
    pub consultation: &'a ConsultationId,
    /// How its author is named in the consultation, on whichever device.
    pub identity: &'a str,
    /// Absent for those without an account.
    pub user: Option<UserId>,
    pub role: SeatRole,
    /// The author's own name for it: what is sent again under it is not stored again.
    pub client_msg_id: &'a str,
    pub text: &'a str,
}

/// A stored message.
#[derive(Debug, Clone, Copy)]
pub struct Stored {
    pub id: i64,
    pub at: Timestamp,
    /// False when it was there before.
    pub is_new: bool,
}

/// Stores a message once.
pub async fn insert(tx: &mut Tx, message: &NewMessage<'_>, now: Timestamp) -> Result<Stored> {
    const INSERT: &str = "
        insert into consultation_messages
            (consultation_id, peer_identity, user_id, role, client_msg_id, text, created_at)
        values ($1, $2, $3, $4, $5, $6, $7)
        on conflict (consultation_id, peer_identity, client_msg_id) do nothing
        returning id";
    const FIND: &str = "
        select id, created_at from consultation_messages
        where consultation_id = $1 and peer_identity = $2 and client_msg_id = $3";
    let inserted: Option<i64> = on!(tx, |conn| sqlx::query_scalar(INSERT)
        .bind(message.consultation)
        .bind(message.identity)
        .bind(message.user)
        .bind(message.role)
        .bind(message.client_msg_id)
        .bind(message.text)
        .bind(now)
        .fetch_optional(conn)
        .await)?;
    if let Some(id) = inserted {
        return Ok(Stored { id, at: now, is_new: true });
    }
    let (id, at) = on!(tx, |conn| sqlx::query_as(FIND)
        .bind(message.consultation)
        .bind(message.identity)
        .bind(message.client_msg_id)
        .fetch_one(conn)
        .await)?;
    Ok(Stored { id, at, is_new: false })
}

/// How much was said in a call.
pub async fn count(store: &Store, id: &ConsultationId) -> Result<i64> {
    const SQL: &str = "select count(*) from consultation_messages where consultation_id = $1";
    Ok(on!(store, |conn| sqlx::query_scalar(SQL).bind(id).fetch_one(conn).await)?)
}

/// What was said in a call after a message, in order.
pub async fn list(
    store: &Store,
    id: &ConsultationId,
    after: i64,
    limit: i64,
) -> Result<Vec<Message>> {
    const SQL: &str = "
        select id, peer_identity as identity, user_id, role, text, client_msg_id,
            created_at as timestamp
        from consultation_messages
        where consultation_id = $1 and id > $2 order by id limit $3";
    Ok(on!(store, |conn| sqlx::query_as(SQL)
        .bind(id)
        .bind(after)
        .bind(limit)
        .fetch_all(conn)
        .await)?)
}
