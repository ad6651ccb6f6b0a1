//! Accounts and sessions over HTTP.

pub mod ending;
pub mod jwks;
pub mod liveness;
pub mod login;
pub mod openid;
pub mod opening;
pub mod proof;
pub mod registration;
pub mod sessions;
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
        .routes(routes!(jwks::keys))
        .merge(openid::routes())
}
