//! Accounts and sessions over HTTP.

pub mod ending;
pub mod liveness;
pub mod login;
pub mod opening;
pub mod registration;
pub mod session_sync;
pub mod sessions;
pub mod sso_tickets;
pub mod view;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::App;

/// The routes of this context.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(registration::register))
        .routes(routes!(login::login))
        .routes(routes!(sessions::verify_token))
        .routes(routes!(sessions::validate))
        .routes(routes!(sessions::logout))
        .routes(routes!(sessions::refresh))
        .routes(routes!(
            session_sync::read,
            session_sync::join,
            session_sync::patch,
            session_sync::leave
        ))
        .routes(routes!(sso_tickets::issue))
        .routes(routes!(sso_tickets::redeem))
}
