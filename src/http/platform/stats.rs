//! Who is connected: in numbers for everyone, socket by socket for administrators.

use std::collections::BTreeMap;

use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use crate::actors::hub::{Census, SocketInfo};
use crate::http::App;
use crate::http::caller::{Admin, Optional};
use crate::http::json::Json;

/// Sockets listed at most.
const LISTED: usize = 1000;

/// How many `/events` sockets are connected; for administrators also which.
#[derive(Debug, Serialize, ToSchema)]
pub struct Connected {
    #[serde(flatten)]
    census: Census,
    #[serde(skip_serializing_if = "Option::is_none")]
    clients: Option<Vec<SocketInfo>>,
}

/// Everything about the sockets of this node.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct WsStats {
    /// `/events` sockets, plain ones included.
    #[serde(flatten)]
    census: Census,
    /// The first 1000 sockets of every namespace.
    clients: Vec<SocketInfo>,
    by_namespace: BTreeMap<&'static str, usize>,
    /// Open connections by node.
    by_node: BTreeMap<String, usize>,
    /// Whether there are more sockets than listed.
    truncated: bool,
}

/// How many `/events` sockets are connected, by role.
#[utoipa::path(get, path = "/health/websocket", tag = "Platform", operation_id = "census",
    responses((status = 200, description = "Numbers; `clients` for administrators only",
        body = Connected,
        example = json!({"total": 45, "byRole": {"Administrador": 3, "Paciente": 42}}))))]
pub(super) async fn census(State(app): State<App>, Optional(caller): Optional) -> Json<Connected> {
    let is_admin = caller.is_some_and(|caller| caller.is_admin());
    Json(Connected { census: app.hub.census(), clients: is_admin.then(|| app.hub.sockets(LISTED)) })
}

/// Every socket of this node with its rooms and its queue.
#[utoipa::path(get, path = "/api/admin/websocket/stats", tag = "Administration",
    operation_id = "webSocketStats",
    responses((status = 200, description = "The sockets", body = WsStats, example = json!({
        "total": 1, "byRole": {"Paciente": 1},
        "clients": [{"socketId": "k1", "userId": 7, "role": "Paciente", "namespace": "/events",
            "transport": "websocket", "connectedAt": "2025-10-13T04:58:18.128Z",
            "rooms": ["user:7"], "nodeId": "n1", "queue": 0, "sent": 12, "received": 3}],
        "byNamespace": {"/events": 1}, "byNode": {"n1": 1}, "truncated": false}))))]
pub(super) async fn sockets(State(app): State<App>, _: Admin) -> Json<WsStats> {
    let mut clients = app.hub.sockets(LISTED + 1);
    let truncated = clients.len() > LISTED;
    clients.truncate(LISTED);
    Json(WsStats {
        census: app.hub.census(),
        clients,
        by_namespace: app.hub.by_namespace(),
        by_node: [(app.settings.node.to_string(), app.hub.connections())].into(),
        truncated,
    })
}
