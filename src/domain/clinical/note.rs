//! Notes: what a doctor writes about a patient (contract §5.9). A note can be changed for a day;
//! from then on it stands, and what is to be said of it is added.

use std::time::Duration;

use garde::Validate;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain::id::ConsultationId;
use crate::domain::state::State;
use crate::domain::time::Timestamp;
use crate::error::Result;

/// How long the author may change a note.
const OPEN_FOR: Duration = Duration::from_hours(24);

/// What is written in a note.
#[derive(Debug, Clone, Deserialize, Validate, ToSchema)]
#[schema(as = NoteInput, example = json!({"kind": "soap", "body": "S: cefalea desde ayer…",
    "released_to_patient": false}))]
pub struct NoteDraft {
    /// The visit it is about, which must be the patient's.
    #[serde(default)]
    #[garde(skip)]
    #[schema(value_type = Option<String>)]
    pub consultation_id: Option<ConsultationId>,
    #[garde(skip)]
    pub kind: NoteKind,
    #[garde(length(chars, min = 1, max = 20_000))]
    #[schema(min_length = 1, max_length = 20_000)]
    pub body: String,
    /// Whether the patient may read it.
    #[serde(default)]
    #[garde(skip)]
    pub released_to_patient: bool,
}

/// What is added to a note.
#[derive(Debug, Clone, Deserialize, Validate, ToSchema)]
#[schema(as = AddendumInput, example = json!({"body": "Se corrige la dosis: 5 mg."}))]
pub struct Addendum {
    #[garde(length(chars, min = 1, max = 20_000))]
    #[schema(min_length = 1, max_length = 20_000)]
    pub body: String,
    /// Whether the patient may read it.
    #[serde(default)]
    #[garde(skip)]
    pub released_to_patient: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, sqlx::Type, ToSchema)]
#[serde(rename_all = "lowercase")]
#[sqlx(type_name = "text", rename_all = "lowercase")]
pub enum NoteKind {
    Soap,
    Progress,
    Admission,
    Discharge,
    Other,
}

/// Whether a note can still be changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoteState {
    Open,
    Locked,
}

impl State for NoteState {
    fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Locked => "locked",
        }
    }

    fn open(self) -> &'static [Self] {
        match self {
            Self::Open => &[Self::Locked],
            Self::Locked => &[],
        }
    }
}

/// The moment from which on a note stands. Made of the moment it was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct LockedAt(Timestamp);

impl LockedAt {
    pub fn of(written: Timestamp) -> Self {
        Self(written.plus(OPEN_FOR))
    }

    pub fn state(self, now: Timestamp) -> NoteState {
        if now < self.0 { NoteState::Open } else { NoteState::Locked }
    }

    /// Refuses a change of what stands.
    pub fn check_open(self, now: Timestamp) -> Result<()> {
        self.state(now).check(NoteState::Open)
    }
}

/// For reading `created_at` as the moment of locking.
impl From<Timestamp> for LockedAt {
    fn from(written: Timestamp) -> Self {
        Self::of(written)
    }
}

impl Addendum {
    /// The note that stands beside one of this kind about this visit.
    pub fn beside(self, kind: NoteKind, consultation_id: Option<ConsultationId>) -> NoteDraft {
        let Self { body, released_to_patient } = self;
        NoteDraft { consultation_id, kind, body, released_to_patient }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Kind;

    #[test]
    fn a_note_can_be_changed_for_a_day() {
        const DAY: i64 = 24 * 60 * 60 * 1000;
        let lock = LockedAt::of(Timestamp(1000));

        assert!(lock.check_open(Timestamp(1000 + DAY - 1)).is_ok());
        let refused = lock.check_open(Timestamp(1000 + DAY)).unwrap_err();

        match refused.kind() {
            Kind::InvalidTransition { from, to, allowed } => {
                assert_eq!((from.as_str(), to.as_str()), ("locked", "open"));
                assert!(allowed.is_empty());
            }
            other => panic!("{other:?}"),
        }
    }
}
