//! This node and its cluster: figures, what waits in the outbox, sockets, the log level.

use axum::extract::State;
use axum::http::StatusCode;
use garde::Validate;
use serde::{Deserialize, Serialize};
use serde_json::{Map, json};
use utoipa::{IntoParams, ToSchema};

use crate::domain::events::admin::AdminStats;
use crate::domain::id::{NodeId, SocketId};
use crate::domain::time::Timestamp;
use crate::error::{Kind, Result};
use crate::http::App;
use crate::http::caller::{Admin, AdminOrService};
use crate::http::context::{Context, Path};
use crate::http::json::Json;
use crate::http::page::Query;
use crate::persistence::deed::Deed;
use crate::persistence::outbox;
use crate::telemetry::logs::Level;

/// What an administrator tells the trail about a closed socket.
#[derive(Debug, Deserialize, Validate, ToSchema)]
pub(super) struct Dismissal {
    #[garde(inner(length(chars, min = 1, max = 200)))]
    #[schema(min_length = 1, max_length = 200)]
    reason: Option<String>,
}

/// Which rows are counted.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Filter {
    /// `pending` or `failed`; absent: both.
    #[param(inline)]
    status: Option<Waiting>,
}

/// Why a row of the outbox waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum Waiting {
    Pending,
    Failed,
}

/// How the outbox stands.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Outbox {
    /// Committed events that wait for dispatch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pending: Option<i64>,
    /// Those whose dispatch was tried and failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    failed: Option<i64>,
    oldest_pending_seconds: i64,
}

/// The nodes that answer.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Nodes {
    items: Vec<Node>,
}

/// One process of the cluster.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Node {
    #[serde(rename = "nodeId")]
    id: NodeId,
    region: String,
    started_at: Timestamp,
    /// Sockets of all kinds.
    connections: usize,
    /// Signaling rooms with at least one peer.
    rooms: usize,
    last_seen_at: Timestamp,
}

/// How severe an event must be to be logged.
#[derive(Debug, Serialize, Deserialize, Validate, ToSchema)]
pub(super) struct LogLevel {
    #[garde(skip)]
    level: Level,
}

/// The hub in numbers, as `admin:stats` sends them.
#[utoipa::path(get, path = "/api/admin/stats", tag = "Administration", operation_id = "adminStats",
    responses((status = 200, description = "Figures", body = AdminStats, example = json!({
        "total": 45, "byRole": {"Paciente": 42, "Administrador": 3}, "byNamespace": {"/events": 45},
        "activeRooms": 0, "peers": 0, "consultationsLive": 0, "recordings": 0, "eventsPerSec": 12.5,
        "messagesInPerSec": 3.1, "p95FanoutMs": 0.4, "queueDropped": 0, "outboxPending": 0,
        "nodes": 1, "uptime": 1234, "timestamp": "2025-10-13T04:58:18.128Z"}))))]
pub(super) async fn stats(State(app): State<App>, _: AdminOrService) -> Json<AdminStats> {
    Json(app.hub.stats().await)
}

/// What waits for dispatch.
#[utoipa::path(get, path = "/api/admin/outbox", tag = "Administration", operation_id = "outbox",
    params(Filter),
    responses((status = 200, description = "Counts", body = Outbox,
        example = json!({"pending": 0, "failed": 0, "oldestPendingSeconds": 0}))))]
pub(super) async fn outbox(
    State(app): State<App>,
    _: Admin,
    Query(filter): Query<Filter>,
) -> Result<Json<Outbox>> {
    let stats = outbox::stats(&app.store, Timestamp::now()).await?;
    let is_asked = |waiting| filter.status.is_none_or(|status| status == waiting);
    Ok(Json(Outbox {
        pending: is_asked(Waiting::Pending).then_some(stats.pending),
        failed: is_asked(Waiting::Failed).then_some(stats.failed),
        oldest_pending_seconds: stats.oldest_pending_seconds,
    }))
}

/// The nodes of the cluster.
#[utoipa::path(get, path = "/api/admin/nodes", tag = "Administration", operation_id = "nodes",
    responses((status = 200, description = "The nodes", body = Nodes, example = json!({"items": [
        {"nodeId": "n1", "region": "local", "startedAt": "2025-10-13T04:58:18.128Z",
            "connections": 45, "rooms": 0, "lastSeenAt": "2025-10-13T05:58:18.128Z"}]}))))]
pub(super) async fn nodes(State(app): State<App>, _: Admin) -> Json<Nodes> {
    let this = Node {
        id: app.settings.node.clone(),
        region: app.platform.settings.region.clone(),
        started_at: app.platform.started_at,
        connections: app.hub.connections(),
        rooms: app.hub.active_rooms(),
        last_seen_at: Timestamp::now(),
    };
    Json(Nodes { items: vec![this] })
}

/// Closes one socket of this node.
#[utoipa::path(post, path = "/api/admin/sockets/{socketId}/disconnect", tag = "Administration",
    operation_id = "disconnectSocket", params(("socketId" = String, Path, description = "Its id")),
    request_body(content = Option<Dismissal>, example = json!({"reason": "shared account"})),
    responses((status = 204, description = "Closed"),
        (status = 404, description = "No such socket on this node")))]
pub(super) async fn disconnect(
    State(app): State<App>,
    Admin(caller): Admin,
    context: Context,
    Path(socket): Path<SocketId>,
    dismissal: Option<Json<Dismissal>>,
) -> Result<StatusCode> {
    let reason = dismissal.and_then(|Json(dismissal)| dismissal.reason).unwrap_or_default();
    let mut data = Map::new();
    if !reason.is_empty() {
        data.insert("reason".to_owned(), json!(reason));
    }
    let entity_id = socket.as_str().into();
    let deed = Deed { action: "disconnected", entity_type: "socket", entity_id, data };

    let mut tx = app.store.begin().await?;
    deed.record(&mut tx, &app.settings.node, &caller, &context.provenance()).await?;
    if !app.hub.disconnect(&socket, &reason) {
        return Err(Kind::NotFound("socket").into());
    }
    tx.commit().await?;

    app.hub.outbox_ready();
    Ok(StatusCode::NO_CONTENT)
}

/// The log level of this node.
#[utoipa::path(get, path = "/api/admin/log-level", tag = "Administration",
    operation_id = "readLogLevel",
    responses((status = 200, description = "The level", body = LogLevel,
        example = json!({"level": "INFO"}))))]
pub(super) async fn log_level(State(app): State<App>, _: Admin) -> Json<LogLevel> {
    Json(LogLevel { level: app.platform.log_level.get() })
}

/// Changes the log level of this node until it restarts.
#[utoipa::path(put, path = "/api/admin/log-level", tag = "Administration",
    operation_id = "changeLogLevel",
    request_body(content = LogLevel, example = json!({"level": "DEBUG"})),
    responses((status = 200, description = "The level from now on", body = LogLevel,
        example = json!({"level": "DEBUG"}))))]
pub(super) async fn set_log_level(
    State(app): State<App>,
    Admin(caller): Admin,
    context: Context,
    Json(new): Json<LogLevel>,
) -> Result<Json<LogLevel>> {
    let data = Map::from_iter([("level".to_owned(), json!(new.level))]);
    let entity_id = app.settings.node.as_str().into();
    let deed = Deed { action: "updated", entity_type: "log_level", entity_id, data };

    let mut tx = app.store.begin().await?;
    deed.record(&mut tx, &app.settings.node, &caller, &context.provenance()).await?;
    tx.commit().await?;

    app.platform.log_level.set(new.level);
    app.hub.outbox_ready();
    Ok(Json(new))
}
