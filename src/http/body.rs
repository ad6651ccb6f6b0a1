//! Reading a request body within its bounds: size and time.

use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::http::HeaderMap;
use axum::http::header::CONTENT_LENGTH;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};

use crate::error::{Kind, Result};

/// How much of a body is taken, and how long it may take to arrive.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    pub bytes: usize,
    pub within: Duration,
}

/// The whole body. One that is announced as too large is not waited for.
pub async fn read(request: Request, bounds: Bounds) -> Result<Bytes> {
    if announced(request.headers()).is_some_and(|length| length > bounds.bytes as u64) {
        return Err(Kind::PayloadTooLarge { limit: bounds.bytes }.into());
    }
    collect(request.into_body(), bounds).await
}

/// How long a body is said to be.
pub fn announced(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// The body of an upload, piece by piece; each has its time to arrive, the whole has none.
pub struct Pieces {
    body: Body,
    within: Duration,
}

impl Pieces {
    pub fn of(body: Body, within: Duration) -> Self {
        Self { body, within }
    }

    /// The next bytes; none at the end.
    pub async fn next(&mut self) -> Result<Option<Bytes>> {
        loop {
            let frame = in_time(self.within, self.body.frame()).await?;
            let Some(frame) = frame else { return Ok(None) };
            let frame = frame.map_err(|_| Kind::Malformed("the body ended early".into()))?;
            // What is not data are trailers.
            if let Ok(bytes) = frame.into_data() {
                return Ok(Some(bytes));
            }
        }
    }
}

/// What must arrive in this time.
pub async fn in_time<T>(within: Duration, arriving: impl Future<Output = T>) -> Result<T> {
    let late = |_| Kind::Malformed("the body took too long".into()).into();
    tokio::time::timeout(within, arriving).await.map_err(late)
}

/// The rest of a body.
pub async fn collect(body: Body, Bounds { bytes: limit, within }: Bounds) -> Result<Bytes> {
    let collected = tokio::time::timeout(within, Limited::new(body, limit).collect()).await;
    match collected {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => {
            Err(Kind::PayloadTooLarge { limit }.into())
        }
        Ok(Err(_)) => Err(Kind::Malformed("the body ended early".into()).into()),
        Err(_) => Err(Kind::Malformed("the body took too long".into()).into()),
    }
}
