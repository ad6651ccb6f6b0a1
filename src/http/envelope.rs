//! The envelope of success on the surfaces that have one (contract §2.3); [`super::problem`] writes
//! that of failure.

use serde::Serialize;
use utoipa::ToSchema;

use super::json::Json;

/// An answer in its envelope.
#[derive(Debug, Serialize, ToSchema)]
pub struct Success<T> {
    /// Always true.
    success: bool,
    data: T,
}

impl<T> Success<T> {
    pub fn of(data: T) -> Json<Self> {
        Json(Self { success: true, data })
    }
}
