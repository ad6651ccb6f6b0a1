//! `/metrics` for Prometheus.

use axum::extract::State;
use axum::http::HeaderName;
use axum::http::header::CONTENT_TYPE;
use metrics::gauge;

use crate::error::Result;
use crate::http::App;
use crate::http::caller::AdminOrService;
use crate::telemetry::names;

/// The exposition format's own media type.
const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Every metric as Prometheus text 0.0.4; open to all with `METRICS_PUBLIC=true`.
#[utoipa::path(get, path = "/metrics", tag = "Platform", operation_id = "metrics",
    responses((status = 200, description = "Prometheus text 0.0.4", body = String,
        content_type = "text/plain")))]
pub(super) async fn metrics(
    State(app): State<App>,
    allowed: Result<AdminOrService>,
) -> Result<([(HeaderName, &'static str); 1], String)> {
    if !app.platform.settings.metrics_public {
        allowed?;
    }
    for (op, connections) in app.store.in_use() {
        gauge!(names::DB_POOL_IN_USE, "op" => op).set(f64::from(connections));
    }
    Ok(([(CONTENT_TYPE, TEXT)], app.platform.metrics.render()))
}
