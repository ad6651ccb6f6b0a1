//! What is known of a patient's health; [`kpi`](super::kpi) makes figures of it.

use garde::Validate;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Entries a list may have.
const MOST: usize = 50;

/// Measurements and habits of a patient. Every field may be unknown.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, Validate, ToSchema)]
#[serde(default)]
#[schema(example = json!({"height_cm": 170, "weight_kg": 65, "blood_type": "O+", "systolic": 118,
    "diastolic": 76, "smoking": "never", "activity_minutes_week": 75, "chronic_conditions": []}))]
pub struct HealthProfile {
    #[garde(inner(range(min = 30.0, max = 272.0)))]
    #[schema(minimum = 30, maximum = 272)]
    pub height_cm: Option<f64>,
    #[garde(inner(range(min = 0.5, max = 650.0)))]
    #[schema(minimum = 0.5, maximum = 650)]
    pub weight_kg: Option<f64>,
    #[garde(skip)]
    pub blood_type: Option<BloodType>,
    /// mmHg
    #[garde(inner(range(min = 50, max = 300)))]
    #[schema(minimum = 50, maximum = 300)]
    pub systolic: Option<i64>,
    /// mmHg
    #[garde(inner(range(min = 20, max = 200)))]
    #[schema(minimum = 20, maximum = 200)]
    pub diastolic: Option<i64>,
    /// Beats a minute.
    #[garde(inner(range(min = 20, max = 300)))]
    #[schema(minimum = 20, maximum = 300)]
    pub heart_rate: Option<i64>,
    #[garde(inner(range(min = 25.0, max = 45.0)))]
    #[schema(minimum = 25, maximum = 45)]
    pub temperature_c: Option<f64>,
    /// Oxygen saturation in percent.
    #[garde(inner(range(min = 50.0, max = 100.0)))]
    #[schema(minimum = 50, maximum = 100)]
    pub spo2: Option<f64>,
    #[garde(inner(range(min = 10.0, max = 1000.0)))]
    #[schema(minimum = 10, maximum = 1000)]
    pub fasting_glucose_mgdl: Option<f64>,
    #[garde(skip)]
    pub smoking: Option<Smoking>,
    #[garde(inner(range(min = 0.0, max = 200.0)))]
    #[schema(minimum = 0, maximum = 200)]
    pub alcohol_units_week: Option<f64>,
    #[garde(inner(range(min = 0, max = 10080)))]
    #[schema(minimum = 0, maximum = 10080)]
    pub activity_minutes_week: Option<i64>,
    /// A night.
    #[garde(inner(range(min = 0.0, max = 24.0)))]
    #[schema(minimum = 0, maximum = 24)]
    pub sleep_hours: Option<f64>,
    /// Unknown when absent, none when empty.
    #[garde(inner(length(max = MOST), inner(length(chars, min = 1, max = 200))))]
    #[schema(max_items = 50)]
    pub chronic_conditions: Option<Vec<String>>,
    #[garde(inner(length(max = MOST), inner(length(chars, min = 1, max = 200))))]
    #[schema(max_items = 50)]
    pub allergies: Option<Vec<String>>,
    #[garde(inner(length(max = MOST), inner(length(chars, min = 1, max = 200))))]
    #[schema(max_items = 50)]
    pub medications: Option<Vec<String>>,
    #[garde(inner(length(max = MOST), inner(length(chars, min = 1, max = 200))))]
    #[schema(max_items = 50)]
    pub family_history: Option<Vec<String>>,
    #[garde(inner(length(chars, max = 4000)))]
    #[schema(max_length = 4000)]
    pub notes: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, sqlx::Type, ToSchema)]
#[sqlx(type_name = "text")]
pub enum BloodType {
    #[serde(rename = "A+")]
    #[sqlx(rename = "A+")]
    APositive,
    #[serde(rename = "A-")]
    #[sqlx(rename = "A-")]
    ANegative,
    #[serde(rename = "B+")]
    #[sqlx(rename = "B+")]
    BPositive,
    #[serde(rename = "B-")]
    #[sqlx(rename = "B-")]
    BNegative,
    #[serde(rename = "AB+")]
    #[sqlx(rename = "AB+")]
    AbPositive,
    #[serde(rename = "AB-")]
    #[sqlx(rename = "AB-")]
    AbNegative,
    #[serde(rename = "O+")]
    #[sqlx(rename = "O+")]
    OPositive,
    #[serde(rename = "O-")]
    #[sqlx(rename = "O-")]
    ONegative,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, sqlx::Type, ToSchema)]
#[serde(rename_all = "lowercase")]
#[sqlx(type_name = "text", rename_all = "lowercase")]
pub enum Smoking {
    Never,
    Former,
    Current,
}
