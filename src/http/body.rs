//! Reading a request body within its limits: size, and ten seconds.

use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::http::header::CONTENT_LENGTH;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};

use crate::error::{Kind, Result};

/// How long a whole body may take to arrive.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// The whole body, of at most `limit` bytes.
pub async fn read(request: Request, limit: usize) -> Result<Bytes> {
    let too_large = || Kind::PayloadTooLarge { limit };
    let announced = request.headers().get(CONTENT_LENGTH).and_then(|value| value.to_str().ok());
    if announced.and_then(|value| value.parse::<u64>().ok()).is_some_and(|n| n > limit as u64) {
        return Err(too_large().into());
    }
    collect(request.into_body(), limit).await
}

/// The rest of a body, of at most `limit` bytes.
pub async fn collect(body: Body, limit: usize) -> Result<Bytes> {
    let collected = tokio::time::timeout(PATIENCE, Limited::new(body, limit).collect()).await;
    match collected {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => {
            Err(Kind::PayloadTooLarge { limit }.into())
        }
        Ok(Err(_)) => Err(Kind::Malformed("the body ended early".into()).into()),
        Err(_) => Err(Kind::Malformed("the body took too long".into()).into()),
    }
}
