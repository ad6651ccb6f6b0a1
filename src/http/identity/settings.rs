//! How one's account likes its portals.

use axum::extract::State;
use serde_json::Map;

use crate::domain::events::ServerEvent as _;
use crate::domain::events::accounts::UserUpdate;
use crate::domain::identity::{Principal, Settings, SettingsPatch};
use crate::domain::time::Timestamp;
use crate::domain::topic::Topic;
use crate::error::Result;
use crate::http::App;
use crate::http::caller::Member;
use crate::http::context::Context;
use crate::http::json::Json;
use crate::persistence::deed::Deed;
use crate::persistence::identity::{changes, sessions, settings};
use crate::persistence::{held, outbox};

/// Shows the caller's settings; defaults where nothing was set.
#[utoipa::path(
    get, path = "/users/me/settings", tag = "users", operation_id = "get_settings",
    responses(
        (status = 200, body = Settings),
    ),
)]
pub(super) async fn read(State(app): State<App>, Member(caller): Member) -> Result<Json<Settings>> {
    settings::of(&app.store, caller.user).await.map(Json)
}

/// Writes every setting; absent ones go back to their defaults.
#[utoipa::path(
    put, path = "/users/me/settings", tag = "users", operation_id = "replace_settings",
    request_body = SettingsPatch,
    responses(
        (status = 200, body = Settings),
    ),
)]
pub(super) async fn replace(
    State(app): State<App>,
    Member(caller): Member,
    context: Context,
    Json(wanted): Json<SettingsPatch>,
) -> Result<Json<Settings>> {
    change(&app, &context, &caller, |_| Settings::default().with(wanted)).await
}

/// Writes the given settings.
#[utoipa::path(
    patch, path = "/users/me/settings", tag = "users", operation_id = "patch_settings",
    request_body = SettingsPatch,
    responses(
        (status = 200, body = Settings),
    ),
)]
pub(super) async fn patch(
    State(app): State<App>,
    Member(caller): Member,
    context: Context,
    Json(wanted): Json<SettingsPatch>,
) -> Result<Json<Settings>> {
    change(&app, &context, &caller, |before| before.with(wanted)).await
}

/// Writes what is other than before and tells the account's other sessions.
async fn change(
    app: &App,
    context: &Context,
    caller: &Principal,
    wanted: impl FnOnce(Settings) -> Settings + Send,
) -> Result<Json<Settings>> {
    let (user, now) = (caller.user, Timestamp::now());

    let mut tx = app.store.begin().await?;
    changes::hold(&mut tx, user).await?;
    let before = settings::within(&mut tx, user).await?;
    let after = wanted(before.clone());
    let changes = after.changes_since(&before);
    if changes.is_empty() {
        return Ok(Json(after));
    }
    settings::write(&mut tx, user, &after, now).await?;
    let is_switched = after.focus_mode != before.focus_mode;
    if is_switched && !after.focus_mode {
        held::release(&mut tx, user, &app.settings.node, now).await?;
    }
    let others = match &caller.session {
        Some(own) => {
            let others = sessions::others(&mut tx, user, own, now).await?;
            others.into_iter().map(Topic::Session).collect()
        }
        // Whoever signed in at the auth service has no session here to tell from others.
        None => vec![Topic::User(user)],
    };
    if !others.is_empty() {
        let update = UserUpdate {
            kind: "settings".to_owned(),
            action: "updated".to_owned(),
            changes: Some(changes.into()),
            timestamp: now,
        };
        let event = update.event_to(others);
        outbox::append(&mut tx, &event, Some(&app.settings.node)).await?;
    }
    let entity_id = user.0.into();
    let deed = Deed { action: "updated", entity_type: "settings", entity_id, data: Map::new() };
    deed.record(&mut tx, &app.settings.node, caller, &context.provenance()).await?;
    tx.commit().await?;

    app.hub.outbox_ready();
    if is_switched {
        app.hub.focus_switched(user);
    }
    Ok(Json(after))
}
