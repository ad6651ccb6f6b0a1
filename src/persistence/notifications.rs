//! `notifications`: what accounts were told, as their portals list it.

use serde_json::{Map, Value};
use sqlx::types::Json;

use super::Tx;
use crate::domain::id::UserId;
use crate::domain::time::Timestamp;
use crate::error::Result;

/// Something to tell one account.
#[derive(Debug, Clone)]
pub struct NewNotification<'a> {
    pub user: UserId,
    /// Such as `appointment.reminder`.
    pub kind: &'static str,
    pub title: &'a str,
    pub body: &'a str,
    /// Ids and closed words, never clinical content.
    pub data: &'a Map<String, Value>,
    /// By which ways it goes out: `inapp`, `push`, `email`.
    pub channels: &'a [&'static str],
}

/// Writes a notification in the transaction of what it tells of.
pub async fn insert(tx: &mut Tx, new: &NewNotification<'_>, now: Timestamp) -> Result<i64> {
    const SQL: &str = "
        insert into notifications (user_id, kind, title, body, data, channels, created_at)
        values ($1, $2, $3, $4, $5, $6, $7)
        returning id";
    Ok(on!(tx, |conn| sqlx::query_scalar(SQL)
        .bind(new.user)
        .bind(new.kind)
        .bind(new.title)
        .bind(new.body)
        .bind(Json(new.data))
        .bind(Json(new.channels))
        .bind(now)
        .fetch_one(conn)
        .await)?)
}
