//! Refusals of the token endpoint: the JSON of RFC 6749 §5.2, not a problem document.

use axum::http::header::WWW_AUTHENTICATE;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::id::UserId;
use crate::error::{Error, Kind};
use crate::http::json::Json;

/// Why a client got no tokens.
#[derive(Debug)]
pub enum Refusal {
    /// What the client did wrong.
    Told(Told),
    /// What has nothing to do with OAuth; answered as everywhere.
    Other(Error),
}

/// An error of the specification and a sentence for developers.
#[derive(Debug, Clone, Copy)]
pub struct Told {
    pub error: &'static str,
    /// Whose code or token it was about, where that is known.
    pub user: Option<UserId>,
    description: &'static str,
}

/// The body of a refusal.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct OAuthError {
    /// `invalid_request`, `invalid_client`, `invalid_grant`, `invalid_scope` or
    /// `unsupported_grant_type`
    error: &'static str,
    error_description: &'static str,
}

const INVALID_CLIENT: &str = "invalid_client";

impl Refusal {
    pub(super) fn client(description: &'static str) -> Self {
        Self::told(INVALID_CLIENT, description)
    }

    pub(super) fn grant(description: &'static str) -> Self {
        Self::told("invalid_grant", description)
    }

    pub(super) fn request(description: &'static str) -> Self {
        Self::told("invalid_request", description)
    }

    pub(super) fn told(error: &'static str, description: &'static str) -> Self {
        Self::Told(Told { error, user: None, description })
    }

    /// The same, about this user.
    pub(super) fn about(self, user: UserId) -> Self {
        match self {
            Self::Told(told) => Self::Told(Told { user: Some(user), ..told }),
            other @ Self::Other(_) => other,
        }
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        match error.kind() {
            Kind::Malformed(_) | Kind::UnsupportedMediaType => {
                Self::request("the body must be application/x-www-form-urlencoded")
            }
            _ => Self::Other(error),
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let Told { error, description, .. } = match self {
            Self::Told(told) => told,
            Self::Other(error) => return error.into_response(),
        };
        let body = Json(OAuthError { error, error_description: description });
        if error == INVALID_CLIENT {
            let how = [(WWW_AUTHENTICATE, HeaderValue::from_static("Basic realm=\"latido\""))];
            return (StatusCode::UNAUTHORIZED, how, body).into_response();
        }
        (StatusCode::BAD_REQUEST, body).into_response()
    }
}
