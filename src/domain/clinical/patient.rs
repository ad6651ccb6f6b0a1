//! Patients: what is written about one (contract §5.8).

use garde::Validate;
use jiff::civil;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::health::HealthProfile;
use super::validation::ValidationStatus;
use crate::domain::address::Address;
use crate::domain::contact::{
    MOST, Phone, is_telephone, one_line, one_primary_address, one_primary_phone,
};
use crate::domain::date::Date;
use crate::domain::id::{DoctorId, InstitutionId};
use crate::domain::identity::registration::is_believable;
use crate::error::{Error, FieldCode, Kind, Result};

/// What is written about a patient.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Validate, ToSchema)]
#[schema(as = PatientInput, example = json!({"first_name": "María", "last_name": "Gómez",
    "email": "maria@example.com", "date_of_birth": "1990-05-17", "sex": "female", "doctor_id": 45,
    "emergency_contact": {"name": "Luis Gómez", "phone": "+54 351 555 0101",
    "relationship": "hermano"}}))]
pub struct PatientDraft {
    #[garde(length(chars, min = 1, max = 100), custom(one_line))]
    #[schema(min_length = 1, max_length = 100)]
    pub first_name: String,
    #[garde(length(chars, min = 1, max = 100), custom(one_line))]
    #[schema(min_length = 1, max_length = 100)]
    pub last_name: String,
    /// The patient signs in with it. Unique.
    #[garde(email, length(chars, max = 254))]
    #[schema(max_length = 254)]
    pub email: String,
    /// Not in the future, at most 130 years ago.
    #[garde(skip)]
    pub date_of_birth: Date,
    #[garde(skip)]
    pub sex: Sex,
    #[serde(default)]
    #[garde(inner(length(chars, min = 3, max = 30), custom(one_line)))]
    #[schema(min_length = 3, max_length = 30)]
    pub document_number: Option<String>,
    /// At least one of `doctor_id` and `institution_id`.
    #[serde(default)]
    #[garde(skip)]
    pub doctor_id: Option<DoctorId>,
    #[serde(default)]
    #[garde(skip)]
    pub institution_id: Option<InstitutionId>,
    #[serde(default)]
    #[garde(dive)]
    pub emergency_contact: Option<EmergencyContact>,
    /// The flat form of `emergency_contact`; where both are given this one counts.
    #[serde(default, skip_serializing)]
    #[garde(inner(length(chars, min = 1, max = 100), custom(one_line)))]
    #[schema(min_length = 1, max_length = 100)]
    pub emergency_contact_name: Option<String>,
    #[serde(default, skip_serializing)]
    #[garde(inner(length(chars, min = 6, max = 20), custom(is_telephone)))]
    #[schema(min_length = 6, max_length = 20)]
    pub emergency_contact_phone: Option<String>,
    #[serde(default, skip_serializing)]
    #[garde(inner(length(chars, min = 1, max = 50), custom(one_line)))]
    #[schema(min_length = 1, max_length = 50)]
    pub emergency_contact_relationship: Option<String>,
    #[serde(default)]
    #[garde(length(max = MOST), custom(one_primary_phone), dive)]
    #[schema(max_items = 10)]
    pub phones: Vec<Phone>,
    #[serde(default)]
    #[garde(length(max = MOST), custom(one_primary_address), dive)]
    #[schema(max_items = 10)]
    pub addresses: Vec<Address>,
    /// Absent: as it stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[garde(dive)]
    pub health_profile: Option<HealthProfile>,
    /// What another system calls this patient. Unique.
    #[serde(default)]
    #[garde(inner(length(chars, min = 1, max = 64), custom(one_line)))]
    #[schema(min_length = 1, max_length = 64)]
    pub external_ref: Option<String>,
    /// Absent: as it stands, `pending` for a new one.
    #[serde(default)]
    #[garde(skip)]
    pub validation_status: Option<ValidationStatus>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, sqlx::Type, ToSchema)]
#[serde(rename_all = "lowercase")]
#[sqlx(type_name = "text", rename_all = "lowercase")]
pub enum Sex {
    Female,
    Male,
    Intersex,
    Unspecified,
}

/// Whom to call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Validate, ToSchema)]
pub struct EmergencyContact {
    #[garde(length(chars, min = 1, max = 100), custom(one_line))]
    #[schema(min_length = 1, max_length = 100)]
    pub name: String,
    #[garde(length(chars, min = 6, max = 20), custom(is_telephone))]
    #[schema(min_length = 6, max_length = 20)]
    pub phone: String,
    #[serde(default)]
    #[garde(inner(length(chars, min = 1, max = 50), custom(one_line)))]
    #[schema(min_length = 1, max_length = 50)]
    pub relationship: Option<String>,
}

impl PatientDraft {
    /// Whom to call, from either form.
    pub fn emergency_contact(&self) -> Option<EmergencyContact> {
        let object = self.emergency_contact.as_ref();
        let name = self.emergency_contact_name.as_ref().or(object.map(|contact| &contact.name))?;
        let phone = self.emergency_contact_phone.as_ref().or(object.map(|it| &it.phone))?;
        let relationship = self.emergency_contact_relationship.as_ref();
        Some(EmergencyContact {
            name: name.clone(),
            phone: phone.clone(),
            relationship: relationship
                .or(object.and_then(|contact| contact.relationship.as_ref()))
                .cloned(),
        })
    }

    /// Holds the draft to the rules that no field knows by itself. One that `is_associated`, or becomes
    /// so, keeps somebody whose patient it is, and somebody to call.
    pub fn check(&self, today: civil::Date, is_associated: bool) -> Result<()> {
        let mut refused: Option<Error> = None;
        let mut refuse = |pointer: &str, code, detail: &str| {
            let error = Error::field(pointer, code, detail);
            refused = Some(match refused.take() {
                Some(others) => others.beside(error),
                None => error,
            });
        };
        if !is_believable(self.date_of_birth.civil(), today) {
            refuse("/date_of_birth", FieldCode::Range, "not a date of birth");
        }
        let is_nobodys = self.doctor_id.is_none() && self.institution_id.is_none();
        if is_associated && is_nobodys {
            refuse("/doctor_id", FieldCode::Rule, "name a doctor or an institution");
        }
        if (is_associated || !is_nobodys) && self.emergency_contact().is_none() {
            refuse("/emergency_contact", FieldCode::Required, "is required");
        }
        refused.map_or(Ok(()), Err)
    }

    /// What a patient may write of this about themselves: how to be reached, and their health.
    /// `current` is what stands there.
    pub fn check_own(&self, current: &Self) -> Result<()> {
        let fixed = [
            ("first_name", self.first_name == current.first_name),
            ("last_name", self.last_name == current.last_name),
            ("email", self.email.eq_ignore_ascii_case(&current.email)),
            ("date_of_birth", self.date_of_birth == current.date_of_birth),
            ("sex", self.sex == current.sex),
            ("document_number", self.document_number == current.document_number),
            ("doctor_id", self.doctor_id == current.doctor_id),
            ("institution_id", self.institution_id == current.institution_id),
            ("external_ref", self.external_ref == current.external_ref),
            (
                "validation_status",
                self.validation_status.is_none()
                    || self.validation_status == current.validation_status,
            ),
        ];
        if fixed.iter().all(|(_, is_same)| *is_same) {
            return Ok(());
        }
        Err(Kind::Forbidden("patients change their contacts and health profile only").into())
    }
}

#[cfg(test)]
mod tests {
    use civil::date;
    use serde_json::{Value, json};

    use super::*;

    fn draft(more: &Value) -> PatientDraft {
        let mut draft = json!({"first_name": "María", "last_name": "Gómez", "doctor_id": 1,
            "email": "m@example.com", "date_of_birth": "1990-05-17", "sex": "female",
            "emergency_contact": {"name": "Luis", "phone": "555 0101"}});
        draft.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        serde_json::from_value(draft).unwrap()
    }

    fn refused(more: &Value) -> Vec<String> {
        match draft(more).check(date(2025, 10, 13), true) {
            Ok(()) => vec![],
            Err(error) => match error.kind() {
                Kind::Validation(fields) => {
                    fields.iter().map(|field| field.pointer.clone()).collect()
                }
                other => panic!("{other:?}"),
            },
        }
    }

    #[test]
    fn every_broken_rule_is_told_at_once() {
        assert_eq!(refused(&json!({})), [""; 0]);
        assert_eq!(
            refused(&json!({"date_of_birth": "2025-10-14", "doctor_id": null,
                "emergency_contact": null})),
            ["/date_of_birth", "/doctor_id", "/emergency_contact"]
        );
        assert_eq!(refused(&json!({"date_of_birth": "1894-10-13"})), ["/date_of_birth"]);
    }

    #[test]
    fn whom_to_call_may_be_told_flat() {
        let flat = draft(&json!({"emergency_contact": null, "emergency_contact_name": "Eva",
            "emergency_contact_phone": "555 0202"}));

        let contact = flat.emergency_contact().unwrap();

        assert_eq!((contact.name.as_str(), contact.phone.as_str()), ("Eva", "555 0202"));
        let mixed = draft(&json!({"emergency_contact_phone": "555 0303"}));
        assert_eq!(mixed.emergency_contact().unwrap().phone, "555 0303");
        assert_eq!(mixed.emergency_contact().unwrap().name, "Luis");
    }

    #[test]
    fn patients_write_how_to_be_reached_and_nothing_of_their_care() {
        let current = draft(&json!({}));
        let own = draft(&json!({"phones": [{"type": "mobile", "number": "5550404",
            "primary": true}], "health_profile": {"height_cm": 170}}));

        assert!(own.check_own(&current).is_ok());
        for more in [
            json!({"doctor_id": 2}),
            json!({"validation_status": "full_access"}),
            json!({"first_name": "Otra"}),
        ] {
            assert!(draft(&more).check_own(&current).is_err(), "{more}");
        }
    }
}
