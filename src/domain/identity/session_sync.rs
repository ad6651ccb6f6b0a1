//! What the apps of a sign-in share, and how it changes (contract §5.4).
//!
//! Every change names the revision it was made from. Of two made from the same one the second is
//! refused and given the current state, so nothing is overwritten unseen.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::domain::events::values::Fields;
use crate::domain::time::Timestamp;
use crate::error::{Error, FieldCode, Kind};

/// Bytes of JSON the shared data may take.
pub const MAX_DATA: usize = 8 * 1024;

/// The shared data and how often it was changed.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SharedState {
    pub data: Fields,
    pub revision: i64,
}

/// Why a change is not made.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Refused {
    /// It was made from another revision; this is the current state.
    #[error("the revision is not the current one")]
    Stale(SharedState),
    #[error("more than {MAX_DATA} bytes of shared data")]
    TooLarge,
    /// PostgreSQL stores no such text.
    #[error("NUL characters are not accepted")]
    Nul,
}

impl SharedState {
    /// The state after a shallow merge: keys of `patch` replace ours, a null deletes its key.
    pub fn patched(mut self, patch: Fields, revision: i64) -> Result<Self, Refused> {
        if revision != self.revision {
            return Err(Refused::Stale(self));
        }
        if patch.0.iter().any(|(key, value)| key.contains('\0') || holds_nul(value)) {
            return Err(Refused::Nul);
        }
        if size(&patch) > MAX_DATA {
            return Err(Refused::TooLarge);
        }
        for (key, value) in patch.0 {
            if value.is_null() {
                self.data.0.remove(&key);
            } else {
                self.data.0.insert(key, value);
            }
        }
        if size(&self.data) > MAX_DATA {
            return Err(Refused::TooLarge);
        }
        self.revision += 1;
        Ok(self)
    }
}

impl From<Refused> for Error {
    fn from(refused: Refused) -> Self {
        let (code, detail) = match refused {
            Refused::Stale(current) => {
                let current = serde_json::to_value(current).unwrap_or_default();
                return Kind::Stale { current }.into();
            }
            Refused::TooLarge => (FieldCode::Length, refused.to_string()),
            Refused::Nul => (FieldCode::Format, refused.to_string()),
        };
        Self::field("/data", code, detail)
    }
}

/// When a session ends after a portal asked that it live for `asked`, at most `longest`.
///
/// An access token alone brings the end nearer, never further away: that takes the refresh token,
/// as elsewhere.
pub fn end(
    current: Timestamp,
    asked: Option<Duration>,
    holds_refresh_token: bool,
    longest: Duration,
    now: Timestamp,
) -> Timestamp {
    let wanted = |asked: Duration| now.plus(asked.min(longest));
    match asked {
        asked if holds_refresh_token => wanted(asked.unwrap_or(longest)),
        Some(asked) => wanted(asked).min(current),
        None => current,
    }
}

fn size(data: &Fields) -> usize {
    serde_json::to_vec(data).map_or(usize::MAX, |json| json.len())
}

fn holds_nul(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains('\0'),
        Value::Array(items) => items.iter().any(holds_nul),
        Value::Object(fields) => {
            fields.iter().any(|(key, value)| key.contains('\0') || holds_nul(value))
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn fields(value: Value) -> Fields {
        serde_json::from_value(value).unwrap()
    }

    fn state(data: Value, revision: i64) -> SharedState {
        SharedState { data: fields(data), revision }
    }

    #[test]
    fn a_patch_replaces_keys_and_a_null_deletes_one() {
        let before = state(json!({"theme": "dark", "tab": {"id": 1, "open": true}, "old": 1}), 3);
        let patch = fields(json!({"tab": {"id": 2, "open": null}, "old": null, "unknown": null}));

        let after = before.patched(patch, 3).unwrap();

        assert_eq!(after, state(json!({"theme": "dark", "tab": {"id": 2, "open": null}}), 4));
    }

    #[test]
    fn a_patch_from_another_revision_is_told_the_current_state() {
        for revision in [2, 4, -1] {
            let current = state(json!({"theme": "dark"}), 3);

            let refused = current.clone().patched(fields(json!({"theme": "light"})), revision);

            assert_eq!(refused, Err(Refused::Stale(current)), "{revision}");
        }
    }

    #[test]
    fn the_merged_data_fits_in_eight_kibibytes() {
        // `{"a":"…"}` adds eight bytes to the text.
        let fits = "x".repeat(MAX_DATA - 8);
        let full = state(json!({}), 0).patched(fields(json!({ "a": fits })), 0).unwrap();

        let refused = full.clone().patched(fields(json!({"b": 1})), 1);
        assert_eq!(refused, Err(Refused::TooLarge));
        assert!(full.patched(fields(json!({"a": null, "b": 1})), 1).is_ok());
    }

    #[test]
    fn a_nul_anywhere_is_refused() {
        for patch in [json!({"a\0": 1}), json!({"a": "\0"}), json!({"a": [{"b\0": [1]}]})] {
            assert_eq!(state(json!({}), 0).patched(fields(patch), 0), Err(Refused::Nul));
        }
    }

    #[test]
    fn only_a_refresh_token_moves_the_end_further_away() {
        let day = Duration::from_hours(24);
        let (now, soon) = (Timestamp(0), Timestamp(1000));
        let minute = Duration::from_mins(1);

        assert_eq!(end(soon, None, false, day, now), soon);
        assert_eq!(end(soon, Some(minute), false, day, now), soon);
        assert_eq!(end(now.plus(day), Some(minute), false, day, now), now.plus(minute));
        assert_eq!(end(soon, Some(minute), true, day, now), now.plus(minute));
        assert_eq!(end(soon, Some(day * 2), true, day, now), now.plus(day));
        assert_eq!(end(soon, None, true, day, now), now.plus(day));
    }
}
