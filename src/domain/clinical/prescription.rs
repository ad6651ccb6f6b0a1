//! Prescriptions: drugs a doctor orders for a patient (contract §5.9).

use garde::Validate;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain::contact::one_line;
use crate::domain::date::Date;
use crate::domain::id::ConsultationId;
use crate::domain::state::State;
use crate::error::{Error, FieldCode, Result};

/// What a doctor orders.
#[derive(Debug, Clone, Deserialize, Validate, ToSchema)]
#[schema(as = PrescriptionInput, example = json!({"items": [{"drug": "Enalapril", "dose": "10 mg",
    "route": "oral", "frequency": "c/12 h", "duration_days": 30}], "valid_until": "2099-12-31"}))]
pub struct PrescriptionDraft {
    /// The visit it comes from, which must be the patient's.
    #[serde(default)]
    #[garde(skip)]
    #[schema(value_type = Option<String>)]
    pub consultation_id: Option<ConsultationId>,
    #[garde(length(min = 1, max = 20), dive)]
    #[schema(min_items = 1, max_items = 20)]
    pub items: Vec<Item>,
    /// The last day it holds, UTC; not in the past.
    #[serde(default)]
    #[garde(skip)]
    pub valid_until: Option<Date>,
}

/// One drug.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Validate, ToSchema)]
#[schema(as = PrescriptionItem)]
pub struct Item {
    #[garde(length(chars, min = 1, max = 200), custom(one_line))]
    #[schema(min_length = 1, max_length = 200)]
    pub drug: String,
    #[garde(length(chars, min = 1, max = 100), custom(one_line))]
    #[schema(min_length = 1, max_length = 100)]
    pub dose: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[garde(inner(length(chars, min = 1, max = 100), custom(one_line)))]
    #[schema(min_length = 1, max_length = 100)]
    pub route: Option<String>,
    #[garde(length(chars, min = 1, max = 100), custom(one_line))]
    #[schema(min_length = 1, max_length = 100)]
    pub frequency: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[garde(inner(range(min = 1, max = 365)))]
    #[schema(minimum = 1, maximum = 365)]
    pub duration_days: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[garde(inner(length(chars, max = 1000)))]
    #[schema(max_length = 1000)]
    pub notes: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, sqlx::Type, ToSchema)]
#[serde(rename_all = "lowercase")]
#[sqlx(type_name = "text", rename_all = "lowercase")]
pub enum PrescriptionStatus {
    Active,
    Cancelled,
    Expired,
}

impl State for PrescriptionStatus {
    fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Cancelled => "cancelled",
            Self::Expired => "expired",
        }
    }

    fn open(self) -> &'static [Self] {
        match self {
            Self::Active => &[Self::Cancelled, Self::Expired],
            Self::Cancelled | Self::Expired => &[],
        }
    }
}

impl PrescriptionStatus {
    /// Whether it reads `active` though its last day is over.
    pub fn is_overdue(self, valid_until: Option<&Date>, today: &Date) -> bool {
        self == Self::Active && valid_until.is_some_and(|last| last < today)
    }
}

impl PrescriptionDraft {
    /// Holds the draft to the rules that no field knows by itself.
    pub fn check(&self, today: &Date) -> Result<()> {
        match &self.valid_until {
            Some(last) if last < today => {
                Err(Error::field("/valid_until", FieldCode::Rule, "is in the past"))
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use PrescriptionStatus as S;

    use super::*;

    fn day(text: &str) -> Date {
        text.parse().unwrap()
    }

    #[test]
    fn only_an_active_prescription_moves_on() {
        for from in [S::Active, S::Cancelled, S::Expired] {
            for to in [S::Cancelled, S::Expired] {
                assert_eq!(from.check_move(to).is_ok(), from == S::Active, "{from:?} {to:?}");
            }
            assert!(from.check_move(S::Active).is_err());
        }
    }

    #[test]
    fn a_prescription_holds_through_its_last_day() {
        let (today, yesterday) = (day("2025-10-13"), day("2025-10-12"));

        assert!(!S::Active.is_overdue(Some(&today), &today));
        assert!(S::Active.is_overdue(Some(&yesterday), &today));
        assert!(!S::Active.is_overdue(None, &today));
        assert!(!S::Cancelled.is_overdue(Some(&yesterday), &today));
    }

    #[test]
    fn one_that_would_be_over_is_not_written() {
        let draft = |last: Option<&str>| PrescriptionDraft {
            consultation_id: None,
            items: Vec::new(),
            valid_until: last.map(day),
        };
        let today = day("2025-10-13");

        assert!(draft(None).check(&today).is_ok());
        assert!(draft(Some("2025-10-13")).check(&today).is_ok());
        assert!(draft(Some("2025-10-12")).check(&today).is_err());
    }
}
