//! Diagnoses: what a doctor found (contract §5.9). One that began as a suggestion says which; none
//! comes about without a doctor.

use garde::Validate;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain::id::{ConsultationId, SuggestionId};
use crate::error::{Error, FieldCode, Result};

/// What a doctor writes down.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Validate, ToSchema)]
#[schema(as = DiagnosisInput, example = json!({"code": "I10", "description": "Hipertensión esencial",
    "status": "confirmed", "source": "doctor", "released_to_patient": false}))]
pub struct DiagnosisDraft {
    /// The visit it was made at, which must be the patient's.
    #[serde(default)]
    #[garde(skip)]
    #[schema(value_type = Option<String>)]
    pub consultation_id: Option<ConsultationId>,
    /// ICD-10.
    #[garde(custom(is_icd_10))]
    #[schema(min_length = 3, max_length = 10, pattern = r"^[A-Z][0-9]{2}(\.[0-9A-Z]{1,4})?$")]
    pub code: String,
    #[garde(length(chars, min = 1, max = 500))]
    #[schema(min_length = 1, max_length = 500)]
    pub description: String,
    #[garde(skip)]
    pub status: DiagnosisStatus,
    /// Where the thought came from.
    #[serde(default)]
    #[garde(skip)]
    pub source: DiagnosisSource,
    /// Suggestions about this patient; required where `source` is `ai`.
    #[serde(default)]
    #[garde(skip)]
    #[schema(value_type = Option<String>)]
    pub suggestion_id: Option<SuggestionId>,
    /// Whether the patient may read it.
    #[serde(default)]
    #[garde(skip)]
    pub released_to_patient: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, sqlx::Type, ToSchema)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum DiagnosisStatus {
    Suspected,
    Confirmed,
    RuledOut,
    Resolved,
}

#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, sqlx::Type, ToSchema,
)]
#[serde(rename_all = "lowercase")]
#[sqlx(type_name = "text", rename_all = "lowercase")]
pub enum DiagnosisSource {
    #[default]
    Doctor,
    Ai,
}

impl DiagnosisDraft {
    /// Holds the draft to the rules that no field knows by itself.
    pub fn check(&self) -> Result<()> {
        if self.source == DiagnosisSource::Ai && self.suggestion_id.is_none() {
            let detail = "is required where the source is ai";
            return Err(Error::field("/suggestion_id", FieldCode::Required, detail));
        }
        Ok(())
    }

    /// Refuses to have where a diagnosis came from told otherwise than it `was`.
    pub fn check_origin(&self, was: &Self) -> Result<()> {
        let (code, detail) = (FieldCode::Rule, "cannot be changed");
        if self.source != was.source {
            return Err(Error::field("/source", code, detail));
        }
        if self.suggestion_id != was.suggestion_id {
            return Err(Error::field("/suggestion_id", code, detail));
        }
        Ok(())
    }
}

/// For `#[garde(custom(is_icd_10))]`.
pub fn is_icd_10<C>(code: &str, _: &C) -> garde::Result {
    if has_icd_10_form(code) {
        return Ok(());
    }
    Err(garde::Error::new("format: not an ICD-10 code such as I10 or E11.9"))
}

/// A letter, two digits, and up to four more letters or digits after a point.
pub fn has_icd_10_form(code: &str) -> bool {
    let (category, detail) = match code.split_once('.') {
        Some((category, detail)) => (category, Some(detail)),
        None => (code, None),
    };
    let is_category = matches!(
        category.as_bytes(),
        [letter, first, second]
            if letter.is_ascii_uppercase() && first.is_ascii_digit() && second.is_ascii_digit()
    );
    let is_detail = |detail: &str| {
        (1..=4).contains(&detail.len())
            && detail.bytes().all(|byte| byte.is_ascii_digit() || byte.is_ascii_uppercase())
    };
    is_category && detail.is_none_or(is_detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draft(source: DiagnosisSource, suggestion: Option<&str>) -> DiagnosisDraft {
        DiagnosisDraft {
            consultation_id: None,
            code: "I10".into(),
            description: "Hipertensión".into(),
            status: DiagnosisStatus::Suspected,
            source,
            suggestion_id: suggestion.map(SuggestionId::from),
            released_to_patient: false,
        }
    }

    #[test]
    fn codes_have_the_form_of_icd_10() {
        for code in ["I10", "E11.9", "R73.03", "S52.521A"] {
            assert!(has_icd_10_form(code), "{code}");
        }
        for code in
            ["", "I1", "i10", "I100", "10I", "I10.", "I10.12345", "I10.a", "I10.1.2", " I10", "É10"]
        {
            assert!(!has_icd_10_form(code), "{code}");
        }
    }

    #[test]
    fn what_began_as_a_suggestion_says_which() {
        assert!(draft(DiagnosisSource::Ai, None).check().is_err());
        assert!(draft(DiagnosisSource::Ai, Some("sg_1")).check().is_ok());
        assert!(draft(DiagnosisSource::Doctor, None).check().is_ok());
    }

    #[test]
    fn where_a_diagnosis_came_from_stays_as_it_is() {
        let was = draft(DiagnosisSource::Ai, Some("sg_1"));

        assert!(was.check_origin(&was).is_ok());
        for other in [
            draft(DiagnosisSource::Doctor, Some("sg_1")),
            draft(DiagnosisSource::Ai, Some("sg_2")),
            draft(DiagnosisSource::Ai, None),
        ] {
            assert!(other.check_origin(&was).is_err(), "{other:?}");
        }
    }
}
