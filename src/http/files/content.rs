//! The bytes of a file as an answer: whole or a span of them, or 304 for who has them.

use axum::body::Body;
use axum::extract::FromRequestParts;
use axum::http::header::{
    ACCEPT_RANGES, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG,
    IF_RANGE, RANGE,
};
use axum::http::request::Parts;
use axum::http::{HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use futures_util::stream::{self, StreamExt as _};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use tracing::warn;

use super::kept::place;
use super::range::Asked;
use crate::error::{Error, Result};
use crate::http::App;
use crate::http::precondition::IfNoneMatch;
use crate::persistence::files::File;

/// What a header value of RFC 8187 escapes: all but its `attr-char`.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'!')
    .remove(b'#')
    .remove(b'$')
    .remove(b'&')
    .remove(b'+')
    .remove(b'-')
    .remove(b'.')
    .remove(b'^')
    .remove(b'_')
    .remove(b'`')
    .remove(b'|')
    .remove(b'~');

/// How a caller wants the bytes of a file.
#[derive(Debug)]
pub(in crate::http) struct Wanted {
    had: IfNoneMatch,
    range: Option<String>,
    if_range: Option<String>,
    /// A `HEAD`: all but the bytes.
    is_head: bool,
}

impl<S: Send + Sync> FromRequestParts<S> for Wanted {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self> {
        let had = IfNoneMatch::from_request_parts(parts, state).await?;
        let text = |name| {
            let value = parts.headers.get(name).and_then(|value| value.to_str().ok());
            value.map(ToOwned::to_owned)
        };
        let is_head = parts.method == Method::HEAD;
        Ok(Self { had, range: text(RANGE), if_range: text(IF_RANGE), is_head })
    }
}

/// What a caller is to get.
enum Answer {
    Unchanged,
    Nowhere,
    Span(u64, u64),
}

impl Wanted {
    /// Whether bytes go out, so that it counts as reading.
    pub(in crate::http) fn is_reading(&self, file: &File) -> bool {
        !self.is_head && matches!(self.decide(file), Answer::Span(..))
    }

    fn decide(&self, file: &File) -> Answer {
        let tag = tag(file);
        if self.had.has(&tag) {
            return Answer::Unchanged;
        }
        let size = size(file);
        // Of another version, a span fits nothing the caller has.
        let is_same = self.if_range.as_ref().is_none_or(|other| other.as_bytes() == tag.as_bytes());
        let asked = self.range.as_deref().filter(|_| is_same && !self.is_head);
        match asked.map_or(Asked::Whole, |range| Asked::of(range, size)) {
            Asked::Whole => Answer::Span(0, size),
            Asked::Span(start, end) => Answer::Span(start, end),
            Asked::Nowhere => Answer::Nowhere,
        }
    }

    /// The answer. Who may have it was found out before.
    pub(in crate::http) async fn answer(self, app: &App, file: &File) -> Result<Response> {
        let size = size(file);
        let (start, end) = match self.decide(file) {
            Answer::Unchanged => {
                return Ok((StatusCode::NOT_MODIFIED, [(ETAG, tag(file))]).into_response());
            }
            Answer::Nowhere => {
                let there = [(CONTENT_RANGE, format!("bytes */{size}"))];
                return Ok((StatusCode::RANGE_NOT_SATISFIABLE, there).into_response());
            }
            Answer::Span(start, end) => (start, end),
        };
        let is_whole = (start, end) == (0, size);
        let body = if self.is_head { Body::empty() } else { bytes(app, file, start, end).await? };
        let mut response = Response::new(body);
        let headers = response.headers_mut();
        let text = |text: String| HeaderValue::try_from(text).map_err(Error::internal);
        headers.insert(CONTENT_TYPE, text(file.content_type.clone())?);
        headers.insert(CONTENT_LENGTH, (end - start).into());
        headers.insert(CONTENT_DISPOSITION, text(disposition(&file.name))?);
        headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
        headers.insert(ETAG, tag(file));
        if !is_whole {
            headers.insert(CONTENT_RANGE, text(format!("bytes {start}-{}/{size}", end - 1))?);
            *response.status_mut() = StatusCode::PARTIAL_CONTENT;
        }
        Ok(response)
    }
}

/// The first bytes are read before anything is answered, so that a file that cannot be read is a
/// refusal and not a broken answer.
async fn bytes(app: &App, file: &File, start: u64, end: u64) -> Result<Body> {
    let mut outlet = app.files.give(&place(file), start, end).await?;
    let first = outlet.next().await?;
    let id = file.id.clone();
    let rest = outlet.stream().inspect(move |bytes| {
        if let Err(error) = bytes {
            warn!(file.id = %id, error = ?error.kind(), "a file could not be read to its end");
        }
    });
    Ok(Body::from_stream(stream::iter(first.map(Ok)).chain(rest)))
}

/// Bytes never change under an id, so their hash is the strongest tag there is.
fn tag(file: &File) -> HeaderValue {
    HeaderValue::from_str(&format!("\"{}\"", file.sha256))
        .expect("digits and quotes are a header value")
}

fn size(file: &File) -> u64 {
    u64::try_from(file.size).unwrap_or_default()
}

/// To be saved under this name (RFC 6266), which old clients read without its accents.
fn disposition(name: &str) -> String {
    let plain: String = name
        .chars()
        .map(|letter| match letter {
            '"' | '\\' | '%' => '_',
            letter if letter.is_ascii() => letter,
            _ => '_',
        })
        .collect();
    if plain == name {
        return format!("attachment; filename=\"{name}\"");
    }
    let escaped = utf8_percent_encode(name, ESCAPED);
    format!("attachment; filename=\"{plain}\"; filename*=UTF-8''{escaped}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_told_to_old_clients_and_new_ones() {
        assert_eq!(disposition("x y.pdf"), "attachment; filename=\"x y.pdf\"");
        assert_eq!(
            disposition("análisis \"1\".pdf"),
            "attachment; filename=\"an_lisis _1_.pdf\"; \
             filename*=UTF-8''an%C3%A1lisis%20%221%22.pdf"
        );
    }
}
