//! Stale copies: this node forgets them, and everyone connected is told to.

use axum::extract::State;
use garde::Validate;
use serde::{Deserialize, Serialize};
use serde_json::{Map, json};
use utoipa::ToSchema;

use crate::domain::events::ServerEvent as _;
use crate::domain::events::admin::CacheInvalidate;
use crate::domain::time::Timestamp;
use crate::error::Result;
use crate::http::App;
use crate::http::caller::AdminOrService;
use crate::http::context::Context;
use crate::http::json::Json;
use crate::persistence::deed::Deed;

/// What to forget.
#[derive(Debug, Deserialize, Validate, ToSchema)]
pub(super) struct Stale {
    /// Keys, each with those under it, such as `catalog:exams` with the lists and rows of exams; a
    /// trailing `*` stands for every key that begins so.
    #[garde(length(min = 1, max = 100), inner(length(chars, min = 1, max = 128)))]
    #[schema(min_items = 1, max_items = 100)]
    keys: Vec<String>,
}

/// What this node forgot.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Forgotten {
    invalidated: usize,
}

/// Makes this node and everyone connected forget copies.
#[utoipa::path(post, path = "/api/admin/cache/invalidate", tag = "Administration",
    operation_id = "invalidateCache",
    request_body(content = Stale, example = json!({"keys": ["catalog:*"]})),
    responses((status = 200, description = "Forgotten", body = Forgotten,
        example = json!({"invalidated": 3}))))]
pub(super) async fn invalidate(
    State(app): State<App>,
    AdminOrService(caller): AdminOrService,
    context: Context,
    Json(Stale { keys }): Json<Stale>,
) -> Result<Json<Forgotten>> {
    let data = Map::from_iter([("keys".to_owned(), json!(keys))]);
    let entity_id = app.settings.node.as_str().into();
    let deed = Deed { action: "invalidated", entity_type: "cache", entity_id, data };
    let mut tx = app.store.begin().await?;
    deed.record(&mut tx, &app.settings.node, &caller, &context.provenance()).await?;
    tx.commit().await?;

    let invalidated = keys.iter().map(|key| app.cache.invalidate(key)).sum();
    app.hub.outbox_ready();
    app.hub.publish(CacheInvalidate { keys, timestamp: Timestamp::now() }.event()).await;
    Ok(Json(Forgotten { invalidated }))
}
