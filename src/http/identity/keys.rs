//! The public keys of access tokens, for services that verify them by themselves.

use axum::extract::State;
use axum::http::header::CACHE_CONTROL;
use axum::http::{HeaderName, HeaderValue};
use jsonwebtoken::jwk::JwkSet;

use crate::http::App;
use crate::http::json::Json;

/// A key that leaves the set should be gone from caches before long; one that joins it is found by
/// verifiers that ask again for an id they do not know.
const CACHED: HeaderValue = HeaderValue::from_static("public, max-age=300");

/// The keys that verify access tokens, the current one first.
///
/// Empty while tokens are signed with a shared secret.
#[utoipa::path(
    get, path = "/.well-known/jwks.json", tag = "auth", operation_id = "publicKeys",
    responses((status = 200, description = "A JSON Web Key Set (RFC 7517)", body = Object,
        example = json!({"keys": [{"kty": "OKP", "crv": "Ed25519", "use": "sig", "alg": "EdDSA",
            "kid": "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k",
            "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}))),
)]
pub async fn published(State(app): State<App>) -> ([(HeaderName, HeaderValue); 1], Json<JwkSet>) {
    ([(CACHE_CONTROL, CACHED)], Json(app.auth.tokens().published().clone()))
}
