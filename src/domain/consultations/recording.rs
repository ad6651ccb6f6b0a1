//! Recordings: how far one is (contract §9.5), and where its film is kept.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain::id::ConsultationId;
use crate::domain::state::State;
use crate::domain::time::Timestamp;

/// How far a recording is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, sqlx::Type, ToSchema)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum RecordingStatus {
    /// The patient is asked.
    Requested,
    /// The media server is asked.
    Starting,
    Recording,
    Stopping,
    Completed,
    Failed,
    Deleted,
    /// The patient did not agree.
    Declined,
    /// There is nowhere to keep a film: everything is done but filming.
    Mock,
    MockStopped,
}

impl State for RecordingStatus {
    fn name(self) -> &'static str {
        match self {
            Self::Requested => "requested",
            Self::Starting => "starting",
            Self::Recording => "recording",
            Self::Stopping => "stopping",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Deleted => "deleted",
            Self::Declined => "declined",
            Self::Mock => "mock",
            Self::MockStopped => "mock_stopped",
        }
    }

    fn open(self) -> &'static [Self] {
        match self {
            Self::Requested => &[Self::Starting, Self::Declined, Self::Failed],
            // Whoever stops early need not wait for the first picture.
            Self::Starting => &[Self::Recording, Self::Stopping, Self::Failed],
            Self::Recording => &[Self::Stopping, Self::Completed, Self::Failed],
            Self::Stopping => &[Self::Completed, Self::Failed],
            Self::Completed => &[Self::Deleted],
            Self::Mock => &[Self::MockStopped],
            Self::Failed | Self::Deleted | Self::Declined | Self::MockStopped => &[],
        }
    }
}

impl RecordingStatus {
    /// Where something is being filmed, or as good as.
    pub const RUNNING: [Self; 4] = [Self::Starting, Self::Recording, Self::Stopping, Self::Mock];

    /// Whether the recorder is to film, or go on.
    #[must_use]
    pub fn is_wanted(self) -> bool {
        matches!(self, Self::Starting | Self::Recording)
    }

    /// What it becomes when somebody stops it, or the consultation ends.
    #[must_use]
    pub fn stopped(self) -> Self {
        match self {
            Self::Mock => Self::MockStopped,
            Self::Requested => Self::Declined,
            _ => Self::Stopping,
        }
    }
}

/// Whose word it is that the patient agreed to a recording.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Consent {
    Patient,
    /// The doctor of the consultation, to whom the patient said so.
    Doctor,
    /// The system the patient said so to.
    Service,
}

impl Consent {
    pub fn name(self) -> &'static str {
        match self {
            Self::Patient => "patient",
            Self::Doctor => "doctor",
            Self::Service => "service",
        }
    }
}

/// How the picture is put together.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, sqlx::Type, ToSchema,
)]
#[serde(rename_all = "lowercase")]
#[sqlx(type_name = "text", rename_all = "lowercase")]
pub enum Layout {
    #[default]
    Grid,
    Speaker,
}

impl Layout {
    pub fn name(self) -> &'static str {
        match self {
            Self::Grid => "grid",
            Self::Speaker => "speaker",
        }
    }
}

/// Where the film of a consultation is kept that starts at that moment.
pub fn filepath(consultation: &ConsultationId, now: Timestamp) -> String {
    let time = jiff::Timestamp::from_millisecond(now.0).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    format!("consultations/{consultation}-{}.mp4", time.strftime("%Y-%m-%dT%H%M%S"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_film_is_named_by_its_consultation_and_its_start_in_utc() {
        let path = filepath(&"uuid-001".into(), Timestamp(1_759_666_066_209));

        assert_eq!(path, "consultations/uuid-001-2025-10-05T120746.mp4");
    }

    #[test]
    fn what_failed_stays_failed_and_what_is_complete_can_only_go() {
        use RecordingStatus as S;
        for from in [S::Requested, S::Starting, S::Recording, S::Stopping] {
            assert!(from.check_move(S::Failed).is_ok(), "{from:?}");
        }
        assert_eq!(S::Completed.open(), [S::Deleted]);
        for over in [S::Failed, S::Deleted, S::Declined, S::MockStopped] {
            assert_eq!(over.open(), []);
        }
        for running in [S::Requested, S::Starting, S::Recording, S::Mock] {
            assert!(running.check_move(running.stopped()).is_ok(), "{running:?}");
        }
    }
}
