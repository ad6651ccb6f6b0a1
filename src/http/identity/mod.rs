//! Accounts and sessions over HTTP.

mod account;
mod administration;
pub mod attempts;
pub(in crate::http) mod change;
mod creation;
pub mod delegation;
pub mod devices;
mod directory;
pub mod ending;
pub mod exchange;
pub(in crate::http) mod holder;
pub mod introspection;
pub mod keys;
pub mod linking;
pub mod links;
pub mod liveness;
pub mod login;
pub mod mirroring;
pub mod openid;
pub mod opening;
pub mod passwords;
pub mod refresh;
pub mod registration;
pub mod session_sync;
pub mod sessions;
mod settings;
pub mod sso_tickets;
pub mod verification;
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
        .routes(routes!(refresh::refresh))
        .routes(routes!(exchange::exchange))
        .routes(routes!(keys::published))
        .routes(routes!(introspection::introspect))
        .routes(routes!(devices::list))
        .routes(routes!(devices::end))
        .routes(routes!(passwords::change))
        .routes(routes!(passwords::forgot))
        .routes(routes!(passwords::reset))
        .routes(routes!(verification::verify))
        .routes(routes!(verification::resend))
        .merge(openid::routes())
        .routes(routes!(account::me, account::patch_me, account::leave))
        .routes(routes!(account::add_role))
        .routes(routes!(settings::read, settings::replace, settings::patch))
        .routes(routes!(creation::create))
        .routes(routes!(directory::list))
        .routes(routes!(administration::one, administration::patch))
        .routes(routes!(administration::deactivate))
        .routes(routes!(administration::activate))
        .routes(routes!(
            session_sync::read,
            session_sync::join,
            session_sync::patch,
            session_sync::leave
        ))
        .routes(routes!(sso_tickets::issue))
        .routes(routes!(sso_tickets::redeem))
}
