//! Tokens, passwords, sign-in and who else may vouch for a caller.

use std::path::PathBuf;
use std::thread::available_parallelism;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;

use super::key::{Key, section};
use super::reader::Reader;
use super::values::{Environment, HttpUrl, ServiceKey};
use crate::domain::secret::Secret;

section! {
    /// How callers prove who they are.
    pub struct Identity {
        /// Signs and verifies access tokens (HS256); at least 32 bytes.
        pub jwt_secret: Secret = Key::new("JWT_SECRET_KEY")
            .aliases(&["JWT_SECRET", "SECRET_KEY"])
            .check(is_long_enough)
            .or_else("required in production, random per start in development", development_secret),
        /// Verifies tokens signed before the secret was rotated; at least 32 bytes.
        pub jwt_previous_secret: Option<Secret> = Key::new("JWT_PREVIOUS_SECRET_KEY")
            .check(is_long_enough),
        /// PEM private key (P-256 or Ed25519) that signs access tokens in place of the secret.
        pub jwt_private_key_file: Option<PathBuf> = Key::new("JWT_PRIVATE_KEY_FILE"),
        /// PEM public key that verifies tokens signed before the key was rotated.
        pub jwt_previous_public_key_file: Option<PathBuf> = Key::new("JWT_PREVIOUS_PUBLIC_KEY_FILE"),
        /// Life of an access token.
        pub access_token_ttl: Duration = Key::new("ACCESS_TOKEN_TTL_SECONDS").range(1, 31_536_000).or("3600"),
        /// Life of a refresh token.
        pub refresh_token_ttl: Duration = Key::new("REFRESH_TOKEN_TTL_SECONDS").range(1, 315_360_000).or("2592000"),
        /// How many passwords are hashed at once.
        pub password_hash_concurrency: usize = Key::new("PASSWORD_HASH_CONCURRENCY")
            .range(1, 1024)
            .or_else("number of cores", |_| {
                Some(available_parallelism().map_or(1, usize::from).to_string())
            }),
        /// The least zxcvbn score (0 to 4) of a new password.
        pub password_min_score: u8 = Key::new("PASSWORD_MIN_SCORE").range(0, 4).or_in("2", "0"),
        /// The domain of the session cookie, when portals live on sibling hosts.
        pub session_cookie_domain: Option<String> = Key::new("SESSION_COOKIE_DOMAIN"),
        /// Server-to-server callers as `name:key`, each key at least 32 characters.
        pub service_api_keys: Vec<ServiceKey> = Key::new("SERVICE_API_KEYS").or(""),
        /// Lets requests act as any account without credentials; refused in production.
        pub auth_dev_bypass: bool = Key::new("AUTH_DEV_BYPASS").or("false"),
        /// Delegates sign-in and account creation to this service, whose tokens `JWT_SECRET_KEY` signs; empty uses the built-in one.
        pub auth_service_url: Option<HttpUrl> = Key::new("AUTH_SERVICE_URL"),
        /// Verifies Supabase tokens (HS256); at least 32 bytes.
        pub supabase_jwt_secret: Option<Secret> = Key::new("SUPABASE_JWT_SECRET")
            .check(is_long_enough),
        /// Public keys of Supabase tokens (RS256, ES256).
        pub supabase_jwks_url: Option<HttpUrl> = Key::new("SUPABASE_JWKS_URL"),
    }
}

/// HS256 needs a key at least as long as its digest (RFC 7518 §3.2).
fn is_long_enough(text: &str) -> Result<(), &'static str> {
    if text.len() >= 32 { Ok(()) } else { Err("must have at least 32 bytes") }
}

fn development_secret(reader: &Reader) -> Option<String> {
    match reader.environment() {
        Environment::Production => None,
        Environment::Development => Some(STANDARD_NO_PAD.encode(rand::random::<[u8; 32]>())),
    }
}

pub(super) fn rules(reader: &mut Reader) {
    let is_production = reader.environment() == Environment::Production;
    if is_production && reader.peek("AUTH_DEV_BYPASS") == Some(true) {
        reader.problem("AUTH_DEV_BYPASS", "cannot be used in production");
    }
}
