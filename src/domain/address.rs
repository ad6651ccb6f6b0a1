//! Postal addresses of people and places.

use garde::Validate;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Where someone lives, works or is billed, or where a place is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Validate, ToSchema)]
pub struct Address {
    #[serde(rename = "type", default)]
    #[garde(skip)]
    pub kind: AddressKind,
    #[garde(length(chars, min = 1, max = 200))]
    #[schema(min_length = 1, max_length = 200, examples("Av. Colón 1234"))]
    pub line1: String,
    #[serde(default)]
    #[garde(length(chars, max = 200))]
    #[schema(max_length = 200)]
    pub line2: Option<String>,
    #[garde(length(chars, min = 1, max = 100))]
    #[schema(min_length = 1, max_length = 100, examples("Córdoba"))]
    pub city: String,
    #[serde(default)]
    #[garde(length(chars, max = 100))]
    #[schema(max_length = 100)]
    pub region: Option<String>,
    #[serde(default)]
    #[garde(length(chars, max = 20))]
    #[schema(max_length = 20, examples("X5000"))]
    pub postal_code: Option<String>,
    /// ISO 3166-1 alpha-2.
    #[garde(custom(is_country))]
    #[schema(pattern = "^[A-Z]{2}$", examples("AR"))]
    pub country: String,
    #[serde(default)]
    #[garde(range(min = -90.0, max = 90.0))]
    #[schema(minimum = -90, maximum = 90)]
    pub lat: Option<f64>,
    #[serde(default)]
    #[garde(range(min = -180.0, max = 180.0))]
    #[schema(minimum = -180, maximum = 180)]
    pub lon: Option<f64>,
    #[serde(default)]
    #[garde(skip)]
    pub primary: bool,
}

/// What an address is for.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, sqlx::Type, ToSchema,
)]
#[serde(rename_all = "lowercase")]
#[sqlx(type_name = "text", rename_all = "lowercase")]
pub enum AddressKind {
    Home,
    #[default]
    Work,
    Billing,
}

/// For garde: an ISO 3166-1 alpha-2 code.
pub fn is_country<C>(code: &str, _: &C) -> garde::Result {
    if code.len() == 2 && code.bytes().all(|letter| letter.is_ascii_uppercase()) {
        return Ok(());
    }
    Err(garde::Error::new("format: must be an ISO 3166-1 alpha-2 code"))
}
