//! Administration: messages from the house, publishing for other services, figures, this node.
//!
//! Whoever changes something here does so in the name of the house: [`deed`] writes it to the
//! audit trail and tells the administrators.

pub mod deed;
mod messages;
mod publish;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::App;

/// The routes of this context.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(messages::send)).routes(routes!(publish::publish))
}
