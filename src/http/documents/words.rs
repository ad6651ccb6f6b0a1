//! What fields of these names hold in every example that says nothing else.

use serde_json::{Value, json};

/// The usual value of a field that is a text or a number.
pub(super) fn usual(name: &str) -> Option<Value> {
    let text = match name {
        "access_token" | "accessToken" | "id_token" | "id_token_hint" => "eyJhbGciOiJFUzI1NiJ9",
        "apellido" | "last_name" | "family_name" => "Ruiz",
        "bio" => "Guardia los jueves.",
        "browser" => "Firefox",
        "client_id" => "doctors",
        "client_secret" => "the secret of the portal",
        "code" => "c_Zm9v",
        "code_challenge" => "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
        "code_challenge_method" => "S256",
        "code_verifier" => "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
        "corsOrigins" => "https://doctors.example",
        "current_password" | "password" => "correct horse battery",
        "email" | "username" | "login_hint" => "ana@example.com",
        "error" => "invalid_grant",
        "error_description" => "the code is spent or expired",
        "fecha_nacimiento" => "1990-05-17",
        "fingerprint" => "ab12cd34",
        "grant_type" => "authorization_code",
        "id" => "visit-42",
        "ip_prefix" => "203.0.113.0/24",
        "iss" => "latido",
        "jti" => "a_77Zm9v",
        "languages" => "es",
        "name" => "Ana Ruiz",
        "new_password" => "quiet harbour lantern",
        "next_cursor" | "nextCursor" => "2YQ0cU8fFTVqgsJx4yHk1jkx",
        "nodeId" => "n1",
        "nombre" | "first_name" | "given_name" => "Ana",
        "nonce" => "n-0S6_WzA2Mj",
        "phone" | "telefono" => "+54 351 555 0101",
        "platform" => "Linux",
        "post_logout_redirect_uri" => "https://doctors.example/bye",
        "razon_social" => "Acme SA",
        "redirect_uri" => "https://doctors.example/cb",
        "refresh_token" | "refreshToken" => "r_Zm9v",
        "region" => "local",
        "relationship" => "hermano",
        "response_type" => "code",
        "rol" => "MEDICO",
        "role" => "Medico",
        "scope" => "openid profile email",
        "session_id" | "sid" => "s_9fZm9v",
        "state" => "af0ifjsldkj",
        "status" => "ended",
        "sub" => "123",
        "summary" => "Cefalea tensional; control en un mes.",
        "tax_id" => "30-70000001-9",
        "token" => "t_Zm9v",
        "token_type" => "Bearer",
        "typ" => "access",
        "version" => "1.0.0",
        _ => return number(name),
    };
    Some(json!(text))
}

fn number(name: &str) -> Option<Value> {
    Some(match name {
        "exp" => json!(1_759_669_666),
        "expires_in" => json!(3600),
        "iat" => json!(1_759_666_066),
        "reference_id" => json!(45),
        "user_id" => json!(123),
        _ => return None,
    })
}
