//! Accounts and sessions over HTTP.

pub mod attempts;
pub mod devices;
pub mod ending;
pub mod links;
pub mod liveness;
pub mod login;
pub mod opening;
pub mod passwords;
pub mod refresh;
pub mod registration;
pub mod sessions;
pub mod verification;
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
        .routes(routes!(refresh::refresh))
        .routes(routes!(devices::list))
        .routes(routes!(devices::end))
        .routes(routes!(passwords::change))
        .routes(routes!(passwords::forgot))
        .routes(routes!(passwords::reset))
        .routes(routes!(verification::verify))
        .routes(routes!(verification::resend))
}
