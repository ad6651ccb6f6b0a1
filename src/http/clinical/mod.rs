//! Clinical routes.

pub mod catalogue;

use utoipa_axum::router::OpenApiRouter;

use super::App;

/// The routes of this context.
pub fn routes() -> OpenApiRouter<App> {
    catalogue::routes()
}
