//! Whether a request may pass, for a gateway that asks before it forwards (contract §5.22).

use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

use crate::domain::identity::Principal;
use crate::error::{Kind, Result};
use crate::http::App;
use crate::http::caller::{self, Caller};
use crate::http::problem::ProblemBody;

/// Names the caller of a request by headers, as nginx's `auth_request` reads them.
///
/// Any way to authenticate will do. The gateway asks by `GET` whatever the method of the request it
/// holds, so a cookie is accepted only from the pages it would be accepted from for a change.
#[utoipa::path(
    get, path = "/auth/introspect", tag = "auth",
    responses(
        (status = 204, description = "Good credentials",
            headers(
                ("X-User-Id" = i64, description = "0 for a service key"),
                ("X-User-Type" = String, description = "The primary role"),
                ("X-Reference-Id" = String, description = "The row of that role; empty without one"),
            )),
        (status = 401, body = ProblemBody),
        (status = 403, body = ProblemBody),
    ),
)]
pub async fn introspect(
    State(app): State<App>,
    headers: HeaderMap,
    Caller(caller): Caller,
) -> Result<(StatusCode, [(HeaderName, HeaderValue); 3])> {
    if caller::is_forged(&app, &headers, &caller) {
        return Err(Kind::OriginNotAllowed.into());
    }
    Ok((StatusCode::NO_CONTENT, named(&caller)))
}

/// All three are always there, so that none a client sent itself can stand in its place.
fn named(caller: &Principal) -> [(HeaderName, HeaderValue); 3] {
    let reference = caller.reference_id.map_or(HeaderValue::from_static(""), HeaderValue::from);
    [
        (HeaderName::from_static("x-user-id"), HeaderValue::from(caller.user.0)),
        (
            HeaderName::from_static("x-user-type"),
            HeaderValue::from_static(caller.primary_role.user_type()),
        ),
        (HeaderName::from_static("x-reference-id"), reference),
    ]
}
