//! Writing the catalogue: row, audit line and events in one transaction.

use axum::http::StatusCode;
use axum::http::header::{ETAG, LOCATION};
use axum::response::{IntoResponse, Response};
use serde_json::Map;

use super::{CACHED, Resource, path};
use crate::domain::events::ServerEvent;
use crate::domain::events::catalogue::{CatalogUpdate, ChangeAction};
use crate::domain::events::subscription::EntityUpdate;
use crate::domain::identity::Principal;
use crate::domain::time::Timestamp;
use crate::error::Result;
use crate::http::App;
use crate::http::context::Context;
use crate::http::json::Json;
use crate::http::patch::Patch;
use crate::http::precondition::{IfMatch, etag};
use crate::persistence::clinical::row::{self, hold, hold_removed, remove};
use crate::persistence::deed::Deed;
use crate::persistence::{Tx, outbox};

/// Who writes: the caller, and what the audit trail wants to know.
pub(super) struct Author {
    pub(super) caller: Principal,
    pub(super) context: Context,
}

/// Adds a row.
pub(super) async fn create<R: Resource>(
    app: &App,
    author: &Author,
    mut draft: R::Draft,
) -> Result<Response> {
    let now = Timestamp::now();
    R::complete(&mut draft, app)?;

    let mut tx = app.store.begin().await?;
    let row = R::insert(&mut tx, &draft, now).await?;
    record(app, &mut tx, author, &row, ChangeAction::Created, now).await?;
    tx.commit().await?;
    committed(app);

    let place = format!("{}/{}", path::<R>(), row.id());
    let tag = etag(row.stamp().version);
    Ok((StatusCode::CREATED, [(LOCATION, place)], [(ETAG, tag)], Json(row)).into_response())
}

/// Writes every field of a row.
pub(super) async fn replace<R: Resource>(
    app: &App,
    author: &Author,
    condition: &IfMatch,
    id: i64,
    mut draft: R::Draft,
) -> Result<Response> {
    R::complete(&mut draft, app)?;
    change::<R>(app, author, condition, id, |_| Ok(draft)).await
}

/// Writes the fields that are given.
pub(super) async fn patch<R: Resource>(
    app: &App,
    author: &Author,
    condition: &IfMatch,
    id: i64,
    patch: Patch,
) -> Result<Response> {
    change::<R>(app, author, condition, id, |row| patch.of(&row.draft())).await
}

async fn change<R: Resource>(
    app: &App,
    author: &Author,
    condition: &IfMatch,
    id: i64,
    wanted: impl FnOnce(&R) -> Result<R::Draft> + Send,
) -> Result<Response> {
    let now = Timestamp::now();

    let mut tx = app.store.begin().await?;
    let row: R = hold(&mut tx, id.into()).await?;
    condition.check(row.stamp().version)?;
    let draft = wanted(&row)?;
    let row = row.update(&mut tx, &draft, now).await?;
    record(app, &mut tx, author, &row, ChangeAction::Updated, now).await?;
    tx.commit().await?;
    committed(app);

    Ok(([(ETAG, etag(row.stamp().version))], Json(row)).into_response())
}

/// Hides a row.
pub(super) async fn delete<R: Resource>(
    app: &App,
    author: &Author,
    condition: &IfMatch,
    id: i64,
) -> Result<StatusCode> {
    let now = Timestamp::now();

    let mut tx = app.store.begin().await?;
    let row: R = hold(&mut tx, id.into()).await?;
    condition.check(row.stamp().version)?;
    remove::<R>(&mut tx, row.id(), now).await?;
    record(app, &mut tx, author, &row, ChangeAction::Deleted, now).await?;
    tx.commit().await?;
    committed(app);

    Ok(StatusCode::NO_CONTENT)
}

/// Shows a removed row again, unless the field that must be its own was taken meanwhile.
pub(super) async fn restore<R: Resource>(
    app: &App,
    author: &Author,
    condition: &IfMatch,
    id: i64,
    unique: &'static str,
) -> Result<Response> {
    let now = Timestamp::now();

    let mut tx = app.store.begin().await?;
    let row: R = hold_removed(&mut tx, id.into()).await?;
    condition.check(row.stamp().version)?;
    let row: R = row::restore(&mut tx, row.id(), unique, now).await?;
    // To everyone who lists them it is a new one.
    record_as(app, &mut tx, author, &row, ChangeAction::Created, "restored", now).await?;
    tx.commit().await?;
    committed(app);

    Ok(([(ETAG, etag(row.stamp().version))], Json(row)).into_response())
}

/// Puts a change into the audit trail and tells everyone, its followers, and the administrators.
pub(super) async fn record<R: Resource>(
    app: &App,
    tx: &mut Tx,
    author: &Author,
    row: &R,
    action: ChangeAction,
    now: Timestamp,
) -> Result<()> {
    record_as(app, tx, author, row, action, action.name(), now).await
}

/// [`record`], under another name in the audit trail.
async fn record_as<R: Resource>(
    app: &App,
    tx: &mut Tx,
    author: &Author,
    row: &R,
    action: ChangeAction,
    deed: &'static str,
    now: Timestamp,
) -> Result<()> {
    let (kind, id) = (R::KIND, row.id().into());
    let update = CatalogUpdate {
        kind,
        action,
        entity_id: id,
        entity_name: row.name().map(ToOwned::to_owned),
        timestamp: now,
    };
    let mirror = EntityUpdate {
        entity: kind.name().to_owned(),
        entity_id: id.into(),
        action: action.name().to_owned(),
        data: None,
        timestamp: now,
    };
    for event in [update.event(), mirror.event()] {
        outbox::append(tx, &event, Some(&app.settings.node)).await?;
    }
    let deed =
        Deed { action: deed, entity_type: kind.name(), entity_id: id.into(), data: Map::new() };
    deed.record(tx, &app.settings.node, &author.caller, &author.context.provenance()).await
}

/// What follows every commit here.
pub(super) fn committed(app: &App) {
    app.cache.invalidate(CACHED);
    app.hub.outbox_ready();
}
