//! What the database knows of somebody's presence: focus mode, and when a device was last used.

use sqlx::FromRow;
use sqlx::types::Json;

use super::Store;
use crate::domain::id::UserId;
use crate::domain::time::Timestamp;
use crate::error::Result;

/// What an account left behind.
#[derive(Debug, Clone, Copy, FromRow)]
pub struct Trace {
    pub user_id: UserId,
    pub is_in_focus: bool,
    /// Absent where nobody ever signed in.
    pub seen_at: Option<Timestamp>,
}

/// A trace for each of the users, those there are no rows of included.
pub async fn traces(store: &Store, users: &[UserId]) -> Result<Vec<Trace>> {
    const SQLITE: &str = "
        select value as user_id,
            exists (select 1 from user_settings where user_id = value and focus_mode) as is_in_focus,
            (select max(last_seen_at) from sessions where user_id = value) as seen_at
        from json_each($1)";
    const POSTGRES: &str = "
        select asked.id as user_id,
            exists (select 1 from user_settings where user_id = asked.id and focus_mode) as is_in_focus,
            (select max(last_seen_at) from sessions where user_id = asked.id) as seen_at
        from (select value::bigint as id from jsonb_array_elements_text($1)) as asked";
    let sql = store.text(SQLITE, POSTGRES);
    Ok(on!(store, |conn| sqlx::query_as(sql).bind(Json(users)).fetch_all(conn).await)?)
}
