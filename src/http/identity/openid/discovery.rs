//! What clients read first: where everything is and what is supported (OpenID Connect Discovery §3).

use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::OpenId;
use crate::domain::identity::openid::{Scope, pkce};
use crate::error::Result;
use crate::http::App;
use crate::http::json::Json;
use crate::http::problem::ProblemBody;

/// The metadata of this provider.
#[derive(Debug, Serialize, ToSchema)]
#[expect(clippy::struct_excessive_bools, reason = "the specification's members")]
#[schema(example = json!({
    "issuer": "https://id.example",
    "authorization_endpoint": "https://id.example/oidc/authorize",
    "token_endpoint": "https://id.example/oidc/token",
    "userinfo_endpoint": "https://id.example/oidc/userinfo",
    "jwks_uri": "https://id.example/.well-known/jwks.json",
    "end_session_endpoint": "https://id.example/oidc/logout",
    "scopes_supported": Scope::NAMES,
    "response_types_supported": ["code"], "response_modes_supported": ["query"],
    "grant_types_supported": ["authorization_code", "refresh_token"],
    "subject_types_supported": ["public"],
    "id_token_signing_alg_values_supported": ["ES256"],
    "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post", "none"],
    "code_challenge_methods_supported": ["S256"],
    "prompt_values_supported": ["none", "login", "select_account"],
    "claims_supported": ["sub", "name", "email", "email_verified", "user_type", "roles"],
    "claims_parameter_supported": false, "request_parameter_supported": false,
    "request_uri_parameter_supported": false,
    "authorization_response_iss_parameter_supported": true,
    "backchannel_logout_supported": true, "backchannel_logout_session_supported": true}))]
pub struct Metadata {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    userinfo_endpoint: String,
    jwks_uri: String,
    end_session_endpoint: String,
    scopes_supported: [&'static str; 3],
    response_types_supported: [&'static str; 1],
    response_modes_supported: [&'static str; 1],
    grant_types_supported: [&'static str; 2],
    subject_types_supported: [&'static str; 1],
    /// The algorithm of the configured key; there is no RSA here.
    id_token_signing_alg_values_supported: Vec<&'static str>,
    token_endpoint_auth_methods_supported: [&'static str; 3],
    code_challenge_methods_supported: [&'static str; 1],
    prompt_values_supported: [&'static str; 3],
    claims_supported: [&'static str; 16],
    claims_parameter_supported: bool,
    request_parameter_supported: bool,
    request_uri_parameter_supported: bool,
    authorization_response_iss_parameter_supported: bool,
    backchannel_logout_supported: bool,
    backchannel_logout_session_supported: bool,
}

/// Tells OpenID clients where everything is.
#[utoipa::path(
    get, path = "/.well-known/openid-configuration", tag = "oidc",
    responses((status = 200, body = Metadata), (status = 503, body = ProblemBody)),
)]
pub async fn configuration(
    State(app): State<App>,
    OpenId(provider): OpenId,
) -> Result<Json<Metadata>> {
    let at = |path: &str| format!("{}{path}", provider.issuer);
    Ok(Json(Metadata {
        issuer: provider.issuer.clone(),
        authorization_endpoint: at("/oidc/authorize"),
        token_endpoint: at("/oidc/token"),
        userinfo_endpoint: at("/oidc/userinfo"),
        jwks_uri: at("/.well-known/jwks.json"),
        end_session_endpoint: at("/oidc/logout"),
        scopes_supported: Scope::NAMES,
        response_types_supported: ["code"],
        response_modes_supported: ["query"],
        grant_types_supported: ["authorization_code", "refresh_token"],
        subject_types_supported: ["public"],
        id_token_signing_alg_values_supported: app
            .auth
            .tokens()
            .public_algorithm()
            .into_iter()
            .collect(),
        token_endpoint_auth_methods_supported: [
            "client_secret_basic",
            "client_secret_post",
            "none",
        ],
        code_challenge_methods_supported: [pkce::METHOD],
        prompt_values_supported: ["none", "login", "select_account"],
        claims_supported: [
            "iss",
            "sub",
            "aud",
            "exp",
            "iat",
            "auth_time",
            "nonce",
            "at_hash",
            "sid",
            "name",
            "given_name",
            "family_name",
            "user_type",
            "roles",
            "email",
            "email_verified",
        ],
        claims_parameter_supported: false,
        request_parameter_supported: false,
        request_uri_parameter_supported: false,
        authorization_response_iss_parameter_supported: true,
        backchannel_logout_supported: true,
        backchannel_logout_session_supported: true,
    }))
}
