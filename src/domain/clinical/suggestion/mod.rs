//! Suggestions: what a doctor may want to think of (contract §5.9). They are support for a decision
//! and never one; only a doctor makes a diagnosis of them.
//!
//! [`rules`] is the provider that is built in, [`case`] what another one is told.

pub mod case;
pub mod rules;

use garde::Validate;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::diagnosis::has_icd_10_form;
use super::health::HealthProfile;
use crate::domain::id::PatientId;

/// What every answer says of itself.
pub const DISCLAIMER: &str = "decision support; a doctor must confirm";

/// Suggestions that are shown at most.
const MOST: usize = 20;
/// Pieces of evidence a suggestion has at most, and characters of a text.
const MOST_EVIDENCE: usize = 20;
const LONGEST: usize = 500;

/// What a doctor asks.
#[derive(Debug, Clone, Serialize, Deserialize, Validate, ToSchema)]
#[schema(as = SuggestionRequest, example = json!({"patient_id": 77, "symptoms": ["cefalea matutina"],
    "vitals": {"systolic": 150, "diastolic": 88}}))]
pub struct Question {
    #[garde(skip)]
    #[schema(value_type = i64)]
    pub patient_id: PatientId,
    #[serde(default)]
    #[garde(length(max = 50), inner(length(chars, min = 1, max = 200)))]
    #[schema(max_items = 50)]
    pub symptoms: Vec<String>,
    /// What is measured now; the rest is as the health profile has it.
    #[serde(default)]
    #[garde(dive)]
    pub vitals: Option<Vitals>,
    /// Kept with the answer. It never leaves the hub, whoever makes suggestions.
    #[serde(default)]
    #[garde(inner(length(chars, max = 2000)))]
    #[schema(max_length = 2000)]
    pub question: Option<String>,
}

/// The measurements that suggestions are made of.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, Validate, ToSchema)]
#[serde(default)]
pub struct Vitals {
    #[serde(skip_serializing_if = "Option::is_none")]
    #[garde(inner(range(min = 30.0, max = 272.0)))]
    #[schema(minimum = 30, maximum = 272)]
    pub height_cm: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[garde(inner(range(min = 0.5, max = 650.0)))]
    #[schema(minimum = 0.5, maximum = 650)]
    pub weight_kg: Option<f64>,
    /// mmHg
    #[serde(skip_serializing_if = "Option::is_none")]
    #[garde(inner(range(min = 50, max = 300)))]
    #[schema(minimum = 50, maximum = 300)]
    pub systolic: Option<i64>,
    /// mmHg
    #[serde(skip_serializing_if = "Option::is_none")]
    #[garde(inner(range(min = 20, max = 200)))]
    #[schema(minimum = 20, maximum = 200)]
    pub diastolic: Option<i64>,
    /// Beats a minute.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[garde(inner(range(min = 20, max = 300)))]
    #[schema(minimum = 20, maximum = 300)]
    pub heart_rate: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[garde(inner(range(min = 25.0, max = 45.0)))]
    #[schema(minimum = 25, maximum = 45)]
    pub temperature_c: Option<f64>,
    /// Oxygen saturation in percent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[garde(inner(range(min = 50.0, max = 100.0)))]
    #[schema(minimum = 50, maximum = 100)]
    pub spo2: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[garde(inner(range(min = 10.0, max = 1000.0)))]
    #[schema(minimum = 10, maximum = 1000)]
    pub fasting_glucose_mgdl: Option<f64>,
}

/// Something to think of.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"code": "I10", "description": "Essential (primary) hypertension",
    "confidence": 0.6, "evidence": ["systolic 150 ≥ 140"]}))]
pub struct Suggestion {
    /// ICD-10.
    pub code: String,
    pub description: String,
    /// 0 to 1.
    pub confidence: f64,
    /// What speaks for it.
    pub evidence: Vec<String>,
}

/// Who makes suggestions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, sqlx::Type, ToSchema)]
#[serde(rename_all = "lowercase")]
#[sqlx(type_name = "text", rename_all = "lowercase")]
pub enum Provider {
    /// The rules that are built in.
    Rules,
    /// A service that speaks as `OpenAI`'s does.
    Openai,
}

impl Provider {
    pub fn name(self) -> &'static str {
        match self {
            Self::Rules => "rules",
            Self::Openai => "openai",
        }
    }
}

impl Vitals {
    /// What is measured now over what was known before, as a profile to reckon with.
    pub fn over(&self, known: HealthProfile) -> HealthProfile {
        HealthProfile {
            height_cm: self.height_cm.or(known.height_cm),
            weight_kg: self.weight_kg.or(known.weight_kg),
            systolic: self.systolic.or(known.systolic),
            diastolic: self.diastolic.or(known.diastolic),
            heart_rate: self.heart_rate.or(known.heart_rate),
            temperature_c: self.temperature_c.or(known.temperature_c),
            spo2: self.spo2.or(known.spo2),
            fasting_glucose_mgdl: self.fasting_glucose_mgdl.or(known.fasting_glucose_mgdl),
            ..known
        }
    }

    /// The measurements of a profile.
    pub fn of(profile: &HealthProfile) -> Self {
        Self {
            height_cm: profile.height_cm,
            weight_kg: profile.weight_kg,
            systolic: profile.systolic,
            diastolic: profile.diastolic,
            heart_rate: profile.heart_rate,
            temperature_c: profile.temperature_c,
            spo2: profile.spo2,
            fasting_glucose_mgdl: profile.fasting_glucose_mgdl,
        }
    }
}

impl Suggestion {
    /// Whether it says what a suggestion says, within its bounds.
    pub fn is_sound(&self) -> bool {
        let is_text = |text: &str| (1..=LONGEST).contains(&text.chars().count());
        has_icd_10_form(&self.code)
            && is_text(&self.description)
            && (0.0..=1.0).contains(&self.confidence)
            && self.evidence.len() <= MOST_EVIDENCE
            && self.evidence.iter().all(|text| is_text(text) && !text.contains('\0'))
            && !self.description.contains('\0')
    }
}

/// The surest first, those as sure by their codes.
pub fn ranked(mut suggestions: Vec<Suggestion>) -> Vec<Suggestion> {
    suggestions.sort_by(|one, other| {
        other.confidence.total_cmp(&one.confidence).then_with(|| one.code.cmp(&other.code))
    });
    suggestions.truncate(MOST);
    suggestions
}

#[cfg(test)]
mod tests {
    use super::*;

    fn suggestion(code: &str, confidence: f64) -> Suggestion {
        Suggestion {
            code: code.into(),
            description: "x".into(),
            confidence,
            evidence: vec!["y".into()],
        }
    }

    #[test]
    fn the_surest_comes_first_and_then_the_code_decides() {
        let given = [("R50.9", 0.8), ("I10", 0.6), ("E66.9", 0.9), ("E11", 0.6)]
            .map(|(c, s)| suggestion(c, s));

        let codes: Vec<_> = ranked(given.into()).into_iter().map(|it| it.code).collect();

        assert_eq!(codes, ["E66.9", "R50.9", "E11", "I10"]);
        assert_eq!(ranked(vec![suggestion("I10", 0.5); 30]).len(), MOST);
    }

    #[test]
    fn what_is_measured_now_counts_before_what_was_known() {
        let known = HealthProfile {
            systolic: Some(120),
            diastolic: Some(80),
            sleep_hours: Some(7.0),
            ..Default::default()
        };
        let now = Vitals { systolic: Some(150), spo2: Some(90.0), ..Default::default() };

        let whole = now.over(known);

        assert_eq!(
            (whole.systolic, whole.diastolic, whole.spo2),
            (Some(150), Some(80), Some(90.0))
        );
        assert_eq!(whole.sleep_hours, Some(7.0));
        assert_eq!(Vitals::of(&whole).diastolic, Some(80));
    }

    #[test]
    fn a_suggestion_keeps_its_bounds() {
        let sound = suggestion("I10", 1.0);
        assert!(sound.is_sound());
        for broken in [
            suggestion("hypertension", 0.5),
            suggestion("I10", 1.1),
            suggestion("I10", -0.1),
            suggestion("I10", f64::NAN),
            Suggestion { description: String::new(), ..sound.clone() },
            Suggestion { description: "x".repeat(501), ..sound.clone() },
            Suggestion { evidence: vec![String::new()], ..sound.clone() },
            Suggestion { evidence: vec!["\0".into()], ..sound.clone() },
            Suggestion { evidence: vec!["y".into(); 21], ..sound.clone() },
        ] {
            assert!(!broken.is_sound(), "{broken:?}");
        }
    }
}
