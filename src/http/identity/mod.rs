//! Accounts and sessions over HTTP.

pub mod delegation;
pub mod ending;
pub mod exchange;
pub mod introspection;
pub mod keys;
pub mod linking;
pub mod liveness;
pub mod login;
pub mod mirroring;
pub mod opening;
pub mod registration;
pub mod sessions;
pub mod view;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use self::delegation::AuthService;
use super::App;
use crate::auth::Supabase;

/// Who else may say who a caller is.
#[derive(Clone, Default)]
pub struct Elsewhere {
    pub supabase: Option<Supabase>,
    /// Keeps the accounts in our place.
    pub auth_service: Option<AuthService>,
}

/// The routes of this context.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(registration::register))
        .routes(routes!(login::login))
        .routes(routes!(sessions::verify_token))
        .routes(routes!(sessions::validate))
        .routes(routes!(sessions::logout))
        .routes(routes!(sessions::refresh))
        .routes(routes!(exchange::exchange))
        .routes(routes!(keys::published))
        .routes(routes!(introspection::introspect))
}
