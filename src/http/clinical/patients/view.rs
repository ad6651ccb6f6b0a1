//! A patient as those see one who may.

use jiff::civil;
use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::address::Address;
use crate::domain::clinical::health::HealthProfile;
use crate::domain::clinical::kpi::Kpis;
use crate::domain::clinical::patient::{EmergencyContact, PatientDraft, Sex};
use crate::domain::clinical::validation::ValidationStatus;
use crate::domain::contact::Phone;
use crate::domain::date::Date;
use crate::domain::id::{DoctorId, InstitutionId, PatientId, UserId};
use crate::domain::time::Timestamp;
use crate::error::{Kind, Result};
use crate::http::App;
use crate::persistence::Source;
use crate::persistence::clinical::contacts::{self, Contacts, Holder};
use crate::persistence::clinical::health_profiles;
use crate::persistence::clinical::patient_list::Listed;
use crate::persistence::clinical::patients::{self, Association};
use crate::persistence::clinical::row::{Stamp, find};

/// A patient.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = Patient, example = json!({"id": 77, "user_id": 310, "first_name": "María",
    "last_name": "Gómez", "email": "maria@example.com", "date_of_birth": "1990-05-17",
    "sex": "female", "document_number": null, "doctor_id": 45, "institution_id": 9,
    "validation_status": "pending", "association_status": "associated",
    "emergency_contact": {"name": "Luis Gómez", "phone": "+54 351 555 0101",
    "relationship": "hermano"}, "phones": [], "addresses": [], "kpis": {"age": 35, "bmi": 22.5,
    "bmi_class": "normal", "health_score": 88, "health_score_coverage": 0.8},
    "external_ref": "patient-maria-123", "version": 1, "created_at": "2025-10-13T04:58:18.128Z",
    "updated_at": "2025-10-13T04:58:18.128Z", "deleted_at": null}))]
pub(in crate::http) struct PatientView {
    id: PatientId,
    user_id: Option<UserId>,
    first_name: String,
    last_name: String,
    email: Option<String>,
    date_of_birth: Date,
    sex: Sex,
    document_number: Option<String>,
    doctor_id: Option<DoctorId>,
    institution_id: Option<InstitutionId>,
    validation_status: ValidationStatus,
    association_status: Association,
    emergency_contact: Option<EmergencyContact>,
    phones: Vec<Phone>,
    addresses: Vec<Address>,
    kpis: Kpis,
    external_ref: Option<String>,
    #[serde(flatten)]
    pub(in crate::http) stamp: Stamp,
}

/// What a list shows of a patient.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(in crate::http) struct PatientSummary {
    id: PatientId,
    first_name: String,
    last_name: String,
    date_of_birth: Date,
    validation_status: ValidationStatus,
    doctor_id: Option<DoctorId>,
    institution_id: Option<InstitutionId>,
    kpis: Kpis,
}

/// A patient with the health profile.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(super) struct PatientWithProfile {
    #[serde(flatten)]
    pub(super) patient: PatientView,
    pub(super) health_profile: Option<HealthProfile>,
}

/// A patient with what stands in other tables.
pub(in crate::http) struct Complete {
    pub(in crate::http) row: patients::Patient,
    contacts: Contacts,
    pub(in crate::http) profile: Option<HealthProfile>,
}

/// Today, as ages are reckoned.
pub(in crate::http) fn today() -> civil::Date {
    day_of(Timestamp::now())
}

/// The day of a moment, UTC.
pub(in crate::http) fn day_of(moment: Timestamp) -> civil::Date {
    let moment = jiff::Timestamp::from_millisecond(moment.0).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    moment.to_zoned(jiff::tz::TimeZone::UTC).date()
}

/// One patient with all that belongs to it.
pub(in crate::http) async fn read(app: &App, id: PatientId) -> Result<Complete> {
    complete(&app.store, find(&app.store, id).await?).await
}

/// Brings a row together with what stands in other tables.
pub(super) async fn complete(
    source: impl Into<Source<'_>>,
    row: patients::Patient,
) -> Result<Complete> {
    let (mut source, id) = (source.into(), row.id);
    let contacts = contacts::of(source.lend(), Holder::Patient, &[id.0]).await?.remove(&id.0);
    let profile = health_profiles::find(source, id).await?;
    Ok(Complete { row, contacts: contacts.unwrap_or_default(), profile })
}

impl PatientSummary {
    /// What a list shows today.
    pub(super) fn of(row: Listed, today: civil::Date) -> Self {
        Self {
            kpis: row.measured.kpis(row.date_of_birth.civil(), today),
            id: row.id,
            first_name: row.first_name,
            last_name: row.last_name,
            date_of_birth: row.date_of_birth,
            validation_status: row.validation_status,
            doctor_id: row.doctor_id,
            institution_id: row.institution_id,
        }
    }
}

impl Complete {
    pub(in crate::http) fn kpis(&self) -> Kpis {
        let unknown = HealthProfile::default();
        let profile = self.profile.as_ref().unwrap_or(&unknown);
        profile.kpis(self.row.date_of_birth.civil(), today())
    }

    pub(in crate::http) fn summary(&self) -> PatientSummary {
        let row = self.row.clone();
        PatientSummary {
            kpis: self.kpis(),
            id: row.id,
            first_name: row.first_name,
            last_name: row.last_name,
            date_of_birth: row.date_of_birth,
            validation_status: row.validation_status,
            doctor_id: row.doctor_id,
            institution_id: row.institution_id,
        }
    }

    pub(in crate::http) fn view(self) -> PatientView {
        let kpis = self.kpis();
        let Self { row, contacts, .. } = self;
        PatientView {
            emergency_contact: row.emergency_contact(),
            id: row.id,
            user_id: row.user_id,
            first_name: row.first_name,
            last_name: row.last_name,
            email: row.email,
            date_of_birth: row.date_of_birth,
            sex: row.sex,
            document_number: row.document_number,
            doctor_id: row.doctor_id,
            institution_id: row.institution_id,
            validation_status: row.validation_status,
            association_status: row.association_status,
            phones: contacts.phones,
            addresses: contacts.addresses,
            kpis,
            external_ref: row.external_ref,
            stamp: row.stamp,
        }
    }

    /// The patient as an author would write it, health left out.
    pub(super) fn draft(&self) -> PatientDraft {
        let row = &self.row;
        PatientDraft {
            first_name: row.first_name.clone(),
            last_name: row.last_name.clone(),
            email: row.email.clone().unwrap_or_default(),
            date_of_birth: row.date_of_birth.clone(),
            sex: row.sex,
            document_number: row.document_number.clone(),
            doctor_id: row.doctor_id,
            institution_id: row.institution_id,
            emergency_contact: row.emergency_contact(),
            emergency_contact_name: None,
            emergency_contact_phone: None,
            emergency_contact_relationship: None,
            phones: self.contacts.phones.clone(),
            addresses: self.contacts.addresses.clone(),
            health_profile: None,
            external_ref: row.external_ref.clone(),
            validation_status: Some(row.validation_status),
        }
    }

    /// Refuses what may not be seen before an institution has validated the patient.
    pub(in crate::http) fn must_be_validated(&self) -> Result<()> {
        if self.row.validation_status >= ValidationStatus::ValidatedByInstitution {
            return Ok(());
        }
        Err(Kind::Forbidden("the patient is not validated by an institution yet").into())
    }
}
