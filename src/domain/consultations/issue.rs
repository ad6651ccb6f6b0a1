//! When a room token was made, and in which session. The media server tells it with its holder's coming, so
//! what was handed out before somebody was sent away or signed out is known from what was since.

use serde::{Deserialize, Deserializer, Serialize};
use sha2::{Digest as _, Sha256};

use crate::domain::id::SessionId;
use crate::domain::time::Timestamp;

/// The attributes of a room token; everybody in the room may read them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Issue {
    /// Absent from what others made.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "lenient")]
    pub issued_at: Option<Timestamp>,
    /// Absent from what somebody was handed for another one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<SessionMark>,
}

/// A session as its holder's tokens name it: told from others, without being named.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SessionMark(Box<str>);

impl Issue {
    /// Whether it was made after that moment.
    pub fn is_after(&self, moment: Timestamp) -> bool {
        self.issued_at.is_some_and(|at| at > moment)
    }
}

impl SessionMark {
    pub fn of(session: &SessionId) -> Self {
        let digest = Sha256::digest(format!("room token of {session}"));
        let first = digest.first_chunk().map_or(0, |bytes| u64::from_be_bytes(*bytes));
        Self(format!("{first:016x}").into())
    }
}

/// Of what others wrote there nothing is made out.
fn lenient<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Timestamp>, D::Error> {
    let text = String::deserialize(deserializer)?;
    Ok(serde_json::from_value(text.into()).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_say_when_it_was_made_is_from_before() {
        let made = |at| Issue { issued_at: Some(Timestamp(at)), session: None };

        assert!(made(2).is_after(Timestamp(1)));
        assert!(!made(1).is_after(Timestamp(1)));
        assert!(!Issue::default().is_after(Timestamp(1)));
        let read = |text| serde_json::from_str::<Issue>(text).unwrap();
        assert_eq!(read(r#"{"issuedAt": "1970-01-01T00:00:00.002Z", "rol": "Medico"}"#), made(2));
        assert_eq!(read(r#"{"issuedAt": "yesterday"}"#), Issue::default());
    }

    #[test]
    fn a_mark_tells_sessions_apart_and_names_none() {
        let (one, other) = (SessionId::from("s_1"), SessionId::from("s_2"));

        assert_eq!(SessionMark::of(&one), SessionMark::of(&one));
        assert_ne!(SessionMark::of(&one), SessionMark::of(&other));
        assert_eq!(SessionMark::of(&one).0.len(), 16);
    }
}
