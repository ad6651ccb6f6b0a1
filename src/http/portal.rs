//! A portal built elsewhere, served beside the API on a port of its own (contract §1.2).
//!
//! Its pages and the API have one origin there, so a portal needs no CORS and no third-party cookie.

use std::path::{Path, PathBuf};

use axum::body::Body;
use axum::extract::Request;
use axum::http::header::{CACHE_CONTROL, IF_RANGE, RANGE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};
use percent_encoding::percent_decode_str;
use tower::ServiceExt as _;
use tower_http::services::ServeFile;

use crate::error::Error;

const INDEX: &str = "index.html";
const FOR_GOOD: HeaderValue = HeaderValue::from_static("public,max-age=31536000,immutable");
const ASK_AGAIN: HeaderValue = HeaderValue::from_static("no-cache");
/// The least hexadecimal digits that a bundler's content hash has.
const HASH_DIGITS: usize = 8;

/// The directory of a built portal.
#[derive(Debug, Clone)]
pub struct Portal(PathBuf);

impl Portal {
    pub fn new(directory: PathBuf) -> Self {
        Self(directory)
    }

    /// Answers a `GET` or `HEAD` by a file. A path that names none is one of the portal's own routes
    /// and gets its page, unless it has an extension.
    pub async fn serve(self, request: Request) -> Response {
        let path = request.uri().path();
        let found = match within(&self.0, path) {
            Some(file) => existing(file).await,
            None => return StatusCode::NOT_FOUND.into_response(),
        };
        let page = if has_extension(path) { None } else { Some(self.0.join(INDEX)) };
        let found = match (found, page) {
            (Some(found), _) => Some(found),
            (None, Some(page)) => existing(page).await,
            (None, None) => None,
        };
        match found {
            Some(file) => send(&file, request).await,
            None => StatusCode::NOT_FOUND.into_response(),
        }
    }
}

/// Where a path leads; nowhere when it would leave the directory or names something hidden.
fn within(directory: &Path, path: &str) -> Option<PathBuf> {
    let path = percent_decode_str(path).decode_utf8().ok()?;
    let mut file = directory.to_owned();
    for part in path.split('/').filter(|part| !part.is_empty()) {
        let is_hidden = part.starts_with('.') && part != ".well-known";
        if is_hidden || part.contains(['\\', ':', '\0']) {
            return None;
        }
        file.push(part);
    }
    Some(file)
}

/// The file, or the page of the directory.
async fn existing(path: PathBuf) -> Option<PathBuf> {
    let is_file = async |path: &Path| tokio::fs::metadata(path).await.map(|found| found.is_file());
    if is_file(&path).await.ok()? {
        return Some(path);
    }
    let page = path.join(INDEX);
    is_file(&page).await.ok()?.then_some(page)
}

async fn send(file: &Path, mut request: Request) -> Response {
    if request.headers().contains_key(IF_RANGE) {
        // The whole file is a right answer too, and `ServeFile` does not compare (RFC 9110 §13.1.5).
        request.headers_mut().remove(RANGE);
    }
    let keeping = if is_hashed(file) { FOR_GOOD } else { ASK_AGAIN };
    match ServeFile::new(file).oneshot(request).await {
        Ok(response) => ([(CACHE_CONTROL, keeping)], response.map(Body::new)).into_response(),
        Err(never) => Error::internal(never).into_response(),
    }
}

fn has_extension(path: &str) -> bool {
    path.rsplit('/').next().is_some_and(|name| name.contains('.'))
}

/// Whether a name holds a content hash, `app-0123abcd.js`: what it names never changes.
fn is_hashed(file: &Path) -> bool {
    let name = file.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    name.split('-').skip(1).any(|rest| {
        rest.split_once('.').is_some_and(|(hash, _)| {
            hash.len() >= HASH_DIGITS
                && hash.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'))
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_path_leads_out_of_the_directory() {
        let directory = Path::new("/srv/portal");
        for path in [
            "/../etc/passwd",
            "/%2e%2e/etc/passwd",
            "/a/..%2f..%2fb",
            "/.env",
            "/a%5cb",
            "/%ff",
            "/a%00",
        ] {
            assert_eq!(within(directory, path), None, "{path}");
        }
        assert_eq!(within(directory, "/a%20b//c.js"), Some("/srv/portal/a b/c.js".into()));
        assert_eq!(within(directory, "/"), Some("/srv/portal/".into()));
    }

    #[test]
    fn only_a_content_hash_keeps_a_file_for_good() {
        let is = |name: &str| is_hashed(Path::new(name));

        assert!(is("app-0123abcd.js") && is("a-b-0123456789abcdef.css"));
        assert!(!is("app-012abc.js") && !is("app-ABCDEF01.js") && !is("0123abcd.js"));
        assert!(!is("app-0123abcd"));
    }
}
