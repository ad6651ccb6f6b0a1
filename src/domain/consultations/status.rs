//! How far a consultation is (contract §9.4).

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain::events::signaling::notices::EndReason;
use crate::domain::state::State;

/// How far a consultation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, sqlx::Type, ToSchema)]
#[serde(rename_all = "lowercase")]
#[sqlx(type_name = "text", rename_all = "lowercase")]
pub enum ConsultationStatus {
    Created,
    /// Somebody is there.
    Waiting,
    /// Doctor and patient are there, or the doctor has begun.
    Live,
    Ended,
    Cancelled,
}

impl State for ConsultationStatus {
    fn name(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Waiting => "waiting",
            Self::Live => "live",
            Self::Ended => "ended",
            Self::Cancelled => "cancelled",
        }
    }

    fn open(self) -> &'static [Self] {
        match self {
            // Who begins is there, so waiting is over at once.
            Self::Created => &[Self::Waiting, Self::Live, Self::Cancelled],
            Self::Waiting => &[Self::Live, Self::Cancelled],
            Self::Live => &[Self::Ended],
            Self::Ended | Self::Cancelled => &[],
        }
    }
}

/// A step of a consultation to another state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Move {
    Waiting,
    Live,
    /// Nobody can join any more, and why.
    Over(EndReason),
}

impl Move {
    /// How far the consultation is then.
    pub fn status(self) -> ConsultationStatus {
        match self {
            Self::Waiting => ConsultationStatus::Waiting,
            Self::Live => ConsultationStatus::Live,
            Self::Over(EndReason::Cancelled) => ConsultationStatus::Cancelled,
            Self::Over(EndReason::Ended | EndReason::Idle | EndReason::Admin) => {
                ConsultationStatus::Ended
            }
        }
    }
}

impl ConsultationStatus {
    /// Whether nobody can join any more.
    pub fn is_over(self) -> bool {
        matches!(self, Self::Ended | Self::Cancelled)
    }
}

#[cfg(test)]
mod tests {
    use ConsultationStatus as S;

    use super::*;

    const ALL: [S; 5] = [S::Created, S::Waiting, S::Live, S::Ended, S::Cancelled];

    #[test]
    fn a_consultation_goes_one_way() {
        let pairs = ALL.into_iter().flat_map(|from| ALL.map(|to| (from, to)));
        let moves: Vec<_> = pairs.filter(|(from, to)| from.check_move(*to).is_ok()).collect();

        assert_eq!(
            moves,
            [
                (S::Created, S::Waiting),
                (S::Created, S::Live),
                (S::Created, S::Cancelled),
                (S::Waiting, S::Live),
                (S::Waiting, S::Cancelled),
                (S::Live, S::Ended),
            ]
        );
        assert_eq!(ALL.map(S::is_over), [false, false, false, true, true]);
    }
}
