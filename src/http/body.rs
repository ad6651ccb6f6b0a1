//! Reading a request body within its bounds: size and time.

use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::Request;
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
    let announced = request.headers().get(CONTENT_LENGTH).and_then(|value| value.to_str().ok());
    let announced = announced.and_then(|value| value.parse::<u64>().ok());
    if announced.is_some_and(|length| length > bounds.bytes as u64) {
        return Err(Kind::PayloadTooLarge { limit: bounds.bytes }.into());
    }
    collect(request.into_body(), bounds).await
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
