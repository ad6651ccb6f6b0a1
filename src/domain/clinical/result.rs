//! Results of examinations: what is written about one, and how far it is (contract §5.12, §9.7).

use garde::Validate;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Number;
use utoipa::openapi::schema::SchemaType;
use utoipa::openapi::{ObjectBuilder, RefOr, Schema, schema};
use utoipa::{PartialSchema, ToSchema};

use crate::domain::contact::one_line;
use crate::domain::id::{AppointmentId, ExamId, FileId, PatientId};
use crate::domain::state::State;
use crate::error::{Error, FieldCode, Result};

/// Values a result may have.
pub const MOST: usize = 200;

/// How far a result is; a patient hears of it from `ready` on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, sqlx::Type, ToSchema)]
#[serde(rename_all = "lowercase")]
#[sqlx(type_name = "text", rename_all = "lowercase")]
pub enum ResultStatus {
    Pending,
    Ready,
    Delivered,
}

impl State for ResultStatus {
    fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Ready => "ready",
            Self::Delivered => "delivered",
        }
    }

    fn open(self) -> &'static [Self] {
        match self {
            Self::Pending => &[Self::Ready],
            Self::Ready => &[Self::Delivered, Self::Pending],
            Self::Delivered => &[],
        }
    }
}

impl ResultStatus {
    /// Whether the patient may look at it.
    pub fn is_released(self) -> bool {
        self != Self::Pending
    }

    /// The status after values or file were corrected: what was ready is to be released anew, and what
    /// the patient has seen stays.
    pub fn corrected(self) -> Result<Self> {
        self.check(Self::Pending).map(|()| Self::Pending)
    }
}

/// One measured value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Validate, ToSchema)]
#[schema(example = json!({"name": "Hemoglobina", "value": 13.9, "unit": "g/dL",
    "reference": "12.0–16.0", "flag": "normal"}))]
pub struct ExamValue {
    #[garde(length(chars, min = 1, max = 200), custom(one_line))]
    #[schema(min_length = 1, max_length = 200)]
    pub name: String,
    #[garde(dive)]
    pub value: Reading,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[garde(inner(length(chars, min = 1, max = 50), custom(one_line)))]
    #[schema(min_length = 1, max_length = 50)]
    pub unit: Option<String>,
    /// Where the value lies in healthy people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[garde(inner(length(chars, min = 1, max = 200), custom(one_line)))]
    #[schema(min_length = 1, max_length = 200)]
    pub reference: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[garde(skip)]
    pub flag: Option<Flag>,
}

/// A number, or a finding in words.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Validate)]
#[serde(untagged, expecting = "a number or a text")]
pub enum Reading {
    Number(#[garde(skip)] Number),
    Text(#[garde(length(chars, min = 1, max = 1000))] String),
}

impl PartialSchema for Reading {
    fn schema() -> RefOr<Schema> {
        let types = SchemaType::from_iter([schema::Type::Number, schema::Type::String]);
        ObjectBuilder::new().schema_type(types).max_length(Some(1000)).into()
    }
}

impl ToSchema for Reading {}

/// How a value lies to its reference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Flag {
    Low,
    Normal,
    High,
    Critical,
}

/// What is written of a new result.
#[derive(Debug, Clone, Deserialize, Validate, ToSchema)]
#[schema(as = ResultInput, example = json!({"patient_id": 77, "exam_id": 3,
    "values": [{"name": "Hemoglobina", "value": 13.9, "unit": "g/dL", "flag": "normal"}]}))]
pub struct ResultDraft {
    #[garde(skip)]
    pub patient_id: PatientId,
    /// Exactly one of `exam_id` and `exam_name`.
    #[serde(default)]
    #[garde(skip)]
    pub exam_id: Option<ExamId>,
    /// The name of an examination that is not in the catalogue.
    #[serde(default)]
    #[garde(inner(length(chars, min = 1, max = 200), custom(one_line)))]
    #[schema(min_length = 1, max_length = 200)]
    pub exam_name: Option<String>,
    /// The patient's visit it was ordered at.
    #[serde(default)]
    #[garde(skip)]
    pub appointment_id: Option<AppointmentId>,
    #[serde(default, deserialize_with = "none_or_some")]
    #[garde(length(max = MOST), dive)]
    #[schema(max_items = 200)]
    pub values: Vec<ExamValue>,
    /// The author's own file of purpose `result`, a PDF.
    #[serde(default)]
    #[garde(skip)]
    pub file_id: Option<FileId>,
}

/// What can be changed of a result.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Validate, ToSchema)]
#[schema(as = ResultContent, example = json!({"comment": "Control en seis meses"}))]
pub struct ResultContent {
    #[serde(default, deserialize_with = "none_or_some")]
    #[garde(length(max = MOST), dive)]
    #[schema(max_items = 200)]
    pub values: Vec<ExamValue>,
    /// The author's own file of purpose `result`, a PDF.
    #[serde(default)]
    #[garde(skip)]
    pub file_id: Option<FileId>,
    #[serde(default)]
    #[garde(inner(length(chars, min = 1, max = 4000)))]
    #[schema(min_length = 1, max_length = 4000)]
    pub comment: Option<String>,
}

impl ResultContent {
    /// Whether it shows the patient something else than before; a comment explains the same.
    pub fn corrects(&self, before: &Self) -> bool {
        self.values != before.values || self.file_id != before.file_id
    }
}

/// Null lists nothing.
fn none_or_some<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<ExamValue>, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

impl ResultDraft {
    /// The rules that reach over fields.
    pub fn check(&self) -> Result<()> {
        match (&self.exam_id, &self.exam_name) {
            (None, None) => {
                let detail = "one of exam_id and exam_name is required";
                Err(Error::field("/exam_name", FieldCode::Required, detail))
            }
            (Some(_), Some(_)) => {
                let detail = "only one of exam_id and exam_name can be given";
                Err(Error::field("/exam_name", FieldCode::Rule, detail))
            }
            _ => Ok(()),
        }
    }

    /// Ready when there is something to show.
    pub fn status(&self) -> ResultStatus {
        let is_empty = self.values.is_empty() && self.file_id.is_none();
        if is_empty { ResultStatus::Pending } else { ResultStatus::Ready }
    }
}

#[cfg(test)]
mod tests {
    use super::ResultStatus as S;
    use super::*;
    use crate::error::Kind;

    const ALL: [S; 3] = [S::Pending, S::Ready, S::Delivered];

    #[test]
    fn a_result_moves_on_and_goes_back_only_to_be_corrected() {
        let moves: Vec<_> = ALL
            .into_iter()
            .flat_map(|from| ALL.map(|to| (from, to)))
            .filter(|(from, to)| from.check_move(*to).is_ok())
            .collect();

        assert_eq!(
            moves,
            [(S::Pending, S::Ready), (S::Ready, S::Pending), (S::Ready, S::Delivered)]
        );
    }

    #[test]
    fn what_the_patient_has_seen_is_not_corrected() {
        assert_eq!(S::Pending.corrected().unwrap(), S::Pending);
        assert_eq!(S::Ready.corrected().unwrap(), S::Pending);
        let refused = S::Delivered.corrected().unwrap_err();
        assert!(matches!(refused.kind(), Kind::InvalidTransition { .. }));
    }

    #[test]
    fn a_result_is_of_one_examination() {
        let draft = |json: &str| serde_json::from_str::<ResultDraft>(json).unwrap();

        assert!(draft(r#"{"patient_id":1,"exam_id":3}"#).check().is_ok());
        assert!(draft(r#"{"patient_id":1,"exam_name":"Orina"}"#).check().is_ok());
        assert!(draft(r#"{"patient_id":1}"#).check().is_err());
        assert!(draft(r#"{"patient_id":1,"exam_id":3,"exam_name":"Orina"}"#).check().is_err());
    }

    #[test]
    fn a_value_is_kept_as_it_was_given() {
        for json in [
            r#"{"name":"Hb","value":13.9,"unit":"g/dL","flag":"normal"}"#,
            r#"{"name":"Leucocitos","value":7000}"#,
            r#"{"name":"Cultivo","value":"negativo"}"#,
        ] {
            let value: ExamValue = serde_json::from_str(json).unwrap();
            assert_eq!(serde_json::to_string(&value).unwrap(), json);
        }
        assert!(serde_json::from_str::<ExamValue>(r#"{"name":"x","value":{}}"#).is_err());
    }
}
