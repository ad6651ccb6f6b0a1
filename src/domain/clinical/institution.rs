//! Clinics, hospitals, insurers: what is written about one, and how it is verified (contract §5.7,
//! §9.9).

use garde::Validate;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain::address::Address;
use crate::domain::contact::{MOST, Phone, one_line, one_primary_address, one_primary_phone};
use crate::domain::state::State;

/// What is written about an institution.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Validate, ToSchema)]
#[schema(as = InstitutionInput, example = json!({"name": "Clínica Sur", "type": "clinic",
    "contact_email": "info@clinica.example", "license_number": "INS-778", "region": "Córdoba",
    "country": "AR", "city": "Córdoba"}))]
pub struct InstitutionDraft {
    #[garde(length(chars, min = 2, max = 200), custom(one_line))]
    #[schema(min_length = 2, max_length = 200)]
    pub name: String,
    #[serde(rename = "type")]
    #[garde(skip)]
    pub kind: InstitutionKind,
    /// Its account signs in with it. Unique.
    #[garde(email, length(chars, max = 254))]
    #[schema(max_length = 254)]
    pub contact_email: String,
    /// Unique.
    #[garde(length(chars, min = 3, max = 50), custom(one_line))]
    #[schema(min_length = 3, max_length = 50)]
    pub license_number: String,
    #[garde(length(chars, min = 1, max = 100), custom(one_line))]
    #[schema(min_length = 1, max_length = 100)]
    pub region: String,
    /// ISO 3166-1 alpha-2.
    #[garde(custom(crate::domain::address::is_country))]
    #[schema(pattern = "^[A-Z]{2}$")]
    pub country: String,
    #[serde(default)]
    #[garde(inner(length(chars, min = 1, max = 100), custom(one_line)))]
    #[schema(min_length = 1, max_length = 100)]
    pub city: Option<String>,
    #[serde(default)]
    #[garde(inner(url, length(chars, max = 300)))]
    #[schema(max_length = 300)]
    pub website: Option<String>,
    #[serde(default)]
    #[garde(length(max = MOST), custom(one_primary_phone), dive)]
    #[schema(max_items = 10)]
    pub phones: Vec<Phone>,
    #[serde(default)]
    #[garde(length(max = MOST), custom(one_primary_address), dive)]
    #[schema(max_items = 10)]
    pub addresses: Vec<Address>,
    /// Absent: as it stands, or `active` for a new one.
    #[serde(default)]
    #[garde(skip)]
    pub status: Option<InstitutionStatus>,
    #[serde(default)]
    #[garde(inner(length(chars, max = 200), custom(one_line)))]
    #[schema(max_length = 200)]
    pub accreditation: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, sqlx::Type, ToSchema)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum InstitutionKind {
    #[serde(alias = "clinica")]
    Clinic,
    Hospital,
    #[serde(alias = "aseguradora")]
    Insurer,
    #[serde(alias = "laboratorio")]
    Laboratory,
    #[serde(alias = "farmacia")]
    Pharmacy,
    HealthCenter,
    Other,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, sqlx::Type, ToSchema)]
#[serde(rename_all = "lowercase")]
#[sqlx(type_name = "text", rename_all = "lowercase")]
pub enum InstitutionStatus {
    Active,
    Inactive,
    Suspended,
}

/// Whether the papers of an institution were found good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, sqlx::Type, ToSchema)]
#[serde(rename_all = "lowercase")]
#[sqlx(type_name = "text", rename_all = "lowercase")]
pub enum Verification {
    Pending,
    Verified,
    Rejected,
}

impl State for Verification {
    fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Verified => "verified",
            Self::Rejected => "rejected",
        }
    }

    fn open(self) -> &'static [Self] {
        match self {
            Self::Pending => &[Self::Verified, Self::Rejected],
            Self::Verified | Self::Rejected => &[Self::Pending],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Kind;

    #[test]
    fn kinds_are_read_in_spanish_too() {
        for (name, kind) in [
            ("clinica", InstitutionKind::Clinic),
            ("aseguradora", InstitutionKind::Insurer),
            ("laboratorio", InstitutionKind::Laboratory),
            ("farmacia", InstitutionKind::Pharmacy),
            ("health_center", InstitutionKind::HealthCenter),
        ] {
            let read: InstitutionKind = serde_json::from_value(name.into()).unwrap();
            assert_eq!(read, kind, "{name}");
        }
        assert_eq!(serde_json::to_value(InstitutionKind::Clinic).unwrap(), "clinic");
    }

    #[test]
    fn a_decision_is_reviewed_before_it_is_turned_around() {
        use Verification as V;
        assert!(V::Pending.check(V::Verified).is_ok() && V::Rejected.check(V::Pending).is_ok());
        for (from, to) in [(V::Verified, V::Rejected), (V::Rejected, V::Verified)] {
            assert!(matches!(
                from.check(to).unwrap_err().kind(),
                Kind::InvalidTransition { allowed, .. } if allowed == &["pending"]
            ));
        }
    }
}
