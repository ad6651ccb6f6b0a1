//! Days without a time of day, the same in every table and on every wire.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, de};

use super::time::Timestamp;

/// A calendar day, `YYYY-MM-DD`. Compares as the text it is stored as.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, sqlx::Type)]
#[serde(transparent)]
#[sqlx(transparent)]
pub struct Date(Box<str>);

impl Date {
    /// The day of a moment, UTC.
    pub fn of(moment: Timestamp) -> Self {
        let moment =
            jiff::Timestamp::from_millisecond(moment.0).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
        moment.to_zoned(jiff::tz::TimeZone::UTC).date().into()
    }

    /// The day, to reckon with.
    pub fn civil(&self) -> jiff::civil::Date {
        self.0.parse().expect("only a real day becomes a Date")
    }
}

impl From<jiff::civil::Date> for Date {
    fn from(day: jiff::civil::Date) -> Self {
        Self(day.to_string().into())
    }
}

/// The text names no day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a date of the form YYYY-MM-DD")]
pub struct NotADate;

impl FromStr for Date {
    type Err = NotADate;

    fn from_str(text: &str) -> Result<Self, NotADate> {
        let day: jiff::civil::Date = text.parse().map_err(|_| NotADate)?;
        let canonical = day.to_string();
        // Years before 1 have a sign and six digits, and would not sort as text.
        let is_of_our_form = canonical == text && text.len() == "YYYY-MM-DD".len();
        if is_of_our_form { Ok(Self(canonical.into())) } else { Err(NotADate) }
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Date {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

impl utoipa::PartialSchema for Date {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        utoipa::openapi::ObjectBuilder::new()
            .schema_type(utoipa::openapi::schema::Type::String)
            .format(Some(utoipa::openapi::SchemaFormat::KnownFormat(
                utoipa::openapi::KnownFormat::Date,
            )))
            .examples([serde_json::json!("2025-10-13")])
            .into()
    }
}

impl utoipa::ToSchema for Date {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_of_one_day_everywhere() {
        assert_eq!(Date::of(Timestamp(1_760_399_999_999)).to_string(), "2025-10-13");
        assert_eq!(Date::of(Timestamp(1_760_400_000_000)).to_string(), "2025-10-14");
    }

    #[test]
    fn only_a_real_day_in_its_one_form_is_read() {
        assert_eq!("2024-02-29".parse::<Date>().unwrap().to_string(), "2024-02-29");
        for text in
            ["", "2023-02-29", "20240229", "2024-2-9", "2024-02-29T00:00:00", "-000001-01-01"]
        {
            assert_eq!(text.parse::<Date>(), Err(NotADate), "{text}");
        }
    }
}
