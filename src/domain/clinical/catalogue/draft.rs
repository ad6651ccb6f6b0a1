//! What a caller writes into the catalogue, with the rules of each field.

use std::collections::HashSet;

use garde::Validate;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::price;
use crate::domain::address::Address;
use crate::domain::date::Date;
use crate::domain::id::{CategoryId, ExamId, LocationId, PackageId, PriceId};
use crate::domain::money::{Cents, Currency};

/// A bookable examination.
#[derive(Debug, Clone, Serialize, Deserialize, Validate, ToSchema)]
#[schema(example = json!({"code": "HEM", "name": "Hemograma", "category_id": 1,
    "preparation": "ayuno 8 h", "duration_minutes": 10}))]
pub struct ExamDraft {
    /// Unique.
    #[garde(length(chars, min = 1, max = 40))]
    #[schema(min_length = 1, max_length = 40)]
    pub code: String,
    #[garde(length(chars, min = 1, max = 200))]
    #[schema(min_length = 1, max_length = 200)]
    pub name: String,
    #[serde(default)]
    #[garde(length(chars, max = 2000))]
    #[schema(max_length = 2000)]
    pub description: Option<String>,
    #[serde(default)]
    #[garde(skip)]
    pub category_id: Option<CategoryId>,
    /// What the patient does beforehand.
    #[serde(default)]
    #[garde(length(chars, max = 2000))]
    #[schema(max_length = 2000)]
    pub preparation: Option<String>,
    #[serde(default)]
    #[garde(range(min = 1, max = 1440))]
    #[schema(minimum = 1, maximum = 1440)]
    pub duration_minutes: Option<i64>,
    #[serde(default = "yes")]
    #[garde(skip)]
    #[schema(default = true)]
    pub active: bool,
}

/// What an exam or a package costs, everywhere or at one place, always or for some time.
#[derive(Debug, Clone, Serialize, Deserialize, Validate, ToSchema)]
#[schema(example = json!({"exam_id": 3, "amount_cents": 450_000, "currency": "ARS"}))]
pub struct PriceDraft {
    /// Exactly one of `exam_id` and `package_id`.
    #[serde(default)]
    #[garde(custom(price::names_one_target(self.package_id)))]
    pub exam_id: Option<ExamId>,
    #[serde(default)]
    #[garde(skip)]
    pub package_id: Option<PackageId>,
    /// Absent: the price holds wherever no other does.
    #[serde(default)]
    #[garde(skip)]
    pub location_id: Option<LocationId>,
    #[garde(custom(Cents::check))]
    pub amount_cents: Cents,
    /// Absent: the configured `DEFAULT_CURRENCY`.
    #[serde(default)]
    #[garde(skip)]
    pub currency: Option<Currency>,
    /// First day of validity; absent: since ever.
    #[serde(default)]
    #[garde(skip)]
    pub valid_from: Option<Date>,
    /// Last day of validity; absent: until further notice.
    #[serde(default)]
    #[garde(custom(price::ends_after(self.valid_from.as_ref())))]
    pub valid_to: Option<Date>,
}

/// A shelf of the catalogue; shelves nest at most [`super::category::DEPTH`] deep.
#[derive(Debug, Clone, Serialize, Deserialize, Validate, ToSchema)]
#[schema(example = json!({"name": "Laboratorio", "parent_id": null}))]
pub struct CategoryDraft {
    /// Unique.
    #[garde(length(chars, min = 1, max = 200))]
    #[schema(min_length = 1, max_length = 200)]
    pub name: String,
    #[serde(default)]
    #[garde(skip)]
    pub parent_id: Option<CategoryId>,
}

/// Exams sold together.
#[derive(Debug, Clone, Serialize, Deserialize, Validate, ToSchema)]
#[schema(example = json!({"name": "Chequeo anual", "exam_ids": [3, 4, 5]}))]
pub struct PackageDraft {
    /// Unique.
    #[garde(length(chars, min = 1, max = 200))]
    #[schema(min_length = 1, max_length = 200)]
    pub name: String,
    #[garde(length(min = 1, max = 100), custom(each_once))]
    #[schema(min_items = 1, max_items = 100)]
    pub exam_ids: Vec<ExamId>,
    #[serde(default)]
    #[garde(length(chars, max = 2000))]
    #[schema(max_length = 2000)]
    pub description: Option<String>,
    #[serde(default = "yes")]
    #[garde(skip)]
    #[schema(default = true)]
    pub active: bool,
}

/// A place of care.
#[derive(Debug, Clone, Serialize, Deserialize, Validate, ToSchema)]
#[schema(example = json!({"name": "Sede Centro", "lat": -31.4167, "lon": -64.1833, "address":
    {"type": "work", "line1": "Av. Colón 1234", "city": "Córdoba", "country": "AR", "primary": true}}))]
pub struct LocationDraft {
    /// Unique.
    #[garde(length(chars, min = 1, max = 200))]
    #[schema(min_length = 1, max_length = 200)]
    pub name: String,
    #[garde(dive)]
    pub address: Address,
    #[serde(default)]
    #[garde(range(min = -90.0, max = 90.0))]
    #[schema(minimum = -90, maximum = 90)]
    pub lat: Option<f64>,
    #[serde(default)]
    #[garde(range(min = -180.0, max = 180.0))]
    #[schema(minimum = -180, maximum = 180)]
    pub lon: Option<f64>,
    #[serde(default = "yes")]
    #[garde(skip)]
    #[schema(default = true)]
    pub active: bool,
}

/// A new amount for a price that stands.
#[derive(Debug, Clone, Serialize, Deserialize, Validate, ToSchema)]
#[schema(example = json!({"id": 1, "amount_cents": 5000}))]
pub struct NewAmount {
    #[garde(skip)]
    pub id: PriceId,
    #[garde(custom(Cents::check))]
    pub amount_cents: Cents,
}

fn yes() -> bool {
    true
}

fn each_once<C>(exams: &[ExamId], _: &C) -> garde::Result {
    let mut seen = HashSet::new();
    if exams.iter().all(|exam| seen.insert(exam)) {
        return Ok(());
    }
    Err(garde::Error::new("unique: names an exam twice"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_price_names_exactly_one_target() {
        let draft = |exam: Option<i64>, package: Option<i64>| -> PriceDraft {
            serde_json::from_value(
                json!({"exam_id": exam, "package_id": package, "amount_cents": 0}),
            )
            .unwrap()
        };

        assert!(draft(Some(1), None).validate().is_ok());
        assert!(draft(None, Some(1)).validate().is_ok());
        assert!(draft(None, None).validate().is_err());
        assert!(draft(Some(1), Some(1)).validate().is_err());
    }

    #[test]
    fn a_price_does_not_end_before_it_starts() {
        let draft = |to: &str| -> PriceDraft {
            serde_json::from_value(json!({"exam_id": 1, "amount_cents": 0,
                "valid_from": "2025-03-01", "valid_to": to}))
            .unwrap()
        };

        assert!(draft("2025-03-01").validate().is_ok());
        assert!(draft("2025-02-28").validate().is_err());
    }

    #[test]
    fn a_package_holds_one_to_a_hundred_different_exams() {
        let draft = |ids: Vec<i64>| -> PackageDraft {
            serde_json::from_value(json!({"name": "p", "exam_ids": ids})).unwrap()
        };

        assert!(draft((1..=100).collect()).validate().is_ok());
        for refused in [vec![], (1..=101).collect(), vec![1, 2, 1]] {
            assert!(draft(refused).validate().is_err());
        }
    }
}
