//! The public keys of our tokens.

use axum::extract::State;
use jsonwebtoken::jwk::JwkSet;

use crate::http::App;
use crate::http::json::Json;

/// The keys by which others verify our tokens; none while they are signed with a shared secret.
#[utoipa::path(
    get, path = "/.well-known/jwks.json", tag = "auth",
    responses((status = 200, description = "A JWK set (RFC 7517).", body = serde_json::Value)),
)]
pub async fn keys(State(app): State<App>) -> Json<JwkSet> {
    Json(app.auth.tokens().published().clone())
}
