//! The `user_settings` table: a row once something was set.

use std::collections::BTreeMap;

use sqlx::FromRow;
use sqlx::types::Json;

use crate::domain::id::UserId;
use crate::domain::identity::Settings;
use crate::domain::identity::settings::{Notify, Theme};
use crate::domain::time::Timestamp;
use crate::error::Result;
use crate::persistence::{Store, Tx};

#[derive(FromRow)]
struct Row {
    #[sqlx(try_from = "String")]
    theme: Theme,
    notifications: bool,
    locale: String,
    focus_mode: bool,
    notify: Json<Notify>,
    custom_theme: Json<BTreeMap<String, String>>,
}

impl From<Row> for Settings {
    fn from(row: Row) -> Self {
        Self {
            theme: row.theme,
            notifications: row.notifications,
            locale: row.locale,
            focus_mode: row.focus_mode,
            notify: row.notify.0,
            custom_theme: row.custom_theme.0,
        }
    }
}

const OF_USER: &str = "
    select theme, notifications, locale, focus_mode, notify, custom_theme
    from user_settings where user_id = $1";

/// What the account set, or the defaults.
pub async fn of(store: &Store, user: UserId) -> Result<Settings> {
    let row: Option<Row> =
        on!(store, |conn| sqlx::query_as(OF_USER).bind(user).fetch_optional(conn).await)?;
    Ok(row.map(Settings::from).unwrap_or_default())
}

/// What the account set, or the defaults, as the transaction sees it.
pub async fn within(tx: &mut Tx, user: UserId) -> Result<Settings> {
    let row: Option<Row> =
        on!(tx, |conn| sqlx::query_as(OF_USER).bind(user).fetch_optional(conn).await)?;
    Ok(row.map(Settings::from).unwrap_or_default())
}

pub async fn write(tx: &mut Tx, user: UserId, settings: &Settings, now: Timestamp) -> Result<()> {
    const SQL: &str = "
        insert into user_settings
            (user_id, theme, notifications, locale, focus_mode, notify, custom_theme, updated_at)
        values ($1, $2, $3, $4, $5, $6, $7, $8)
        on conflict (user_id) do update set
            theme = excluded.theme, notifications = excluded.notifications, locale = excluded.locale,
            focus_mode = excluded.focus_mode, notify = excluded.notify,
            custom_theme = excluded.custom_theme, updated_at = excluded.updated_at";
    Ok(on!(tx, |conn| sqlx::query(SQL)
        .bind(user)
        .bind(settings.theme.name())
        .bind(settings.notifications)
        .bind(&settings.locale)
        .bind(settings.focus_mode)
        .bind(Json(settings.notify))
        .bind(Json(&settings.custom_theme))
        .bind(now)
        .execute(conn)
        .await
        .map(drop))?)
}
