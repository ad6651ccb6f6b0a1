//! The audit trail, newest first.

use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::{IntoParams, ToSchema};

use crate::domain::id::UserId;
use crate::domain::time::Timestamp;
use crate::error::Result;
use crate::http::App;
use crate::http::caller::Admin;
use crate::http::json::Json;
use crate::http::page::{CamelPage, List, PageParams};
use crate::persistence::audit::{self, Recorded};

/// Which lines are shown.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Filter {
    #[param(inline)]
    actor_id: Option<UserId>,
    entity_type: Option<String>,
    entity_id: Option<String>,
    action: Option<String>,
    /// Not before this moment.
    #[param(inline)]
    from: Option<Timestamp>,
    /// Before this moment.
    #[param(inline)]
    to: Option<Timestamp>,
}

/// One line of the trail.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Line {
    id: i64,
    timestamp: Timestamp,
    /// Absent for strangers and services.
    actor_id: Option<UserId>,
    actor_role: Option<String>,
    action: String,
    entity_type: String,
    entity_id: Option<String>,
    ip: Option<String>,
    request_id: Option<String>,
    #[schema(value_type = Object)]
    data: Map<String, Value>,
    /// In the chain over the trail; absent until the line is sealed, some seconds after it was written.
    hash: Option<String>,
}

impl From<Recorded> for Line {
    fn from(row: Recorded) -> Self {
        Self {
            id: row.id,
            timestamp: row.timestamp,
            actor_id: row.actor_id,
            actor_role: row.actor_role,
            action: row.action,
            entity_type: row.entity_type,
            entity_id: row.entity_id,
            ip: row.ip,
            request_id: row.request_id,
            data: row.data.0,
            hash: row.hash,
        }
    }
}

/// Who did what to which row.
#[utoipa::path(get, path = "/api/admin/audit", tag = "Administration", operation_id = "listAudit",
    params(Filter, PageParams),
    responses((status = 200, description = "A page of lines", body = CamelPage<Line>,
        example = json!({"items": [{"id": 9, "timestamp": "2025-10-13T04:58:18.128Z", "actorId": 1,
            "actorRole": "admin", "action": "sent", "entityType": "message", "entityId": "12",
            "ip": "203.0.113.9", "requestId": "01JB0000", "data": {"rooms": ["all"]}, "hash": null}],
            "nextCursor": null, "hasMore": false}))))]
pub(super) async fn list(
    State(app): State<App>,
    _: Admin,
    list: List<Filter>,
) -> Result<Json<CamelPage<Line>>> {
    let filter = &list.filters;
    let filter = audit::Filter {
        actor: filter.actor_id,
        entity_type: filter.entity_type.as_deref(),
        entity_id: filter.entity_id.as_deref(),
        action: filter.action.as_deref(),
        from: filter.from,
        to: filter.to,
    };
    let rows = audit::list(&app.store, &filter, list.after_id()?, list.fetch()).await?;
    let total = if list.count { Some(audit::count(&app.store, &filter).await?) } else { None };
    Ok(Json(list.page(rows, |row| row.id.to_string()).with_total(total).map(Line::from).camel()))
}
