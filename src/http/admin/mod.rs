//! Administration: messages from the house, publishing for other services, figures, this node.
//!
//! Whoever changes something here does so in the name of the house: [`deed`](crate::persistence::deed)
//! writes it to the audit trail and tells the administrators.

mod audit;
mod cache;
mod events;
mod messages;
mod node;
mod publish;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::App;

/// The routes of this context.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(messages::send))
        .routes(routes!(publish::publish))
        .routes(routes!(events::list))
        .routes(routes!(audit::list))
        .routes(routes!(cache::invalidate))
        .routes(routes!(node::stats))
        .routes(routes!(node::outbox))
        .routes(routes!(node::nodes))
        .routes(routes!(node::disconnect))
        .routes(routes!(node::log_level, node::set_log_level))
}
