//! How the text of a setting becomes a value of its type.
//!
//! A refusal says the rule and never the text: configuration holds secrets.

use std::borrow::Cow;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;

use super::key::{Key, Unit};
use crate::domain::origin::OriginList;
use crate::domain::secret::Secret;
use crate::telemetry::logs;

/// The rule that a value broke.
pub(super) type Rule = Cow<'static, str>;

/// A type that a configuration key can have.
pub(super) trait Setting: Sized {
    const IS_SECRET: bool = false;

    fn parse(text: &str, key: &Key) -> Result<Self, Rule>;

    /// The value of a key that is neither set nor has a default; `None` makes the key required.
    fn absent() -> Option<Self> {
        None
    }
}

impl<T: Setting> Setting for Option<T> {
    const IS_SECRET: bool = T::IS_SECRET;

    fn parse(text: &str, key: &Key) -> Result<Self, Rule> {
        T::parse(text, key).map(Some)
    }

    fn absent() -> Option<Self> {
        Some(None)
    }
}

impl Setting for String {
    fn parse(text: &str, _: &Key) -> Result<Self, Rule> {
        Ok(text.to_owned())
    }
}

impl Setting for PathBuf {
    fn parse(text: &str, _: &Key) -> Result<Self, Rule> {
        Ok(text.into())
    }
}

impl Setting for Secret {
    const IS_SECRET: bool = true;

    fn parse(text: &str, _: &Key) -> Result<Self, Rule> {
        Ok(Self::new(text))
    }
}

impl Setting for bool {
    fn parse(text: &str, _: &Key) -> Result<Self, Rule> {
        match text.to_ascii_lowercase().as_str() {
            "true" | "1" | "yes" | "on" => Ok(true),
            "false" | "0" | "no" | "off" => Ok(false),
            _ => Err("must be true or false".into()),
        }
    }
}

/// A whole number inside the key's range.
fn number(text: &str, key: &Key) -> Result<u64, Rule> {
    let (least, greatest) = key.range;
    match text.parse() {
        Ok(number) if (least..=greatest).contains(&number) => Ok(number),
        _ => Err(format!("must be a whole number from {least} to {greatest}").into()),
    }
}

macro_rules! numbers {
    ($($type:ty),+) => {$(
        impl Setting for $type {
            fn parse(text: &str, key: &Key) -> Result<Self, Rule> {
                let number = number(text, key)?;
                Self::try_from(number).map_err(|_| format!("must be at most {}", Self::MAX).into())
            }
        }
    )+};
}

numbers!(u8, u16, u32, u64, usize);

impl Setting for Duration {
    fn parse(text: &str, key: &Key) -> Result<Self, Rule> {
        let number = number(text, key)?;
        let seconds = |each: u64| Self::from_secs(number.saturating_mul(each));
        Ok(match key.unit {
            Unit::Milliseconds => Self::from_millis(number),
            Unit::Seconds => seconds(1),
            Unit::Minutes => seconds(60),
            Unit::Hours => seconds(3600),
            Unit::Days => seconds(86_400),
        })
    }
}

/// Minutes as a comma list.
impl Setting for Vec<Duration> {
    fn parse(text: &str, key: &Key) -> Result<Self, Rule> {
        items(text).map(|item| Duration::parse(item, key)).collect()
    }
}

/// Any comma list of words.
impl Setting for Vec<String> {
    fn parse(text: &str, _: &Key) -> Result<Self, Rule> {
        Ok(items(text).map(str::to_owned).collect())
    }
}

impl Setting for IpAddr {
    fn parse(text: &str, _: &Key) -> Result<Self, Rule> {
        text.parse().map_err(|_| "must be an IP address".into())
    }
}

/// Addresses and CIDR blocks as a comma list; an address is a block of one.
impl Setting for Vec<IpNet> {
    fn parse(text: &str, _: &Key) -> Result<Self, Rule> {
        items(text)
            .map(|item| item.parse().or_else(|_| item.parse::<IpAddr>().map(IpNet::from)))
            .collect::<Result<_, _>>()
            .map_err(|_| "must be a comma list of IP addresses or CIDR blocks".into())
    }
}

impl Setting for OriginList {
    fn parse(text: &str, _: &Key) -> Result<Self, Rule> {
        Self::parse(text).map_err(|rule| rule.to_string().into())
    }
}

/// A JSON array, kept as it is for those who pass it on.
impl Setting for Vec<serde_json::Value> {
    fn parse(text: &str, _: &Key) -> Result<Self, Rule> {
        serde_json::from_str(text).map_err(|_| "must be a JSON array".into())
    }
}

/// Gives an enum its words: the one table from which it is read and its rule is phrased.
macro_rules! words {
    ($type:ty { $($word:literal => $value:expr),+ $(,)? }) => {
        impl $crate::config::setting::Setting for $type {
            fn parse(
                text: &str,
                _: &$crate::config::key::Key,
            ) -> Result<Self, $crate::config::setting::Rule> {
                const WORDS: &[&str] = &[$($word),+];
                $(if text.eq_ignore_ascii_case($word) {
                    return Ok($value);
                })+
                Err(format!("must be one of {}", WORDS.join(", ")).into())
            }
        }
    };
}

pub(super) use words;

words!(logs::Level {
    "DEBUG" => logs::Level::Debug,
    "INFO" => logs::Level::Info,
    "WARNING" => logs::Level::Warning,
    "ERROR" => logs::Level::Error,
});

words!(logs::Format { "json" => logs::Format::Json, "pretty" => logs::Format::Pretty });

/// The items of a comma list, empty ones skipped.
pub(super) fn items(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(|item| !item.is_empty())
}
