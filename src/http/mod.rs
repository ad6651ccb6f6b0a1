//! The HTTP API: thin handlers that read like the sentence they implement.
//!
//! [`router`] is the table of contents. Every context brings its own routes with their OpenAPI;
//! around all of them lie, from the outside in: [`frame`], panics, CORS, [`caller`], [`limits`],
//! [`idempotency`]. Refusals become bodies in [`problem`] and nowhere else.

pub mod admin;
pub mod author;
pub mod body;
pub mod cache;
pub mod caller;
pub mod clinical;
pub mod consultations;
pub mod context;
pub mod documents;
pub mod envelope;
pub mod files;
pub mod form;
pub mod frame;
pub mod given;
pub mod html;
pub mod idempotency;
pub mod identity;
pub mod json;
pub mod limits;
pub mod page;
pub mod patch;
pub mod peer;
pub mod platform;
pub mod portal;
pub mod precondition;
pub mod problem;
pub mod rounds;

use std::sync::Arc;
use std::time::Duration;

use axum::http::header::{
    AUTHORIZATION, CONTENT_DISPOSITION, CONTENT_RANGE, CONTENT_TYPE, ETAG, IF_MATCH, LOCATION,
    RETRY_AFTER,
};
use axum::http::{HeaderName, Method, StatusCode};
use axum::routing::get;
use axum::{Router, middleware};
use ipnet::IpNet;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::cors::{AllowOrigin, CorsLayer};
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;

use self::portal::Portal;
use crate::actors::Hub;
use crate::auth::{Authenticator, Passwords, Seal};
use crate::delivery::Deliveries;
use crate::domain::id::NodeId;
use crate::domain::origin::OriginList;
use crate::persistence::Store;
use crate::storage::Files;
use crate::telemetry::Tracer;

/// What every handler may use. Cheap to clone.
#[derive(Clone)]
pub struct App {
    pub store: Store,
    pub hub: Hub,
    pub auth: Authenticator,
    pub passwords: Passwords,
    pub seal: Seal,
    pub deliveries: Deliveries,
    pub elsewhere: identity::Elsewhere,
    pub limits: Arc<limits::Limits>,
    pub cache: cache::Cache,
    pub files: Files,
    pub openid: Arc<identity::openid::Provider>,
    pub tracer: Tracer,
    pub settings: Arc<Settings>,
    pub platform: Arc<platform::Platform>,
    /// Who is asked for diagnostic suggestions in place of the rules.
    pub advisor: Option<clinical::suggestions::advisor::Advisor>,
    pub calls: Arc<consultations::Calls>,
}

/// Decides whether a page of this origin may call.
pub type AllowsOrigin = Arc<dyn Fn(&str) -> bool + Send + Sync>;

/// The settings of this layer, filled by `app.rs`.
pub struct Settings {
    pub node: NodeId,
    /// What is taken of a request's body, uploads excepted.
    pub body: body::Bounds,
    pub allows_origin: AllowsOrigin,
    /// Where our own pages come from.
    pub own_origin: OriginList,
    /// Proxies whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpNet>,
    /// Seals cursors; the same on every node.
    pub cursor_key: Vec<u8>,
    /// Whether callers reach us by TLS.
    pub tls: bool,
    pub cookie: CookieSettings,
    /// How long a session lives without being refreshed.
    pub refresh_ttl: Duration,
    /// Where links in messages lead.
    pub portals: identity::links::Portals,
    /// ISO 4217 code for rows whose currency is not given.
    pub default_currency: String,
    /// How long after a visit a doctor and a patient have to do with each other.
    pub relation: Duration,
}

/// How the session cookie is scoped.
#[derive(Debug, Clone)]
pub struct CookieSettings {
    pub domain: Option<String>,
    /// Sent over TLS only, and then for pages of every site. False only in development without TLS,
    /// where portals are ports of one host.
    pub secure: bool,
}

/// Every route and the endpoints of sockets, inside what all of them share.
///
/// Paths that are none of these are a portal's, where one is served.
pub fn router(app: App, sockets: Router, portal: Option<Portal>) -> Router {
    let (routes, _) = routes().split_for_parts();
    framed(routes, sockets, portal, app)
}

/// What the routes say of themselves.
pub fn openapi() -> OpenApi {
    routes().split_for_parts().1
}

/// The table of contents.
fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .merge(platform::routes())
        .merge(documents::routes())
        .merge(identity::routes())
        .merge(clinical::routes())
        .merge(consultations::routes())
        .merge(admin::routes())
        .merge(files::routes())
}

/// Sockets prove themselves and keep their limits in their own ways; files have neither.
fn framed(routes: Router<App>, sockets: Router, portal: Option<Portal>, app: App) -> Router {
    let sockets = sockets.layer(middleware::from_fn_with_state(app.clone(), context::introduce));
    let routes = routes
        .fallback(|| async { StatusCode::NOT_FOUND })
        .layer(middleware::from_fn_with_state(app.clone(), idempotency::replay))
        .layer(middleware::from_fn_with_state(app.clone(), limits::throttle))
        .layer(middleware::from_fn_with_state(app.clone(), caller::identify))
        .merge(sockets.with_state(()));
    let routes = match portal {
        Some(portal) => routes.fallback(get(move |request| portal.serve(request))),
        None => routes,
    };
    routes
        .layer(cors(Arc::clone(&app.settings.allows_origin)))
        .layer(CatchPanicLayer::custom(frame::after_panic))
        .layer(middleware::from_fn_with_state(app.clone(), frame::frame))
        .with_state(app)
}

/// Contract §2.10.
fn cors(allows: AllowsOrigin) -> CorsLayer {
    let name = HeaderName::from_static;
    CorsLayer::new()
        .allow_origin(AllowOrigin::predicate(move |origin, _| {
            origin.to_str().is_ok_and(|origin| allows(origin))
        }))
        .allow_credentials(true)
        .allow_methods([Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE])
        .allow_headers([
            AUTHORIZATION,
            CONTENT_TYPE,
            IF_MATCH,
            name("idempotency-key"),
            name("x-request-id"),
            name("traceparent"),
        ])
        .expose_headers([
            CONTENT_DISPOSITION,
            CONTENT_RANGE,
            ETAG,
            LOCATION,
            RETRY_AFTER,
            name("x-request-id"),
            name("idempotency-replayed"),
            name("ratelimit-limit"),
            name("ratelimit-remaining"),
            name("ratelimit-reset"),
        ])
        .max_age(Duration::from_mins(10))
}

#[cfg(test)]
mod tests;
