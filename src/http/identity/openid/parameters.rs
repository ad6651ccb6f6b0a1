//! The parameters of a request as extractors.

use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts;

use crate::domain::identity::openid::Parameters;
use crate::error::{Error, Kind, Result};
use crate::http::{App, body};

const FORM: &[u8] = b"application/x-www-form-urlencoded";

/// The parameters in the query.
pub struct InQuery(pub Parameters);

/// The parameters in a form.
pub struct InForm(pub Parameters);

impl<S: Send + Sync> FromRequestParts<S> for InQuery {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self> {
        read(parts.uri.query().unwrap_or_default().as_bytes()).map(Self)
    }
}

impl FromRequest<App> for InForm {
    type Rejection = Error;

    async fn from_request(request: Request, app: &App) -> Result<Self> {
        let kind = request.headers().get(CONTENT_TYPE).map(|kind| kind.as_bytes().to_vec());
        if !kind.is_some_and(|kind| kind.to_ascii_lowercase().starts_with(FORM)) {
            return Err(Kind::UnsupportedMediaType.into());
        }
        read(&body::read(request, app.settings.body).await?).map(Self)
    }
}

fn read(text: &[u8]) -> Result<Parameters> {
    serde_urlencoded::from_bytes(text)
        .map(Parameters::new)
        .map_err(|_| Kind::Malformed("the parameters cannot be read".into()).into())
}
