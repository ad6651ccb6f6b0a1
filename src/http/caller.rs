//! Authority as extractors: a handler that may be called by few says so in its signature.
//!
//! Credentials are looked at once per request, by [`identify`]; the extractors read what it found.

use std::sync::Arc;

use axum::extract::{FromRequestParts, Request, State};
use axum::http::header::{AUTHORIZATION, COOKIE, ORIGIN};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method};
use axum::middleware::Next;
use axum::response::Response;

use super::App;
use crate::auth::Credentials;
use crate::auth::failures::{Surface, count_refusal};
use crate::domain::identity::{Principal, Role};
use crate::error::{Error, Kind, Result, Unauthenticated};

/// Any caller with good credentials.
pub struct Caller(pub Principal);

/// A caller with an account: not a service key.
pub struct Member(pub Principal);

/// A caller who is an administrator.
pub struct Admin(pub Principal);

/// An administrator or a server-to-server caller.
pub struct AdminOrService(pub Principal);

/// Whoever calls, if anyone; bad credentials count as none.
pub struct Optional(pub Option<Principal>);

/// What the credentials of a request came to; absent when there were none.
#[derive(Clone)]
struct Identity(Arc<Result<Principal>>);

/// Where the `Authorization` header is an OpenID client's or the media server's, who are nobody's callers.
const NOT_FOR_CALLERS: [&str; 2] = ["/oidc/token", "/webhooks/livekit"];

/// Looks at the credentials of a request and leaves the finding for the extractors.
///
/// A cookie that would change something must come from an allowed origin (contract §3.4).
pub async fn identify(State(app): State<App>, mut request: Request, next: Next) -> Response {
    if NOT_FOR_CALLERS.contains(&request.uri().path()) {
        return next.run(request).await;
    }
    let credentials = credentials(request.headers());
    let outcome = match app.auth.admit(credentials).await {
        Ok(principal)
            if changes_something(request.method())
                && is_forged(&app, request.headers(), &principal) =>
        {
            Err(Kind::OriginNotAllowed.into())
        }
        outcome => outcome,
    };
    match &outcome {
        Ok(principal) => {
            tracing::Span::current().record("user_id", principal.user.0);
        }
        Err(error) => count_refusal(Surface::Http, error),
    }
    let absent = matches!(
        outcome.as_ref().map_err(Error::kind),
        Err(Kind::Unauthenticated(Unauthenticated::Missing))
    );
    if !absent {
        request.extensions_mut().insert(Identity(Arc::new(outcome)));
    }
    next.run(request).await
}

/// The principal of a request that passed [`identify`], if its credentials were good.
pub(super) fn principal(extensions: &axum::http::Extensions) -> Option<&Principal> {
    extensions.get::<Identity>().and_then(|identity| identity.0.as_ref().as_ref().ok())
}

/// The credentials among the headers of a request.
pub(super) fn credentials(headers: &HeaderMap) -> Credentials {
    let text = |name: &str| {
        headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
    };
    Credentials {
        token: None,
        authorization: text(AUTHORIZATION.as_str()),
        cookie: text(COOKIE.as_str()),
        service_key: text("x-service-key"),
        dev_user: text("x-dev-user"),
        dev_role: text("x-dev-role"),
    }
}

fn changes_something(method: &Method) -> bool {
    !matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
}

/// A browser sent the cookie along with something that a foreign page asked for. Requests without
/// an `Origin` come from no page, unless the browser says so by `Sec-Fetch-Site`.
pub(super) fn is_forged(app: &App, headers: &HeaderMap, principal: &Principal) -> bool {
    if !principal.came_by_cookie() {
        return false;
    }
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    match (header("sec-fetch-site"), header(ORIGIN.as_str())) {
        (Some("same-origin"), _) => false,
        (_, Some(origin)) => {
            !app.settings.own_origin.allows(origin) && !(app.settings.allows_origin)(origin)
        }
        (site, None) => matches!(site, Some("cross-site" | "same-site")),
    }
}

fn found(parts: &Parts) -> Result<Principal> {
    match parts.extensions.get::<Identity>() {
        None => Err(Kind::Unauthenticated(Unauthenticated::Missing).into()),
        Some(identity) => match &*identity.0 {
            Ok(principal) => Ok(principal.clone()),
            Err(error) => Err(repeated(error)),
        },
    }
}

/// The same refusal once more: the finding is shared, and errors are not `Clone`.
fn repeated(error: &Error) -> Error {
    match error.kind() {
        Kind::Unauthenticated(reason) => Kind::Unauthenticated(*reason),
        Kind::AccountInactive { retry_after } => {
            Kind::AccountInactive { retry_after: *retry_after }
        }
        Kind::OriginNotAllowed => Kind::OriginNotAllowed,
        Kind::Unavailable { retry_after } => Kind::Unavailable { retry_after: *retry_after },
        other => return Error::internal(other.to_string()),
    }
    .into()
}

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self> {
        found(parts).map(Self)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Member {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self> {
        let principal = found(parts)?;
        if principal.has(Role::Service) {
            return Err(Kind::Forbidden("a service key has no account").into());
        }
        Ok(Self(principal))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Admin {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self> {
        let principal = found(parts)?;
        if !principal.is_admin() {
            return Err(Kind::Forbidden("for administrators only").into());
        }
        Ok(Self(principal))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for AdminOrService {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self> {
        let principal = found(parts)?;
        if !principal.acts_for_the_house() {
            return Err(Kind::Forbidden("for administrators and services only").into());
        }
        Ok(Self(principal))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Optional {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self> {
        Ok(Self(found(parts).ok()))
    }
}
