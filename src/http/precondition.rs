//! Versions as ETags: `If-Match` guards a change, `If-None-Match` spares an answer.

use axum::extract::FromRequestParts;
use axum::http::header::{ETAG, IF_MATCH, IF_NONE_MATCH};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::json::Json;
use crate::error::{Error, Kind, Result};

/// The tag of a version of a row: `"v3"`.
pub fn etag(version: i64) -> HeaderValue {
    HeaderValue::from_str(&format!("\"v{version}\"")).expect("digits and quotes are a header value")
}

/// The tag of a row that is shown with another one: `"v3.1"`, or as [`etag`] without the other.
pub fn joint_etag(version: i64, other: Option<i64>) -> HeaderValue {
    let Some(other) = other else { return etag(version) };
    HeaderValue::from_str(&format!("\"v{version}.{other}\""))
        .expect("digits and quotes are a header value")
}

/// The condition of a `PUT`, `PATCH` or `DELETE`; without one the last write wins.
#[derive(Debug, Clone)]
pub struct IfMatch(Option<String>);

/// What the caller of a `GET` already has.
#[derive(Debug, Clone)]
pub struct IfNoneMatch(Option<String>);

impl IfMatch {
    /// Refuses a change to a row that is not at an expected version. Called with the row as the
    /// transaction of the change reads it.
    pub fn check(&self, version: i64) -> Result<()> {
        self.check_tag(&etag(version))
    }

    /// The same for what carries this tag.
    pub fn check_tag(&self, tag: &HeaderValue) -> Result<()> {
        match &self.0 {
            Some(condition) if !lists(condition, tag, false) => {
                Err(Kind::PreconditionFailed.into())
            }
            _ => Ok(()),
        }
    }
}

impl IfNoneMatch {
    /// Whether the caller has what carries this tag.
    pub fn has(&self, tag: &HeaderValue) -> bool {
        self.0.as_deref().is_some_and(|condition| lists(condition, tag, true))
    }

    /// The row with its tag, or 304 when the caller has it.
    pub fn answer<T: Serialize>(&self, version: i64, row: T) -> Response {
        self.answer_as(etag(version), row)
    }

    /// The same for what carries this tag.
    pub fn answer_as<T: Serialize>(&self, tag: HeaderValue, row: T) -> Response {
        if self.has(&tag) {
            return (StatusCode::NOT_MODIFIED, [(ETAG, tag)]).into_response();
        }
        ([(ETAG, tag)], Json(row)).into_response()
    }
}

/// Whether a list of tags names this one. Weak tags never match where bytes must (RFC 9110 §13.1.1).
fn lists(condition: &str, tag: &HeaderValue, weakly: bool) -> bool {
    condition.split(',').map(str::trim).any(|listed| {
        let listed = if weakly { listed.trim_start_matches("W/") } else { listed };
        listed == "*" || listed.as_bytes() == tag.as_bytes()
    })
}

fn header(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    let values: Vec<_> =
        headers.get_all(name).iter().filter_map(|value| value.to_str().ok()).collect();
    (!values.is_empty()).then(|| values.join(","))
}

impl<S: Send + Sync> FromRequestParts<S> for IfMatch {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self> {
        Ok(Self(header(&parts.headers, &IF_MATCH)))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for IfNoneMatch {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self> {
        Ok(Self(header(&parts.headers, &IF_NONE_MATCH)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_passes_only_at_an_expected_version() {
        let condition = |text: &str| IfMatch(Some(text.into()));

        assert!(IfMatch(None).check(3).is_ok());
        assert!(condition("\"v2\", \"v3\"").check(3).is_ok());
        assert!(condition("*").check(3).is_ok());
        assert!(condition("\"v2\"").check(3).is_err());
        assert!(condition("W/\"v3\"").check(3).is_err());
    }

    #[test]
    fn a_reader_is_spared_what_it_has() {
        assert!(IfNoneMatch(Some("W/\"v3\"".into())).has(&etag(3)));
        assert!(!IfNoneMatch(Some("\"v2\"".into())).has(&etag(3)));
        assert!(!IfNoneMatch(None).has(&etag(3)));
    }
}
