//! Money: whole minor units and the currency they are of.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, de};
use utoipa::ToSchema;

/// An amount in minor units of its currency, never negative, at most 2^53 − 1 so that every
/// client can hold it.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    sqlx::Type,
    ToSchema,
)]
#[serde(transparent)]
#[sqlx(transparent)]
#[schema(minimum = 0, maximum = 9_007_199_254_740_991_i64)]
pub struct Cents(pub i64);

impl Cents {
    pub const MAX: Self = Self((1 << 53) - 1);

    /// For `#[garde(custom(Cents::check))]`.
    pub fn check<C>(value: &Self, _: &C) -> garde::Result {
        if (0..=Self::MAX.0).contains(&value.0) {
            return Ok(());
        }
        Err(garde::Error::new(format!("range: must be 0 to {}", Self::MAX.0)))
    }
}

/// An ISO 4217 code: three capital letters.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, sqlx::Type, ToSchema)]
#[serde(transparent)]
#[sqlx(transparent)]
#[schema(pattern = "^[A-Z]{3}$", examples("ARS"))]
pub struct Currency(Box<str>);

/// The text is no currency code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an ISO 4217 code")]
pub struct NotACurrency;

impl FromStr for Currency {
    type Err = NotACurrency;

    fn from_str(text: &str) -> Result<Self, NotACurrency> {
        if text.len() == 3 && text.bytes().all(|letter| letter.is_ascii_uppercase()) {
            return Ok(Self(text.into()));
        }
        Err(NotACurrency)
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Currency {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}
