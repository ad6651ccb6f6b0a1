//! Doctors: what is written about one, and whether they practise (contract §5.6, §9.2).

use std::collections::HashSet;

use garde::Validate;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain::address::Address;
use crate::domain::contact::{MOST, Phone, one_line, one_primary_address, one_primary_phone};
use crate::domain::id::{InstitutionId, SpecialtyId};
use crate::domain::money::{Cents, Currency};
use crate::domain::state::State;

/// The dearest consultation.
const MOST_CENTS: i64 = 100_000_000;

/// What is written about a doctor.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Validate, ToSchema)]
#[schema(as = DoctorInput, example = json!({"first_name": "Ana", "last_name": "Ruiz",
    "email": "ana@example.com", "medical_license": "MN-12345", "specialty_ids": [3],
    "institution_id": 9, "years_experience": 12, "consultation_fee_cents": 1_500_000,
    "currency": "ARS", "languages": ["es"]}))]
pub struct DoctorDraft {
    #[garde(length(chars, min = 1, max = 100), custom(one_line))]
    #[schema(min_length = 1, max_length = 100)]
    pub first_name: String,
    #[garde(length(chars, min = 1, max = 100), custom(one_line))]
    #[schema(min_length = 1, max_length = 100)]
    pub last_name: String,
    /// The doctor signs in with it. Unique.
    #[garde(email, length(chars, max = 254))]
    #[schema(max_length = 254)]
    pub email: String,
    /// Unique.
    #[garde(length(chars, min = 3, max = 50), custom(one_line))]
    #[schema(min_length = 3, max_length = 50)]
    pub medical_license: String,
    /// The first is the main one.
    #[serde(default)]
    #[garde(custom(names_specialties(self.specialty_id)))]
    #[schema(min_items = 1, max_items = 10)]
    pub specialty_ids: Vec<SpecialtyId>,
    /// The main one, in place of `specialty_ids` or before them.
    #[serde(default, skip_serializing)]
    #[garde(skip)]
    pub specialty_id: Option<SpecialtyId>,
    #[serde(default)]
    #[garde(skip)]
    pub institution_id: Option<InstitutionId>,
    #[garde(range(min = 0, max = 70))]
    #[schema(minimum = 0, maximum = 70)]
    pub years_experience: i64,
    #[garde(custom(is_payable))]
    #[schema(maximum = 100_000_000)]
    pub consultation_fee_cents: Cents,
    /// Absent: the configured `DEFAULT_CURRENCY`.
    #[serde(default)]
    #[garde(skip)]
    pub currency: Option<Currency>,
    #[serde(default)]
    #[garde(inner(length(chars, max = 2000)))]
    #[schema(max_length = 2000)]
    pub bio: Option<String>,
    #[serde(default)]
    #[garde(length(max = 20), inner(length(chars, min = 2, max = 35), custom(one_line)))]
    #[schema(max_items = 20)]
    pub languages: Vec<String>,
    #[serde(default)]
    #[garde(length(max = MOST), custom(one_primary_phone), dive)]
    #[schema(max_items = 10)]
    pub phones: Vec<Phone>,
    #[serde(default)]
    #[garde(length(max = MOST), custom(one_primary_address), dive)]
    #[schema(max_items = 10)]
    pub addresses: Vec<Address>,
    /// What another system calls this doctor. Unique.
    #[serde(default)]
    #[garde(inner(length(chars, min = 1, max = 64), custom(one_line)))]
    #[schema(min_length = 1, max_length = 64)]
    pub external_ref: Option<String>,
    /// Absent: as it stands, or `active` for a new one.
    #[serde(default)]
    #[garde(skip)]
    pub status: Option<DoctorStatus>,
}

/// Whether a doctor practises.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, sqlx::Type, ToSchema)]
#[serde(rename_all = "lowercase")]
#[sqlx(type_name = "text", rename_all = "lowercase")]
pub enum DoctorStatus {
    Active,
    Suspended,
    Retired,
}

impl DoctorStatus {
    pub const ALL: [Self; 3] = [Self::Active, Self::Suspended, Self::Retired];
}

impl DoctorDraft {
    /// Every specialty once, the main one first.
    pub fn specialties(&self) -> Vec<SpecialtyId> {
        let named = self.specialty_id.into_iter().chain(self.specialty_ids.iter().copied());
        let mut seen = HashSet::new();
        named.filter(|id| seen.insert(*id)).collect()
    }
}

impl State for DoctorStatus {
    fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Suspended => "suspended",
            Self::Retired => "retired",
        }
    }

    fn open(self) -> &'static [Self] {
        match self {
            Self::Active => &[Self::Suspended, Self::Retired],
            Self::Suspended => &[Self::Active, Self::Retired],
            Self::Retired => &[],
        }
    }
}

fn names_specialties<C>(
    main: Option<SpecialtyId>,
) -> impl FnOnce(&Vec<SpecialtyId>, &C) -> garde::Result {
    move |ids, _| {
        if ids.is_empty() && main.is_none() {
            return Err(garde::Error::new("required: name at least one specialty"));
        }
        let is_besides = main.is_some_and(|main| !ids.contains(&main));
        if ids.len() + usize::from(is_besides) > 10 {
            return Err(garde::Error::new(
                "length: at most 10 specialties, the main one among them",
            ));
        }
        let mut seen = HashSet::new();
        if ids.iter().all(|id| seen.insert(id)) {
            return Ok(());
        }
        Err(garde::Error::new("unique: names a specialty twice"))
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature garde calls")]
fn is_payable<C>(fee: &Cents, _: &C) -> garde::Result {
    if (0..=MOST_CENTS).contains(&fee.0) {
        return Ok(());
    }
    Err(garde::Error::new(format!("range: must be 0 to {MOST_CENTS}")))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn draft(more: &serde_json::Value) -> DoctorDraft {
        let mut draft = json!({"first_name": "Ana", "last_name": "Ruiz", "email": "a@example.com",
            "medical_license": "MN-1", "years_experience": 3, "consultation_fee_cents": 0});
        draft.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        serde_json::from_value(draft).unwrap()
    }

    #[test]
    fn the_main_specialty_may_be_named_alone_or_first() {
        let ids = |more: &serde_json::Value| {
            draft(more).specialties().into_iter().map(|id| id.0).collect::<Vec<_>>()
        };

        assert_eq!(ids(&json!({"specialty_id": 3})), [3]);
        assert_eq!(ids(&json!({"specialty_ids": [2, 3]})), [2, 3]);
        assert_eq!(ids(&json!({"specialty_id": 3, "specialty_ids": [2, 3]})), [3, 2]);
    }

    #[test]
    fn a_doctor_has_one_to_ten_different_specialties() {
        assert!(draft(&json!({"specialty_id": 1})).validate().is_ok());
        assert!(draft(&json!({"specialty_ids": (1..=10).collect::<Vec<_>>()})).validate().is_ok());
        for refused in [vec![], (1..=11).collect::<Vec<_>>(), vec![1, 1]] {
            assert!(draft(&json!({"specialty_ids": refused})).validate().is_err());
        }
        let with_main = |main: i64| {
            let ids: Vec<_> = (1..=10).collect();
            draft(&json!({"specialty_id": main, "specialty_ids": ids})).validate()
        };
        assert!(with_main(10).is_ok());
        assert!(with_main(11).is_err());
    }

    #[test]
    fn a_retired_doctor_stays_retired() {
        use DoctorStatus as S;
        let moves: Vec<_> = S::ALL
            .into_iter()
            .flat_map(|from| S::ALL.map(|to| (from, to)))
            .filter(|(from, to)| from != to && from.check(*to).is_ok())
            .collect();

        assert_eq!(
            moves,
            [
                (S::Active, S::Suspended),
                (S::Active, S::Retired),
                (S::Suspended, S::Active),
                (S::Suspended, S::Retired)
            ]
        );
    }
}
